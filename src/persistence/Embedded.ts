/**
 * Postgres inside this process: PGlite, in a folder of this machine or in memory.
 *
 * It speaks Postgres' protocol over a stream, so whoever talks to a server can talk to it; but it has one session, which
 * all connections share, one after another.
 */
import { Effect, type Scope } from "effect"
import * as path from "node:path"
import { Duplex } from "node:stream"
import { Worker } from "node:worker_threads"
import { attempt, type DataFolderInUse, type DataFolderUnusable, lock } from "./DataFolder.ts"
import type { Answer, Ask, Start } from "./EmbeddedThread.ts"

/** Opens a connection. `setup` are statements to run first: the session remembers what its connections set. */
export type Connect = (setup: ReadonlyArray<string>) => Duplex

export type OpenFailure = DataFolderInUse | DataFolderUnusable

/** Opens the database in `folder`, or creates it there; `undefined` is memory. */
export const open = (folder: string | undefined): Effect.Effect<Connect, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    if (folder !== undefined) yield* lock(folder)
    const thread = yield* Effect.acquireRelease(
      attempt(folder ?? "memory", () => Thread.start({ folder: folder && path.join(folder, "postgres") })),
      (started) => Effect.promise(() => started.close())
    )
    return (setup) => new Connection(thread, setup)
  })

type Waiting = (answer: Uint8Array | Error) => void

/** Our end of the thread that the database runs on. */
class Thread {
  readonly #worker: Worker
  /** Whoever asked and has no answer yet, in their order. */
  readonly #waiting: Array<Waiting> = []
  #broken: Error | undefined

  static async start(workerData: Start) {
    const thread = new Thread(new Worker(new URL("./EmbeddedThread.ts", import.meta.url), { workerData }))
    const opened = await new Promise<Uint8Array | Error>((resume) => thread.#waiting.push(resume))
    return opened instanceof Error ? Promise.reject(opened) : thread
  }

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on("message", (answer: Answer) => {
      if (typeof answer === "string") this.#breakDown(new Error(answer))
      else this.#waiting.shift()?.(answer)
    })
    worker.on("error", (cause) => this.#breakDown(new Error("The embedded database failed", { cause })))
    worker.on("exit", () => this.#breakDown(new Error("The embedded database has ended")))
  }

  ask(ask: Ask, resume: Waiting) {
    if (this.#broken !== undefined) return resume(this.#broken)
    this.#waiting.push(resume)
    this.#worker.postMessage(ask, [])
  }

  /** Postgres puts its files in order; then the thread ends. */
  async close() {
    await new Promise<unknown>((resume) => this.ask("close", resume))
    await this.#worker.terminate()
  }

  #breakDown(error: Error) {
    this.#broken ??= error
    for (const resume of this.#waiting.splice(0)) resume(this.#broken)
  }
}

const cancelRequest = 80_877_102

class Connection extends Duplex {
  readonly #thread: Thread
  readonly #setup: ReadonlyArray<string>

  constructor(thread: Thread, setup: ReadonlyArray<string>) {
    super()
    this.#thread = thread
    this.#setup = setup
  }

  override _read() {}

  /** `messages` are whole, because that is how they are written. */
  override _write(messages: Buffer, _encoding: string, done: (error?: Error) => void) {
    const begins = messages[0] === 0
    // PGlite has no way to be interrupted.
    if (begins && messages.readUInt32BE(4) === cancelRequest) {
      this.destroy()
      return done()
    }
    this.#thread.ask({ messages, setup: begins ? this.#setup : undefined }, (answer) => {
      if (answer instanceof Error) return done(answer)
      if (answer.length > 0) this.push(answer)
      done()
    })
  }
}
