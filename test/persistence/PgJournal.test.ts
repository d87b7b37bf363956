import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted, Schedule } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import * as Services from "../../dev/Services.ts"
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { permit } from "../../src/domain/Authority.ts"
import { type CouponId, type PartitionId, type ProductId, type UserId, uuidOf } from "../../src/domain/Ids.ts"
import { PaymentKey } from "../../src/domain/Tender.ts"
import type { Change } from "../../src/domain/Transaction.ts"
import { Journal, takeOver } from "../../src/persistence/Journal.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import { Statements } from "../../src/persistence/Statements.ts"
import { Users } from "../../src/persistence/Users.ts"
import { freshDatabase } from "../setup/Database.ts"
import { onPostgres, server } from "./Backends.ts"
import * as Scene from "./Scene.ts"

/** A connection of its own, as the login role. */
const connect = (url: string) =>
  PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer), Effect.orDie)

const storage = (url: string) => Layer.provideMerge(onPostgres, server(url))

/** Runs on a database of its own. */
const withDatabase = <A, E, R>(use: (url: string) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(freshDatabase, (url) => Effect.provide(use(url), storage(url))).pipe(Effect.scoped)

/** Runs on a server of its own, which may be broken. */
const withServer = <A, E, R>(use: (server: Services.Server) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Services.postgresServer, (own) => Effect.provide(use(own), storage(own.url))).pipe(Effect.scoped)

const until = <A, E, R>(ask: Effect.Effect<A, E, R>, holds: (answer: A) => boolean) =>
  Effect.repeat(ask, { until: holds, schedule: Schedule.spaced("5 millis") }).pipe(Effect.timeout("10 seconds"))

/** Waits until somebody waits for a lock of this database. */
const somebodyWaits = (sql: SqlClient.SqlClient) =>
  until(
    sql`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    (waiting) => waiting.length > 0
  )

/** Keeps commits of a partition waiting until the scope closes. */
const block = (url: string, partition: PartitionId) =>
  Effect.gen(function* () {
    const sql = yield* connect(url)
    yield* sql`BEGIN`
    yield* sql`SELECT pg_advisory_xact_lock(7107, ${partition})`
    return sql
  })

const empty = Effect.flatMap(Scene.claimed, (fence) => Scene.transaction({ fences: [fence], changes: [] }))

describe("while a commit is in progress", () => {
  const journal = Effect.flatMap(Journal, Effect.succeed)
  const questions: ReadonlyArray<[what: string, ask: (of: PartitionId) => Effect.Effect<unknown, unknown, Journal>]> = [
    ["a claim", (partition) => Effect.flatMap(journal, (own) => takeOver(own, [partition], "other"))],
    [
      "a doubt",
      (partition) =>
        Effect.gen(function* () {
          const late = yield* Scene.transaction({
            fences: [Scene.fence(undefined, partition)],
            changes: [],
            deadline: 0
          })
          return yield* (yield* Journal).resolve([late])
        })
    ]
  ]
  for (const [what, ask] of questions) {
    it.live(`${what} of its partition waits, and one of another does not`, () =>
      withDatabase((url) =>
        Effect.gen(function* () {
          const [mine, other] = [yield* Scene.claimed, yield* Scene.claimed]
          const committing = yield* connect(url)
          yield* committing`BEGIN`
          yield* committing`SELECT pg_advisory_xact_lock_shared(7107, ${mine.partition})`
          const waiting = yield* Effect.forkChild(ask(mine.partition))
          yield* somebodyWaits(committing)
          yield* ask(other.partition)
          assert.isUndefined(waiting.pollUnsafe())
          yield* committing`COMMIT`
          yield* Fiber.join(waiting)
        })
      )
    )
  }

  it.live("another one of its partition does not wait", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const transaction = yield* empty
        const committing = yield* connect(url)
        yield* committing`BEGIN`
        yield* committing`SELECT pg_advisory_xact_lock_shared(7107, ${transaction.fences[0]?.partition})`
        assert.deepEqual(yield* (yield* Journal).commit([transaction]), ["Committed"])
      })
    )
  )
})

describe("a commit that waited for a claim", () => {
  it.live("sees the epoch which that claim left", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const transaction = yield* empty
        const [{ partition, epoch } = assert.fail("no fence")] = transaction.fences
        const claiming = yield* connect(url)
        yield* claiming`BEGIN`
        yield* claiming`SELECT * FROM journal_claim(ARRAY[${partition}::int], ARRAY[${epoch}::bigint], 'other')`
        const waiting = yield* Effect.forkChild(Effect.flatMap(Journal, (journal) => journal.commit([transaction])))
        yield* somebodyWaits(claiming)
        yield* claiming`COMMIT`
        assert.deepEqual(yield* Fiber.join(waiting), ["Fenced"])
      })
    )
  )
})

describe("a database that has forgotten the last claim", () => {
  it.live("does not give its epoch again", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const sql = yield* connect(url)
        const { partition, epoch } = yield* Scene.claimed
        const journal = yield* Journal
        const [last = 0] = yield* takeOver(journal, [partition], "one")
        yield* sql`UPDATE partitions SET epoch = ${epoch} WHERE partition = ${partition}`
        // A failover takes longer.
        yield* until(sql<{ now: bigint }>`SELECT clock_ms() AS now`, ([row]) => (row?.now ?? 0n) > BigInt(last))
        const [next = 0] = yield* takeOver(journal, [partition], "other")
        assert.isAbove(next, last)
      })
    )
  )
})

describe("two nodes", () => {
  let slot = 0
  /** What both nodes' batches do to the same buyer, the same product and the same coupon, one transaction each. */
  const shapes: ReadonlyArray<
    [what: string, changes: (buyer: UserId, product: ProductId, coupon: CouponId) => ReadonlyArray<Change>]
  > = [
    ["wallets", (buyer) => [Scene.charge(buyer, 1)]],
    ["products", (_, productId) => [{ _tag: "StockMoved", productId, delta: 1, reason: "ADJUSTMENT" }]],
    ["edited products", (_, productId) => [{ _tag: "ProductEdited", productId, edit: {} }]],
    ["issued coupons", (buyer, _, coupon) => [Scene.issued(buyer, coupon, ++slot)]],
    ["edited coupons", (_, __, couponId) => [{ _tag: "CouponEdited", couponId, edit: { condition: "OPEN" } }]],
    [
      "coupons and whatever else",
      (buyer, productId, coupon) => [
        { _tag: "StockMoved", productId, delta: 1, reason: "ADJUSTMENT" },
        Scene.issued(buyer, coupon, ++slot),
        Scene.charge(buyer, 1)
      ]
    ]
  ]
  it.live.each(shapes)("whose batches share %s, in any order, never deadlock", ([_, changes]) =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const fences = [yield* Scene.claimed]
        const seller = yield* Scene.register("SELLER")
        const both = yield* Effect.forEach(Array.from({ length: 300 }), () =>
          Effect.all({
            buyer: Scene.register(),
            product: Effect.sync(() => Scene.created(seller, 0)),
            coupon: Scene.offered(seller, { totalQuantity: 1000, perUserLimit: 30_000 })
          })
        )
        yield* Scene.commit(
          fences,
          both.flatMap(({ product }) => product.changes)
        )
        const node = (order: typeof both) =>
          Effect.gen(function* () {
            const journal = yield* Journal
            for (let round = 0; round < 12; round++) {
              const batch = yield* Effect.forEach(order, ({ buyer, product, coupon }) =>
                Scene.transaction({ fences, changes: changes(buyer, product.id, coupon) })
              )
              const decisions = yield* journal.commit(batch)
              assert.isTrue(decisions.every((decision) => typeof decision === "number" || decision === "Committed"))
            }
          }).pipe(Effect.provide(Layer.fresh(storage(url))))
        yield* Effect.all([node(both), node(both.toReversed())], { concurrency: 2 })
      })
    )
  )

  it.live("whose batches make products of sellers who go in the other's never deadlock", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const fences = [yield* Scene.claimed]
        const sellers = Effect.replicateEffect(Scene.register("SELLER"), 20)
        const buyer = yield* Scene.register()
        const node = (making: ReadonlyArray<UserId>, going: ReadonlyArray<UserId>) =>
          Effect.gen(function* () {
            const made = making.map((seller) => [
              ...Scene.created(seller, 1, { saleStatus: "SUSPENDED" }).changes,
              Scene.charge(buyer, 1)
            ])
            const gone = going.map((userId): ReadonlyArray<Change> => [{ _tag: "UserWithdrew", userId }])
            const batch = yield* Effect.forEach([...made, ...gone], (changes) => Scene.transaction({ fences, changes }))
            // Whoever comes second is refused: nothing is made for who has gone.
            yield* Effect.catchTag((yield* Journal).commit(batch), "BatchRejected", () => Effect.void)
          }).pipe(Effect.provide(Layer.fresh(storage(url))))
        for (let round = 0; round < 12; round++) {
          const [some, others] = [yield* sellers, yield* sellers]
          yield* Effect.all([node(some, others.toReversed()), node(others, some.toReversed())], { concurrency: 2 })
        }
      })
    )
  )

  it.live("whose batches make a product of a seller who goes, and share a wallet, take the seller first", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const [seller, buyer] = [yield* Scene.register("SELLER"), yield* Scene.register()]
        const fences = [yield* Scene.claimed]
        const other = yield* connect(url)
        yield* other`BEGIN`
        yield* other`SELECT FROM users WHERE user_id = ${uuidOf(seller)} FOR KEY SHARE`
        const changes: ReadonlyArray<Change> = [Scene.charge(buyer, 1), { _tag: "UserWithdrew", userId: seller }]
        const goes = yield* Scene.transaction({ fences, changes })
        const committing = yield* Effect.forkChild((yield* Journal).commit([goes]))
        yield* somebodyWaits(other)
        const free = yield* other`SELECT FROM wallets WHERE user_id = ${uuidOf(buyer)} FOR UPDATE SKIP LOCKED`
        assert.lengthOf(free, 1)
        yield* other`COMMIT`
        assert.deepEqual(yield* Fiber.join(committing), ["Committed"])
      })
    )
  )

  it.live("whose batches name the same keys of gateways take them in one order", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const buyer = yield* Scene.register()
        const fences = [yield* Scene.claimed]
        const { id: product, changes } = Scene.created(yield* Scene.register("SELLER"), 10)
        yield* Scene.commit(fences, changes)
        const paidBy = (key: string): Change => {
          const order = Scene.orderOf(buyer, product, 1)
          const payments = order.payments.map((payment) => ({ ...payment, paymentKey: PaymentKey.make(key) }))
          return { _tag: "OrderPlaced", order: { ...order, payments } }
        }
        const other = yield* connect(url)
        const keys = ["one", "other"]
        const [first, last] = yield* other<{ lock: bigint }>`
          SELECT hashtextextended(key, 0) AS lock FROM unnest(${keys}::text[]) key ORDER BY lock`
        for (const order of [keys, keys.toReversed()]) {
          yield* other`BEGIN`
          yield* other`SELECT pg_advisory_xact_lock(${first?.lock})`
          const batch = yield* Effect.forEach(order, (key) => Scene.transaction({ fences, changes: [paidBy(key)] }))
          const committing = yield* Effect.forkChild((yield* Journal).commit(batch))
          yield* somebodyWaits(other)
          const free = yield* other`SELECT pg_try_advisory_xact_lock(${last?.lock}) AS free`
          assert.deepEqual(free, [{ free: true }])
          yield* other`COMMIT`
          yield* Fiber.await(committing)
        }
      })
    )
  )

  it.live("whose batches share orders of somebody who goes take them before they take wallets", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const [leaving, paying] = [yield* Scene.register(), yield* Scene.register()]
        const fences = [yield* Scene.claimed]
        const { id: product, changes } = Scene.created(yield* Scene.register("SELLER"), 10)
        const order = { ...Scene.orderOf(leaving, product, 1), shippingAddress: "Seoul" }
        yield* Scene.commit(fences, changes, [Scene.charge(paying, 1000), { _tag: "OrderPlaced", order }])
        const other = yield* connect(url)
        yield* other`BEGIN`
        yield* other`SELECT FROM wallets WHERE user_id = ${uuidOf(paying)} FOR UPDATE`
        const goes = yield* Scene.transaction({
          fences,
          changes: [Scene.charge(paying, 1000), { _tag: "UserWithdrew", userId: leaving }]
        })
        const committing = yield* Effect.forkChild((yield* Journal).commit([goes]))
        yield* somebodyWaits(other)
        const free = yield* other`SELECT FROM orders WHERE order_id = ${uuidOf(order.orderId)} FOR UPDATE SKIP LOCKED`
        assert.lengthOf(free, 0)
        yield* other`COMMIT`
        assert.deepEqual(yield* Fiber.join(committing), ["Committed"])
      })
    )
  )

  it.live("with the same request at the same time commit it once", () =>
    withDatabase(() =>
      Effect.gen(function* () {
        const journal = yield* Journal
        for (let round = 0; round < 20; round++) {
          const one = yield* empty
          const two = { ...(yield* empty), key: one.key }
          const commits = [one, two].map((each) => journal.commit([each]))
          const verdicts = yield* Effect.all(commits, { concurrency: 2 })
          assert.deepEqual(verdicts.flat().toSorted(), ["Committed", "Duplicate"])
        }
      })
    )
  )
})

describe("whatever else is asked", () => {
  it.live("a commit does not wait for it", () =>
    withDatabase(() =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const sql = yield* SqlClient.SqlClient
        const transaction = yield* empty
        const asking = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 50 }, () => sql`SELECT pg_sleep(60)`),
            { concurrency: 50 }
          )
        )
        yield* until(sql`SELECT 1`.pipe(Effect.timeoutOption("50 millis")), Option.isNone)
        assert.deepEqual(yield* journal.commit([transaction]), ["Committed"])
        yield* Fiber.interrupt(asking)
      })
    )
  )
})

describe("the application's role", () => {
  it.live("may not change what only grows, nor the schema", () =>
    withDatabase(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const statements = [
          ...["ledger", "outbox"].flatMap((table) => [
            sql`UPDATE ${sql(table)} SET transaction_id = gen_random_uuid()`,
            sql`DELETE FROM ${sql(table)}`,
            sql`TRUNCATE ${sql(table)}`,
            sql`ALTER TABLE ${sql(table)} ADD COLUMN mine int`,
            sql`DROP TABLE ${sql(table)}`
          ]),
          sql`UPDATE audit SET act = 'nothing'`,
          sql`DELETE FROM audit`,
          sql`TRUNCATE audit`,
          ...["orders", "products", "users", "partitions", "settings", "migrations"].map(
            (table) => sql`DELETE FROM ${sql(table)}`
          ),
          sql`UPDATE settings SET value = '1'`,
          sql`INSERT INTO migrations VALUES (99, '', '')`,
          sql`CREATE TABLE mine (x int)`
        ]
        for (const statement of statements) {
          const { reason } = yield* Effect.flip(statement)
          assert.strictEqual(reason._tag, "AuthorizationError", statement.compile()[0])
        }
      })
    )
  )

  it.live("cannot make a stock or a balance negative", () =>
    withDatabase(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const fences = [yield* Scene.claimed]
        yield* Scene.commit(fences, Scene.created(yield* Scene.register(), 1).changes)
        for (const update of [sql`UPDATE products SET on_hand = -1`, sql`UPDATE wallets SET balance = -1`]) {
          const { reason } = yield* Effect.flip(update)
          assert.strictEqual(reason._tag, "ConstraintError")
        }
      })
    )
  )
})

describe("an outage", () => {
  const outcome = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.match(effect, { onSuccess: () => "done" as const, onFailure: ({ _tag }) => _tag })

  it.live("in the middle of a commit leaves its outcome unknown", () =>
    withServer((own) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const transaction = yield* empty
        const sql = yield* block(own.url, transaction.fences[0]!.partition)
        const waiting = yield* Effect.forkChild(outcome(journal.commit([transaction])))
        yield* somebodyWaits(sql)
        yield* own.stop("immediate")
        assert.strictEqual(yield* Fiber.join(waiting), "OutcomeUnknown")
      })
    )
  )

  it.live("is an outage for every question, and over when the server is back", () =>
    withServer((own) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const transaction = yield* empty
        const page = { limit: 1, cursor: undefined }
        const user = yield* Scene.register()
        const asked = Effect.all([
          outcome(journal.commit([transaction])),
          outcome(takeOver(journal, [transaction.fences[0]!.partition], "me")),
          outcome(journal.load("wallet", [])),
          outcome(journal.resolve([transaction])),
          outcome(journal.find([transaction.key])),
          outcome(journal.epochs([])),
          outcome(journal.forget)
        ])
        const read = Effect.all([
          outcome(Effect.flatMap(Users, (users) => users.get(user))),
          outcome(Effect.flatMap(Users, (users) => users.update(permit(user), { name: "Lee" }))),
          outcome(Effect.flatMap(Orders, (orders) => orders.list(user, page))),
          outcome(Effect.flatMap(Statements, (statements) => statements.list(user, page)))
        ])
        yield* own.stop("fast")
        // What a pool does not know to be cut yet, it finds out.
        yield* asked
        yield* read
        assert.deepEqual(new Set(yield* asked), new Set(["JournalUnavailable"]))
        assert.deepEqual(new Set(yield* read), new Set(["Unavailable"]))
        yield* own.start
        assert.deepEqual(new Set([...(yield* asked), ...(yield* read)]), new Set(["done"]))
      })
    )
  )

  it.live("of one session costs that session only", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const sql = yield* connect(url)
        const transaction = yield* empty
        yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'sluice'`
        yield* Effect.ignore(journal.commit([transaction]))
        assert.deepEqual(yield* journal.commit([transaction]), ["Committed"])
      })
    )
  )

  it.live("that is a silence ends a commit and a question after some seconds", () =>
    withServer((own) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const transaction = yield* empty
        const sql = yield* SqlClient.SqlClient
        const sessions = yield* sql<{ pid: number }>`
          SELECT pid FROM pg_stat_activity WHERE application_name = 'sluice'`
        const postmaster = Number.parseInt(readFileSync(path.join(own.dataFolder, "postmaster.pid"), "utf8"))
        const signal = (name: NodeJS.Signals) =>
          Effect.sync(() => [postmaster, ...sessions.map(({ pid }) => pid)].forEach((pid) => process.kill(pid, name)))
        yield* Effect.acquireRelease(signal("SIGSTOP"), () => signal("SIGCONT"))
        const started = performance.now()
        const asked = [outcome(journal.commit([transaction])), outcome(journal.find([]))]
        assert.deepEqual(yield* Effect.all(asked, { concurrency: 2 }), ["OutcomeUnknown", "JournalUnavailable"])
        assert.isBelow(performance.now() - started, 11_000)
      })
    )
  )

  it.live("is not a lock held for too long: nothing was written", () =>
    withDatabase((url) =>
      Effect.gen(function* () {
        const transaction = yield* empty
        yield* block(url, transaction.fences[0]!.partition)
        assert.strictEqual(yield* outcome((yield* Journal).commit([transaction])), "JournalUnavailable")
      })
    )
  )
})

describe("a journal on a database with settings of its own", () => {
  it.live("has a fresh snapshot for every statement", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const sql = yield* connect(url)
      const name = sql(new URL(url).pathname.slice(1))
      yield* sql`ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`
      const [row] = yield* Effect.flatMap(SqlClient.SqlClient, (client) => client`SHOW transaction_isolation`).pipe(
        Effect.provide(server(url))
      )
      assert.deepEqual(row, { transaction_isolation: "read committed" })
    }).pipe(Effect.scoped)
  )
})
