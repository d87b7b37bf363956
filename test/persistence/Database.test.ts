import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Services from "../../dev/Services.ts"
import * as Database from "../../src/persistence/Database.ts"
import * as Migrations from "../../src/persistence/Migrations.ts"
import { freshDatabase } from "../setup/Database.ts"
import { server } from "./Backends.ts"

const connect = (url: string) =>
  PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer), Effect.orDie)

const start = (url: string) => SqlClient.SqlClient.pipe(Effect.asVoid, Effect.provide(server(url)))

/** Why it does not start. */
const refusal = (url: string) => Effect.map(Effect.flip(start(url)), ({ message }) => message)

/** Our migrations, to be changed. */
const ownMigrations = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(path.join(tmpdir(), "sluice-migrations-"))
    cpSync(Migrations.folder, folder, { recursive: true })
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const migrate = (url: string, folder: string) =>
  Effect.flatMap(connect(url), (sql) =>
    Effect.provideService(Migrations.migrate(folder), SqlClient.SqlClient, sql)
  ).pipe(Effect.scoped)

const tables = (url: string) =>
  Effect.flatMap(connect(url), (sql) => sql`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`).pipe(
    Effect.map((rows) => rows.length),
    Effect.scoped
  )

describe("the schema", () => {
  it.live("is made by whoever starts first, and by nobody again", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      yield* Effect.all(
        Array.from({ length: 6 }, () => start(url)),
        { concurrency: 6 }
      )
      const sql = yield* connect(url)
      const applied = yield* sql`SELECT number FROM migrations ORDER BY number`
      assert.deepEqual(
        applied.map(({ number }) => number),
        readdirSync(Migrations.folder)
          .map((name) => Number.parseInt(name))
          .toSorted((one, other) => one - other)
      )
      yield* start(url)
      assert.deepEqual(yield* migrate(url, Migrations.folder), [])
    })
  )

  it.live("grows by the files that are new, in their order", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      yield* start(url)
      const folder = yield* ownMigrations
      writeFileSync(path.join(folder, "9002_second.sql"), "INSERT INTO first VALUES (2); -- $$ '")
      writeFileSync(path.join(folder, "9001_first.sql"), "CREATE TABLE first (x int); INSERT INTO first VALUES (1);")
      assert.deepEqual(yield* migrate(url, folder), ["9001_first.sql", "9002_second.sql"])
      assert.deepEqual(yield* (yield* connect(url))`SELECT x FROM first`, [{ x: 1 }, { x: 2 }])
      const [newer] = (yield* refusal(url)).split(":")
      assert.strictEqual(newer, "The database is newer than this program")
    })
  )

  it.live("is left alone by a migration that fails, and by those before it", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const folder = yield* ownMigrations
      writeFileSync(path.join(folder, "9001_bad.sql"), "CREATE TABLE good (x int);\nSELECT 1 / 0;")
      const { message } = yield* Effect.flip(migrate(url, folder))
      assert.strictEqual(message, "Migration 9001_bad.sql failed: division by zero")
      assert.strictEqual(yield* tables(url), 0)
    })
  )

  it.live("is not touched when a file is not what was applied", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      yield* start(url)
      const folder = yield* ownMigrations
      writeFileSync(path.join(folder, "0001_tables.sql"), "-- nothing")
      writeFileSync(path.join(folder, "9001_new.sql"), "CREATE TABLE new (x int);")
      const { message } = yield* Effect.flip(migrate(url, folder))
      assert.include(message, "0001_tables.sql is not what was applied")
      assert.deepEqual(yield* (yield* connect(url))`SELECT to_regclass('new') AS found`, [{ found: null }])
    })
  )
})

describe("the number of partitions", () => {
  it.live("is decided once", () =>
    Effect.gen(function* () {
      const database = server(yield* freshDatabase)
      const verify = (n: number) => Database.verifyPartitions(n).pipe(Effect.provide(database))
      yield* verify(32)
      yield* verify(32)
      const { message } = yield* Effect.flip(verify(64))
      assert.strictEqual(message, "This data has 32 partitions, not 64: set PARTITIONS=32")
    })
  )
})

