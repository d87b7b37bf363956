import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Schedule } from "effect"
import * as Child from "../../dev/Child.ts"
import * as Services from "../../dev/Services.ts"
import { freshDatabase } from "../setup/Database.ts"
import { type Answer, buy, call, folder, keys, left, shop, start } from "./Nodes.ts"

const live = <A, E>(
  name: string,
  test: () => Effect.Effect<A, E, Effect.Services<typeof folder> | NodeServices.NodeServices>
) => it.live(name, () => test().pipe(Effect.scoped, Effect.provide(NodeServices.layer)), 90_000)

const statusOf = Option.map(({ status }: Answer) => status)
const sold = (answers: ReadonlyArray<Option.Option<Answer>>) =>
  answers.filter((answer) => Option.contains(statusOf(answer), 201)).length

describe("npm start", () => {
  live("serves on an empty folder, and tells how to try it", () =>
    Effect.gen(function* () {
      const node = yield* start({ DATA_DIR: yield* folder })
      yield* Effect.retry(
        Effect.suspend(() =>
          node.words.some((line) => line.includes("stock -H")) ? Effect.void : Effect.fail("wait")
        ),
        Schedule.spaced("20 millis")
      )
      const variable = (name: string) =>
        node.words.flatMap((line) => (line.startsWith(`  ${name}=`) ? [line.slice(name.length + 3)] : []))[0] ?? ""
      const body = { items: [{ productId: variable("PRODUCT"), quantity: 1 }] }
      const answer = yield* call(`${variable("API")}/checkout`, { token: variable("BUYER"), key: "order-1", body })
      assert.deepStrictEqual(statusOf(answer), Option.some(201))
    })
  )

  live("has nobody in it in production", () =>
    Effect.gen(function* () {
      const node = yield* start({ DATA_DIR: yield* folder, NODE_ENV: "production" })
      const body = { loginId: "demo-buyer", password: "sluice-demo" }
      assert.deepStrictEqual(statusOf(yield* call(`${node.api}/auth/login`, { body })), Option.some(401))
    })
  )

  live("keeps what it answered when it is killed at any moment, and never does it twice", () =>
    Effect.gen(function* () {
      const env = { DATA_DIR: yield* folder }
      const first = yield* start(env)
      const sale = yield* shop(first.api, { stock: 1000, money: 1_000_000 })
      const some = yield* Deferred.make<void>()
      let count = 0
      const buying = yield* Effect.forEach(
        keys(600),
        (key) =>
          Effect.tap(buy(first.api, sale, key), () =>
            ++count === 200 ? Deferred.succeed(some, undefined) : Effect.void
          ),
        { concurrency: 50 }
      ).pipe(Effect.forkChild)
      yield* Deferred.await(some)
      yield* first.signal("SIGKILL")
      const before = yield* Fiber.join(buying)
      assert.isAbove(sold(before), 199)
      assert.isBelow(sold(before), 600)

      const second = yield* start(env)
      const after = yield* Effect.forEach(keys(600), (key) => buy(second.api, sale, key), { concurrency: 50 })
      assert.strictEqual(sold(after), 600)
      before.forEach((answer, n) => {
        if (Option.isSome(answer))
          assert.deepStrictEqual(Option.getOrThrow(after[n] ?? Option.none()).body, answer.value.body)
      })
      assert.deepStrictEqual(yield* left(second.api, sale), { stock: 400, balance: 400_000 })
    })
  )

  live("finishes the requests under way on Ctrl-C: none is lost", () =>
    Effect.gen(function* () {
      const env = { DATA_DIR: yield* folder }
      const first = yield* start(env)
      const sale = yield* shop(first.api, { stock: 1000, money: 1_000_000 })
      const some = yield* Deferred.make<void>()
      let count = 0
      const buying = yield* Effect.forEach(
        keys(600),
        (key) =>
          Effect.tap(buy(first.api, sale, key), () =>
            ++count === 100 ? Deferred.succeed(some, undefined) : Effect.void
          ),
        { concurrency: 50 }
      ).pipe(Effect.forkChild)
      yield* Deferred.await(some)
      yield* first.signal("SIGINT")
      const answers = yield* Fiber.join(buying)
      assert.strictEqual<number>(yield* first.exitCode, 0)
      const second = yield* start(env)
      assert.strictEqual((yield* left(second.api, sale)).stock, 1000 - sold(answers))
      assert.isTrue(answers.every((answer) => Option.isNone(answer) || answer.value.status === 201))
    })
  )

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    live(`has not failed when ${signal} ends it, and says so`, () =>
      Effect.gen(function* () {
        const node = yield* start({ DATA_DIR: yield* folder, LOG_LEVEL: "info" })
        yield* node.signal(signal)
        assert.strictEqual<number>(yield* node.exitCode, 0)
        assert.match(node.words.at(-1) ?? "", /\bStopped\b/)
      })
    )
  }

  live("does not share its data folder", () =>
    Effect.gen(function* () {
      const env = { DATA_DIR: yield* folder }
      const first = yield* start(env)
      const { message } = yield* Effect.flip(start(env))
      assert.include(message, "is in use by the process")
      assert.include(message, String(first.pid))
    })
  )

  live("says which setting is wrong, and why", () =>
    Effect.gen(function* () {
      const child = yield* Child.start({ args: ["src/main.ts"], env: { PORT: "http", NODE_ENV: "production" } })
      assert.strictEqual<number>(yield* child.exitCode, 1)
      const complaint = yield* child.complaint
      assert.include(complaint, "PORT: Expected a port from 1 to 65535")
      assert.notInclude(complaint, " at ")
    })
  )

  live("says that its port is taken", () =>
    Effect.gen(function* () {
      const first = yield* start({ DATA_DIR: yield* folder })
      const { message } = yield* Effect.flip(start({ DATA_DIR: yield* folder }, first.port))
      assert.include(message, String(first.port))
      assert.notInclude(message, "    at ")
    })
  )
})

