import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { userId, type UserId } from "../../src/domain/Ids.ts"
import { won } from "../../src/domain/Money.ts"
import * as Database from "../../src/persistence/Database.ts"
import { DataFolderInUse } from "../../src/persistence/DataFolder.ts"
import * as Embedded from "../../src/persistence/Embedded.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import { onPostgres } from "./Backends.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => path.join(mkdtempSync(path.join(tmpdir(), "sluice-data-")), "data")),
  (data) => Effect.sync(() => rmSync(path.dirname(data), { recursive: true, force: true }))
)

/** Opens the folder for as long as `use` takes. */
const opened = <A, E, R>(dataDir: string, use: Effect.Effect<A, E, R>) =>
  Effect.provide(use, Layer.fresh(Layer.provideMerge(onPostgres, Database.embedded({ dataDir }))))

/** A data folder that was used before. Making one takes a while, so all are copies of one. */
class Used extends Context.Service<Used, { readonly copy: Effect.Effect<string, never, Scope.Scope> }>()("test/Used") {
  static readonly layer = Layer.effect(
    Used,
    Effect.gen(function* () {
      const original = yield* folder
      yield* opened(original, Database.verifyPartitions(8))
      return {
        copy: Effect.tap(folder, (data) => Effect.sync(() => cpSync(original, data, { recursive: true })))
      }
    })
  )
}
const used = Effect.flatMap(Used, ({ copy }) => copy)

/** Another process that has opened the folder and commits, and what it says. */
const committer = (dataDir: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const here = import.meta.dirname
      const args = ["--import", path.join(here, "disk.ts"), path.join(here, "committer.ts"), dataDir]
      const child = spawn(process.execPath, args, { cwd: path.dirname(dataDir), stdio: ["ignore", "pipe", "ignore"] })
      return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
    }),
    ({ child }) => kill(child)
  )

const kill = (child: ChildProcess) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill("SIGKILL")
    await once(child, "exit")
  })

const ended = (child: ChildProcess) =>
  Effect.promise(async () => child.exitCode ?? child.signalCode ?? (await once(child, "exit"))[0])

const balanceOf = (dataDir: string, user: UserId) =>
  opened(
    dataDir,
    Effect.flatMap(Journal, (journal) => journal.load("wallet", [user]))
  ).pipe(Effect.map(([wallet]) => wallet?.balance ?? won(0)))

const line = ({ lines }: Effect.Success<ReturnType<typeof committer>>) =>
  Effect.promise(() => lines.next()).pipe(Effect.map(({ value }) => String(value)))