describe("a server", () => {
  it.live("that may lose commits is refused, by the names of its settings", () =>
    Effect.gen(function* () {
      const own = yield* Services.postgresServer
      const sql = yield* connect(own.url)
      for (const [settings, named] of [
        [["fsync"], "fsync"],
        [["full_page_writes"], "full_page_writes"],
        [["synchronous_commit"], "synchronous_commit"],
        [["synchronous_commit", "fsync"], "fsync, synchronous_commit"]
      ] as const) {
        yield* sql`ALTER SYSTEM RESET ALL`
        for (const setting of settings) yield* sql`ALTER SYSTEM SET ${sql(setting)} = off`
        yield* sql`SELECT pg_reload_conf()`
        const [name] = settings
        yield* sql`SELECT setting FROM pg_settings WHERE name = ${name}`.pipe(
          Effect.repeat({ until: ([row]) => row?.["setting"] === "off" })
        )
        assert.strictEqual(yield* refusal(own.url), `The database may lose what it committed: turn on ${named}`)
      }
      assert.strictEqual(yield* tables(own.url), 0)
    })
  )

  it.live("that does not answer is named so", () =>
    Effect.gen(function* () {
      const message = yield* refusal("postgres://postgres@127.0.0.1:1/postgres")
      assert.include(message, "The database cannot be used: connect ECONNREFUSED 127.0.0.1:1")
    })
  )

  it.live("without the database it was asked for says so", () =>
    Effect.gen(function* () {
      const url = new URL(yield* freshDatabase)
      url.pathname = "/no_such_database"
      assert.include(yield* refusal(url.href), 'database "no_such_database" does not exist')
    })
  )
})

describe("the role of the application", () => {
  it.live("is made by several databases at the same time", () =>
    Effect.gen(function* () {
      const own = yield* Services.postgresServer
      const urls = yield* Effect.forEach([1, 2, 3, 4], () => Services.freshDatabase(own.url))
      yield* Effect.all([...urls, ...urls].map(start), { concurrency: 8 })
    })
  )

  it.live("is made by a login that may only create roles", () =>
    Effect.gen(function* () {
      const own = yield* Services.postgresServer
      const sql = yield* connect(own.url)
      yield* sql`CREATE ROLE maker LOGIN CREATEROLE`
      yield* sql`CREATE DATABASE shop OWNER maker`
      const url = Object.assign(new URL(own.url), { username: "maker", pathname: "shop" }).href
      yield* start(url)
      const who = Effect.flatMap(SqlClient.SqlClient, (client) => client`SELECT current_user::text, session_user::text`)
      assert.deepEqual(yield* who.pipe(Effect.provide(server(url))), [
        { current_user: "sluice_app", session_user: "maker" }
      ])
    })
  )

  it.live("is asked of an administrator when the login may not make it", () =>
    Effect.gen(function* () {
      const own = yield* Services.postgresServer
      const sql = yield* connect(own.url)
      yield* sql`CREATE ROLE "Some one" LOGIN`
      yield* sql`CREATE DATABASE shop OWNER "Some one"`
      const url = Object.assign(new URL(own.url), { username: "Some%20one", pathname: "shop" }).href
      const asked = yield* refusal(url)
      assert.strictEqual(asked.split("\n").length, 3)
      const [create, grant] = asked.split("\n").slice(1)
      assert.deepEqual([create, grant], ["  CREATE ROLE sluice_app;", '  GRANT sluice_app TO "Some one";'])
      yield* sql`CREATE ROLE sluice_app`
      assert.strictEqual(yield* refusal(url), asked)
      yield* sql`GRANT sluice_app TO "Some one"`
      yield* start(url)
    })
  )
})
