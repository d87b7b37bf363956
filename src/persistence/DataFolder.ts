/** A data folder belongs to one process at a time. */
import { Effect, Schema, type Scope } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { pid } from "node:process"
import { DatabaseSync } from "node:sqlite"

/** Another process has the data folder open. */
export class DataFolderInUse extends Schema.TaggedError<DataFolderInUse>()("DataFolderInUse", {
  folder: Schema.String,
  /** That process, as far as is known. */
  pid: Schema.UndefinedOr(Schema.Int)
}) {
  override get message() {
    const owner = this.pid === undefined ? "another process" : `the process ${this.pid}`
    return `The data folder ${this.folder} is in use by ${owner}: stop it, or choose another folder with DATA_DIR`
  }
}

/** The data folder cannot be made or written. */
export class DataFolderUnusable extends Schema.TaggedError<DataFolderUnusable>()("DataFolderUnusable", {
  folder: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `The data folder ${this.folder} cannot be used: ${String(this.cause)}`
  }
}

/** Attempts what needs the folder. */
export const attempt = <A>(folder: string, use: () => A | Promise<A>): Effect.Effect<A, DataFolderUnusable> =>
  Effect.tryPromise({ try: async () => use(), catch: (cause) => new DataFolderUnusable({ folder, cause }) })

/**
 * Keeps other processes out of `folder`, which is made if it is missing, for as long as the scope is open.
 *
 * Node has no call for locking a file, but its SQLite does: an exclusive transaction on an empty database is a lock of
 * the operating system's. The kernel gives it up when we die, of whatever cause, so no lock is ever stale. The pid is
 * written for people only.
 */
export const lock = (folder: string): Effect.Effect<void, DataFolderInUse | DataFolderUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    const pidFile = path.join(folder, "lock.pid")
    const database = yield* Effect.acquireRelease(
      attempt(folder, () => {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        return new DatabaseSync(path.join(folder, "lock"), { timeout: 0 })
      }),
      (opened) => Effect.sync(() => opened.close())
    )
    yield* Effect.try({
      try: () => database.exec("BEGIN EXCLUSIVE"),
      catch: (cause) => (isBusy(cause) ? inUse(folder, pidFile) : new DataFolderUnusable({ folder, cause }))
    })
    yield* attempt(folder, () => writeFileSync(pidFile, `${pid}\n`))
  })

const SQLITE_BUSY = 5
const isBusy = (cause: unknown) => cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY

const inUse = (folder: string, pidFile: string) => {
  try {
    const owner = Number.parseInt(readFileSync(pidFile, "utf8"))
    return new DataFolderInUse({ folder, pid: Number.isInteger(owner) ? owner : undefined })
  } catch {
    return new DataFolderInUse({ folder, pid: undefined })
  }
}
