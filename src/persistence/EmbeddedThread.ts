/**
 * The thread that Postgres runs on. PGlite computes on the caller's stack, and waits for the disk there too: on a thread
 * of its own it keeps nobody waiting who did not ask it something.
 */
import { PGlite } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import * as fs from "node:fs"
import * as path from "node:path"
import { type MessagePort, parentPort, workerData } from "node:worker_threads"

/** What the thread is started with. */
export interface Start {
  /** Where the data is; `undefined` is memory. */
  readonly folder: string | undefined
}

/** What it is asked, one thing after another. Each `Ask` gets one `Answer`; the first `Answer` says that it is open. */
export type Ask = Messages | "close"
export interface Messages {
  /** Whole messages of Postgres' protocol. */
  readonly messages: Uint8Array
  /** Present when a connection begins: what it wants to be set. */
  readonly setup: ReadonlyArray<string> | undefined
}

/** Messages of Postgres' protocol, or why there will never be an answer again. */
export type Answer = Uint8Array<ArrayBuffer> | string

/** The answer that says no more than that it is done. */
const done = (): Answer => new Uint8Array()

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

/** PGlite runs with fsync off, and its files cannot do it. With these settings and these files a commit is on disk. */
const durable = [...PGlite.defaultStartParams.filter((parameter) => parameter !== "-F"), "-c", "wal_sync_method=fsync"]

/** An I/O error, in the numbering of WebAssembly. */
const EIO = 29

class DurableFiles extends NodeFS {
  /** Called with why nothing more can be made durable. */
  onFailure: (cause: unknown) => void = () => {}

  override init(...[db, options]: Parameters<NodeFS["init"]>) {
    const fsync = ({ nfd }: { readonly nfd: number }) => {
      try {
        fs.fsyncSync(nfd)
        return 0
      } catch (cause) {
        this.onFailure(cause)
        return EIO
      }
    }
    const preRun: typeof options.preRun = [
      ...(options.preRun ?? []),
      (module) => void Object.assign(module.NODEFS.stream_ops, { fsync })
    ]
    return super.init(db, { ...options, preRun, onAbort: (cause: unknown) => this.onFailure(cause) })
  }
}

/** Bytes asked between checkpoints. No other process is here to keep the log, and so a recovery, short. */
const checkpointEvery = 128 * 1024 * 1024

class Session {
  readonly #db: PGlite
  #setup: ReadonlyArray<string> = []
  #sinceCheckpoint = 0
  #broken: string | undefined

  static async open(folder: string | undefined) {
    const files = folder === undefined ? undefined : new DurableFiles(folder)
    const session = new Session(await PGlite.create(files === undefined ? {} : { fs: files, startParams: durable }))
    if (files !== undefined) files.onFailure = (cause) => session.#breakDown(String(cause))
    return session
  }

  constructor(db: PGlite) {
    this.#db = db
  }

  answer({ messages, setup }: Messages): Answer {
    // What the connection before left behind: a transaction, settings, prepared statements.
    if (setup !== undefined) this.#each(["ROLLBACK", "DISCARD ALL", ...(this.#setup = setup)])
    this.#sinceCheckpoint += messages.length
    return this.#run(messages)
  }

  /** What nobody waits for. */
  tidyUp() {
    if (this.#sinceCheckpoint < checkpointEvery || this.#db.isInTransaction()) return
    this.#sinceCheckpoint = 0
    this.#each([
      "RESET ROLE",
      "VACUUM (ANALYZE) transactions, wallets, products, coupons, user_coupons, owed_coupons",
      "CHECKPOINT",
      ...this.#setup
    ])
  }

  async close(): Promise<Answer> {
    if (this.#broken === undefined) await this.#db.close()
    return done()
  }

  #each(statements: ReadonlyArray<string>) {
    for (const statement of statements) {
      const answer = this.#run(simpleQuery(statement))
      if (answer[0] === code("E")) this.#breakDown(statement)
    }
  }

  #run(messages: Uint8Array): Answer {
    if (this.#broken === undefined) {
      const answer = new Uint8Array(this.#db.execProtocolRawSync(messages))
      // What was said after the disk failed is not to be trusted.
      if (this.#broken === undefined) return answer
    }
    return this.#broken
  }

  #breakDown(why: string) {
    this.#broken ??= `The embedded database broke down; start again to recover what was committed: ${why}`
  }
}

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

const serve = async (port: MessagePort, { folder }: Start) => {
  if (folder !== undefined) await create(folder)
  const session = await Session.open(folder)
  const answer = (to: Answer) => port.postMessage(to, typeof to === "string" ? [] : [to.buffer])
  port.on("message", async (ask: Ask) => {
    if (ask === "close") return answer(await session.close())
    answer(session.answer(ask))
    session.tidyUp()
  })
  answer(done())
}

if (parentPort !== null) await serve(parentPort, workerData)
