import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Redacted, Schedule, Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { Redis } from "ioredis"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { inject } from "vitest"
import * as Services from "../../dev/Services.ts"
import { unavailable } from "../../dev/services/Attempt.ts"
import { ask, Postgres } from "../../dev/services/Postgres.ts"
import { firstOf } from "../../dev/services/Supply.ts"
import { freshDatabase } from "../setup/Database.ts"

const given = (env: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const runs = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const postmaster = (dataFolder: string) =>
  Number.parseInt(readFileSync(path.join(dataFolder, "postmaster.pid"), "utf8"))

const eventually = (condition: () => boolean) =>
  Effect.sync(condition).pipe(
    Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced("50 millis") }),
    Effect.timeout("20 seconds")
  )

/** Stays connected for as long as the test runs. */
const connect = (url: string) => PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer))

const redis = <A>(url: string, use: (client: Redis) => Promise<A>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Redis(url)),
    (client) => Effect.promise(() => use(client)),
    (client) => Effect.sync(() => client.disconnect())
  )

describe("a Postgres of our own", () => {
  for (const how of ["fast", "immediate"] as const) {
    it.live(`keeps what was committed over a stop (${how}) and a start`, () =>
      Effect.gen(function* () {
        const server = yield* Services.postgresServer
        yield* ask(server.url, (sql) => sql`CREATE TABLE kept AS SELECT 42 AS answer`)
        yield* server.stop(how)
        const refused = yield* Effect.flip(ask(server.url, (sql) => sql`SELECT 1`))
        assert.strictEqual(refused._tag, "ServiceUnavailable")
        yield* server.start
        assert.deepStrictEqual(yield* ask(server.url, (sql) => sql`SELECT answer FROM kept`), [{ answer: 42 }])
      })
    )
  }

  it.live("is gone, with its folder, when the scope is closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { dataFolder } = yield* Scope.provide(Services.postgresServer, scope)
      const pid = postmaster(dataFolder)
      assert.isTrue(runs(pid))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(runs(pid))
      assert.isFalse(existsSync(path.dirname(dataFolder)))
    })
  )

  it.live("is gone, with its folder, when the process that started it was killed", () =>
    Effect.gen(function* () {
      const orphan = path.join(import.meta.dirname, "orphan.ts")
      const parent = spawn(process.execPath, [orphan], { stdio: ["ignore", "pipe", "inherit"] })
      const [dataFolder] = yield* Effect.promise(() => once(createInterface(parent.stdout), "line"))
      const pid = postmaster(dataFolder)
      assert.isTrue(runs(pid))
      parent.kill("SIGKILL")
      yield* eventually(() => !runs(pid) && !existsSync(path.dirname(dataFolder)))
    })
  )

  it.effect("starts whatever a test has done to the clock", () => Services.postgresServer)
})

describe("Postgres for all tests", () => {
  it.live("gives each test an empty database, and drops it even while somebody is connected", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const urls = yield* Effect.all([freshDatabase, freshDatabase]).pipe(Scope.provide(scope))
      for (const url of urls) yield* ask(url, (sql) => sql`CREATE TABLE same_name (id int)`)
      yield* Effect.forEach(urls, connect)
      yield* Scope.close(scope, Exit.void)
      const names = urls.map((url) => new URL(url).pathname.slice(1))
      const left = yield* ask(
        inject("postgresUrl"),
        (sql) => sql`SELECT FROM pg_database WHERE ${sql.in("datname", names)}`
      )
      assert.strictEqual(new Set(names).size, 2)
      assert.deepStrictEqual(left, [])
    })
  )

  it.live("is the one whose address is given", () =>
    Effect.gen(function* () {
      const url = inject("postgresUrl")
      const service = yield* Services.postgres.pipe(given({ TEST_DATABASE_URL: url }))
      assert.strictEqual(service.url, url)
      assert.include(service.source, "TEST_DATABASE_URL")
    })
  )

  it.live("is not replaced by another when the given one does not answer", () =>
    Effect.gen(function* () {
      const url = "postgres://nobody@127.0.0.1:1/none"
      const error = yield* Effect.flip(Services.postgres.pipe(given({ TEST_DATABASE_URL: url })))
      assert.strictEqual(error._tag, "ServiceUnavailable")
    })
  )

  it.effect("names every way that was tried when none works", () =>
    Effect.gen(function* () {
      const ways = ["no Docker engine answers", "no binaries"].map((message) => Effect.fail(unavailable(message)))
      const { message } = yield* Effect.flip(firstOf(Postgres, ways))
      for (const way of ["TEST_DATABASE_URL", "no Docker engine answers", "no binaries"]) assert.include(message, way)
    })
  )
})

// The first test may have to install it.
describe("a Redis of our own", { timeout: 120_000 }, () => {
  it.live("answers, keeps its keys over a fast stop and a start, and is gone when the scope is closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(Services.redisServer, scope)
      yield* redis(server.url, (client) => client.set("kept", "42"))
      yield* server.restart("fast")
      assert.strictEqual(yield* redis(server.url, (client) => client.get("kept")), "42")
      const pid = Number(/process_id:(\d+)/.exec(yield* redis(server.url, (client) => client.info("server")))?.[1])
      assert.isTrue(runs(pid))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(runs(pid))
    })
  )

  it.live("is the one whose address is given", () =>
    Effect.gen(function* () {
      const { url } = yield* Services.redisServer
      const service = yield* Services.redis.pipe(given({ TEST_REDIS_URL: url }))
      assert.strictEqual(service.url, url)
    })
  )
})