layer(Used.layer, { excludeTestServices: true, timeout: "60 seconds" })("a data folder", (it) => {
  it.effect("keeps what was written, and is on the disk", () =>
    Effect.gen(function* () {
      const dataDir = yield* used
      const error = yield* Effect.flip(opened(dataDir, Database.verifyPartitions(9)))
      assert.include(error.message, "8 partitions")
      const settings = yield* opened(
        dataDir,
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`
          SELECT current_user::text, current_setting('fsync') AS fsync, current_setting('wal_sync_method') AS method`
        )
      )
      assert.deepEqual(settings, [{ current_user: "sluice_app", fsync: "on", method: "fsync" }])
    })
  )

  it.effect("that was not finished is begun again", () =>
    Effect.gen(function* () {
      const dataDir = yield* folder
      mkdirSync(path.join(dataDir, "postgres.new"), { recursive: true })
      writeFileSync(path.join(dataDir, "postgres.new", "PG_VERSION"), "18")
      yield* opened(dataDir, Database.verifyPartitions(8))
      assert.isFalse(existsSync(path.join(dataDir, "postgres.new")))
    })
  )

  it.effect("that cannot be made is named", () =>
    Effect.gen(function* () {
      const dataDir = yield* folder
      writeFileSync(dataDir, "a file")
      const error = yield* Effect.flip(opened(dataDir, Effect.void))
      assert.strictEqual(error._tag, "DataFolderUnusable")
      assert.include(error.message, dataDir)
    })
  )

  it.effect("is open once in a process", () =>
    Effect.gen(function* () {
      const dataDir = yield* used
      const error = yield* opened(dataDir, Effect.flip(opened(dataDir, Effect.void)))
      assert.instanceOf(error, DataFolderInUse)
      yield* opened(dataDir, Effect.void)
    })
  )

  it.effect("belongs to one process, and to nobody once that was killed", () =>
    Effect.gen(function* () {
      const dataDir = yield* used
      const other = yield* committer(dataDir)
      assert.strictEqual(yield* line(other), "open")
      const error = yield* Effect.flip(opened(dataDir, Effect.void))
      assert.instanceOf(error, DataFolderInUse)
      assert.deepInclude(error, { folder: dataDir, pid: other.child.pid })
      assert.include(error.message, `${dataDir} is in use by the process ${other.child.pid}`)
      yield* kill(other.child)
      yield* opened(dataDir, Effect.void)
    })
  )

  it.effect("has every commit that was answered, whenever its process was killed", () =>
    Effect.gen(function* () {
      const dataDir = yield* used
      for (const commits of [1, 7, 150]) {
        const process = yield* committer(dataDir)
        assert.strictEqual(yield* line(process), "open")
        const user = userId((yield* line(process)).slice(4))
        let answered = 0
        while (answered < commits) answered = Number(yield* line(process))
        yield* kill(process.child)
        for (let rest = yield* line(process); rest !== "undefined"; rest = yield* line(process)) answered = Number(rest)
        const balance = yield* balanceOf(dataDir, user)
        // One more may have been committed without an answer.
        assert.isTrue(balance === answered || balance === answered + 1, `${answered} answered, ${balance} there`)
      }
    })
  )

  it.effect("whose disk fails gives no more answers, and has every commit it answered", () =>
    Effect.gen(function* () {
      const dataDir = yield* used
      const process = yield* committer(dataDir)
      assert.strictEqual(yield* line(process), "open")
      const user = userId((yield* line(process)).slice(4))
      let answered = 0
      while (answered < 20) answered = Number(yield* line(process))
      writeFileSync(path.join(dataDir, "..", "disk-fails"), "")
      for (let rest = yield* line(process); rest !== "undefined"; rest = yield* line(process)) answered = Number(rest)
      assert.notStrictEqual(yield* ended(process.child), 0)
      const balance = yield* balanceOf(dataDir, user)
      assert.isTrue(balance === answered || balance === answered + 1, `${answered} answered, ${balance} there`)
    })
  )
})

describe("the one session", () => {
  it.live("is as new for each of its connections", () =>
    Effect.gen(function* () {
      const connect = yield* Embedded.open(undefined)
      const connection = (setup: ReadonlyArray<string>) =>
        PgClient.makeClient({ stream: () => connect(setup), username: "postgres", database: "postgres" })

      yield* Effect.gen(function* () {
        const sql = yield* connection(["SET lock_timeout = '1h'"])
        assert.deepEqual(yield* sql`SHOW lock_timeout`, [{ lock_timeout: "1h" }])
        yield* sql`SET statement_timeout = '2h'`
        yield* sql`CREATE TEMP TABLE left_behind (x int)`
        yield* sql`BEGIN`
        yield* sql`CREATE TABLE not_committed (x int)`
      }).pipe(Effect.scoped)

      const sql = yield* connection([])
      const [left] = yield* sql`
        SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
          to_regclass('left_behind') AS temporary, to_regclass('not_committed') AS pending`
      assert.deepEqual(left, { lock: "0", statement: "0", temporary: null, pending: null })
    }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))
  )

  it.live("makes a checkpoint after so much was asked, and is the application's again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const checkpoint = sql`SELECT checkpoint_lsn::text AS at, current_user::text AS role FROM pg_control_checkpoint()`
      const [before] = yield* checkpoint
      const text = "x".repeat(8 * 1024 * 1024)
      for (let n = 0; n < 17; n++) yield* sql`SELECT length(${text})`
      const [after] = yield* checkpoint
      assert.notStrictEqual(after?.["at"], before?.["at"])
      assert.deepEqual([before?.["role"], after?.["role"]], ["sluice_app", "sluice_app"])
    }).pipe(Effect.provide(Database.embedded({ dataDir: undefined })))
  )

  it.live("never begins with a setting that cannot be made", () =>
    Effect.gen(function* () {
      const connect = yield* Embedded.open(undefined)
      const stream = () => connect(["SET ROLE nobody"])
      const error = yield* Effect.flip(PgClient.makeClient({ stream, username: "postgres", database: "postgres" }))
      assert.strictEqual(error.reason._tag, "ConnectionError")
    }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))
  )
})