describe("A node on a Postgres server", () => {
  live("answers 503 while the database is gone, and loses and doubles nothing when it is back", () =>
    Effect.gen(function* () {
      const server = yield* Services.postgresServer
      const node = yield* start({ DATABASE_URL: server.url, REQUEST_TIMEOUT_MS: "2000" })
      const sale = yield* shop(node.api, { stock: 5000, money: 5_000_000 })
      const gone = yield* Deferred.make<void>()
      const refusals: Array<Answer> = []
      let count = 0
      const insist = (key: string) =>
        buy(node.api, sale, key).pipe(
          Effect.tap(() => (++count === 300 ? Deferred.succeed(gone, undefined) : Effect.void)),
          Effect.flatMap(Effect.fromOption),
          Effect.tap((answer) => Effect.sync(() => answer.status === 201 || refusals.push(answer))),
          Effect.filterOrFail(({ status }) => status === 201),
          Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "60 seconds" })))
        )
      const buying = yield* Effect.forkChild(Effect.forEach(keys(1500), insist, { concurrency: 50 }))
      yield* Deferred.await(gone)
      yield* server.stop("immediate")
      yield* Effect.retry(
        Effect.suspend(() => (refusals.length >= 100 ? Effect.void : Effect.fail("wait"))),
        Schedule.spaced("20 millis")
      )
      assert.deepStrictEqual(statusOf(yield* call(`${node.origin}/health/ready`)), Option.some(503))
      yield* server.start
      const answers = yield* Fiber.join(buying)
      assert.strictEqual(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1500)
      for (const { status, headers } of refusals) {
        // 409: the same request is in doubt, and not to be carried out beside itself.
        assert.include([503, 409], status)
        assert.isNotNull(headers.get("retry-after"))
      }
      assert.deepStrictEqual(yield* left(node.api, sale), { stock: 3500, balance: 3_500_000 })
    })
  )

  live("shares the database with another, without Redis: slowly, but never wrongly", () =>
    Effect.gen(function* () {
      const env = { DATABASE_URL: yield* freshDatabase }
      const [one, two] = yield* Effect.all([start(env), start(env)])
      const sale = yield* shop(one.api, { stock: 50, money: 1_000_000 })
      const insist = (api: string) => (key: string) =>
        buy(api, sale, key).pipe(
          Effect.flatMap(Effect.fromOption),
          Effect.filterOrFail(({ status }) => status < 500),
          Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "60 seconds" })))
        )
      const answers = yield* Effect.all(
        [
          Effect.forEach(keys(40, "one"), insist(one.api), { concurrency: 4 }),
          Effect.forEach(keys(40, "two"), insist(two.api), { concurrency: 4 })
        ],
        { concurrency: 2 }
      )
      assert.strictEqual(answers.flat().filter(({ status }) => status === 201).length, 50)
      assert.strictEqual(answers.flat().filter(({ status }) => status === 400).length, 30)
      // Whoever was fenced knows within a second.
      for (const { api } of [one, two]) {
        yield* left(api, sale).pipe(
          Effect.filterOrFail(({ stock, balance }) => stock === 0 && balance === 950_000),
          Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" })))
        )
      }
    })
  )
})
