/**
 * Postgres inside this process: PGlite, in a folder of this machine or in memory.
 *
 * It speaks Postgres' protocol over a stream, so whoever talks to a server can talk to it; but it has one session, which
 * all connections share, one after another.
 */
import { PGlite } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { Duplex } from "node:stream"
import { attempt, type DataFolderInUse, type DataFolderUnusable, lock } from "./DataFolder.ts"

/** Opens a connection. `setup` are statements to run first: the session remembers what its connections set. */
export type Connect = (setup: ReadonlyArray<string>) => Duplex

export type OpenFailure = DataFolderInUse | DataFolderUnusable

/** Opens the database in `folder`, or creates it there; `undefined` is memory. */
export const open = (folder: string | undefined): Effect.Effect<Connect, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    if (folder !== undefined) {
      yield* lock(folder)
      yield* attempt(folder, () => create(path.join(folder, "postgres")))
    }
    const session = yield* Effect.acquireRelease(
      attempt(folder ?? "memory", () => Session.open(folder && path.join(folder, "postgres"))),
      (opened) => Effect.promise(() => opened.close())
    )
    return (setup) => new Connection(session, setup)
  })

/** A folder is there, complete and on the disk, or not at all. */
const create = async (folder: string) => {
  if (fs.existsSync(folder)) return
  const unfinished = `${folder}.new`
  fs.rmSync(unfinished, { recursive: true, force: true })
  await (await Session.open(unfinished)).close()
  const files = fs.readdirSync(unfinished, { recursive: true, encoding: "utf8" })
  await Promise.all([".", ...files].map((file) => sync(path.join(unfinished, file))))
  fs.renameSync(unfinished, folder)
  await sync(path.dirname(folder))
}

const sync = async (file: string) => {
  const handle = await fs.promises.open(file, "r")
  await handle.sync()
  await handle.close()
}

const code = (letter: string) => letter.charCodeAt(0)

/** A message of the simple query protocol. */
const simpleQuery = (statement: string) => {
  const text = new TextEncoder().encode(statement)
  const message = new Uint8Array(text.length + 6)
  message[0] = code("Q")
  new DataView(message.buffer).setUint32(1, text.length + 5)
  message.set(text, 5)
  return message
}

const failed = (answer: Uint8Array) => answer[0] === code("E")

/** The one session. It answers at once: Postgres runs on our stack. */
class Session {
  readonly #db: PGlite
  readonly #files: DurableFiles | undefined

  static async open(folder: string | undefined) {
    const files = folder === undefined ? undefined : new DurableFiles(folder)
    const db = await PGlite.create(files === undefined ? {} : { fs: files, startParams: durable })
    return new Session(db, files)
  }

  constructor(db: PGlite, files: DurableFiles | undefined) {
    this.#db = db
    this.#files = files
  }

  /** The answers to messages, or an error after which there will never be another answer. */
  answer(messages: Uint8Array): Uint8Array | Error {
    if (this.#files?.broken === undefined) {
      const answers = this.#db.execProtocolRawSync(messages)
      // What was said after the disk failed is not to be trusted.
      if (this.#files?.broken === undefined) return answers
    }
    return this.#files.broken
  }

  close() {
    return this.#files?.broken === undefined ? this.#db.close() : Promise.resolve()
  }
}

/** PGlite runs with fsync off, and its files cannot do it. With these settings and these files a commit is on disk. */
const durable = [...PGlite.defaultStartParams.filter((parameter) => parameter !== "-F"), "-c", "wal_sync_method=fsync"]

class DurableFiles extends NodeFS {
  /** Why nothing more can be made durable. */
  broken: Error | undefined

  override init(...[db, options]: Parameters<NodeFS["init"]>) {
    const breakDown = (cause: unknown) => {
      this.broken ??= new Error("The embedded database broke down: restart to recover what was committed", { cause })
    }
    const fsync = ({ nfd }: { readonly nfd: number }) => {
      try {
        fs.fsyncSync(nfd)
        return 0
      } catch (cause) {
        breakDown(cause)
        return EIO
      }
    }
    const preRun: typeof options.preRun = [
      ...(options.preRun ?? []),
      (module) => void Object.assign(module.NODEFS.stream_ops, { fsync })
    ]
    return super.init(db, { ...options, preRun, onAbort: breakDown })
  }
}

/** An I/O error, in the numbering of WebAssembly. */
const EIO = 29

const cancelRequest = 80_877_102

class Connection extends Duplex {
  readonly #session: Session
  readonly #setup: ReadonlyArray<string>

  constructor(session: Session, setup: ReadonlyArray<string>) {
    super()
    this.#session = session
    this.#setup = setup
  }

  override _read() {}

  /** `messages` are whole, because that is how they are written. */
  override _write(messages: Buffer, _encoding: string, done: (error?: Error) => void) {
    const begins = messages[0] === 0
    // There is nothing to cancel: a query is over before anybody can ask.
    if (begins && messages.readUInt32BE(4) === cancelRequest) {
      this.destroy()
      return done()
    }
    const answers = begins ? this.#begin(messages) : this.#session.answer(messages)
    if (answers instanceof Error) return done(answers)
    if (answers.length > 0) this.push(answers)
    done()
  }

  /** Forgets what the connection before left behind: a transaction, settings, prepared statements. */
  #begin(startup: Uint8Array) {
    for (const statement of ["ROLLBACK", "DISCARD ALL", ...this.#setup]) {
      const answer = this.#session.answer(simpleQuery(statement))
      if (answer instanceof Error) return answer
      if (failed(answer)) return new Error(`${statement}: ${new TextDecoder().decode(answer)}`)
    }
    return this.#session.answer(startup)
  }
}
