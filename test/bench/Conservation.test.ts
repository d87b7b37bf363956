import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { install } from "../../bench/Baseline.ts"
import { acknowledged, balances, deadlines, demand, reservations } from "../../bench/Conservation.ts"
import * as Database from "../../bench/Database.ts"
import { BenchFailed } from "../../bench/Failure.ts"
import { openOrders, openShop, productUuid, type Shop, userUuid } from "../../bench/Shop.ts"
import { house } from "../../src/persistence/Rows.ts"

const shop: Shop = { users: 3, price: 1000, funds: 10_000, stock: 5 }

const tampered = (sql: SqlClient.SqlClient): Record<string, Effect.Effect<unknown, unknown>> => ({
  "a wallet with a won too much": sql`UPDATE wallets SET balance = balance + 1 WHERE user_id = ${userUuid(0)}`,
  "a piece that came back": sql`UPDATE products SET on_hand = on_hand + 1`,
  "a line lost": sql`DELETE FROM order_lines WHERE order_id = (SELECT max(order_id::text)::uuid FROM orders)`,
  "a payment lost": sql`DELETE FROM payments WHERE order_id = (SELECT max(order_id::text)::uuid FROM orders)`,
  "an event lost": sql`DELETE FROM outbox WHERE event_id = (SELECT max(event_id) FROM outbox)`,
  "a posting lost": sql`DELETE FROM ledger WHERE entry_id = (SELECT max(entry_id) FROM ledger)`,
  "a request key lost": sql`DELETE FROM transactions WHERE key = (SELECT max(key::text)::uuid FROM transactions)`
})

describe("the check of a sale", () => {
  it.live("holds for what the baseline's procedures sell, and for nothing that was tampered with", () =>
    Effect.gen(function* () {
      const database = yield* Database.server(inject("postgresUrl"))
      const test = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* openShop(shop)
        yield* install
        for (const user of [0, 0, 1]) yield* sql`SELECT buy_locking_first(${userUuid(user)}, ${productUuid})`
        yield* sql`SELECT buy_locking_last(${userUuid(2)}, ${productUuid})`
        yield* Effect.flatMap(balances(shop), demand)

        for (const [what, tamper] of Object.entries(tampered(sql))) {
          const refused = yield* Effect.andThen(tamper, balances(shop)).pipe(
            Effect.flatMap(demand),
            sql.withTransaction,
            Effect.flip
          )
          assert.instanceOf(refused, BenchFailed, what)
          assert.include(refused.message, "does not add up", what)
        }
        yield* Effect.flatMap(balances(shop), demand)

        const rows = yield* sql<{ id: string }>`SELECT order_id AS id FROM orders`
        const ids = rows.map(({ id }) => id)
        const heard = (orders: ReadonlyArray<string>, lost: number) =>
          Effect.flatMap(acknowledged({ orders, lost }), demand)
        yield* heard(ids, 0)
        yield* heard(ids.slice(1), 1)
        for (const wrong of [ids.slice(1), [...ids.slice(1), ids[1] ?? ""], [...ids.slice(1), userUuid(0)]]) {
          assert.instanceOf(yield* Effect.flip(heard(wrong, 0)), BenchFailed)
        }
      })
      yield* Database.use(database, test)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})

/** What goes wrong with orders that wait, and the check that says so. */
const mistakes = (sql: SqlClient.SqlClient): Record<string, Effect.Effect<unknown, unknown>> => ({
  "orders not paid yet": sql`INSERT INTO orders (order_id, user_id, status, total_amount, discount_amount, paid_amount,
      created_at, pay_until, due_at)
    SELECT ${userUuid(9)}, user_id, status, total_amount, 0, 0, created_at, pay_until, due_at
    FROM orders WHERE status = 'CREATED' LIMIT 1`,
  "pieces reserved = pieces of orders not paid yet": sql`UPDATE products SET reserved = reserved + 1`,
  "orders without their way to where they are": sql`DELETE FROM order_history`,
  "orders without the event of being made": sql`
    DELETE FROM outbox WHERE event_id = (SELECT min(event_id) FROM outbox)`,
  "cancelled orders without the event of it": sql`DELETE FROM outbox WHERE type = 'OrderCancelled'`,
  "orders that are not paid, and moved something": sql`
    INSERT INTO ledger (transaction_id, asset, debit, credit, amount, reason, order_id)
    SELECT order_id, 'PIECE', ${productUuid}, ${house.SOLD}, 1, 'SALE', order_id FROM orders WHERE status = 'CANCELLED'`,
  "payments without their request key": sql`INSERT INTO payments (order_id, payment_id, method, amount, status)
    SELECT order_id, ${userUuid(9)}, 'WALLET', 0, 'COMPLETED' FROM orders LIMIT 1`,
  "orders cancelled because their deadline passed": sql`
    UPDATE orders SET cancel_reason = 'BUYER' WHERE status = 'CANCELLED'`,
  "orders cancelled before it": sql`UPDATE order_history SET at = at - interval '6 milliseconds'`,
  "orders cancelled a second late or more": sql`UPDATE order_history SET at = at + interval '995 milliseconds'`
})

describe("the check of orders that wait for their payment", () => {
  it.live("holds for those that may wait and those given up in time, and names what is not so", () =>
    Effect.gen(function* () {
      const database = yield* Database.server(inject("postgresUrl"))
      const test = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const check = Effect.all([balances(shop), reservations({ orders: 4 }), deadlines(1)]).pipe(
          Effect.flatMap((checks) => demand(checks.flat()))
        )
        yield* openShop(shop)
        yield* openOrders(shop, { from: 1, orders: 3, dueInSeconds: 60, spreadSeconds: 0 })
        yield* openOrders(shop, { from: 4, orders: 2, dueInSeconds: -30, spreadSeconds: 120 })
        yield* sql`UPDATE orders SET status = 'CANCELLED', cancel_reason = 'PAYMENT_TIMEOUT', due_at = NULL
          WHERE due_at < now()`
        yield* sql`INSERT INTO order_history (order_id, n, status, at)
          SELECT order_id, 2, status, pay_until + interval '5 milliseconds' FROM orders WHERE status = 'CANCELLED'`
        yield* sql`INSERT INTO outbox (transaction_id, type, entity, payload)
          SELECT order_id, 'OrderCancelled', 'ord_' || order_id, '{}' FROM orders WHERE status = 'CANCELLED'`
        yield* sql`UPDATE products SET reserved = reserved - 1`
        yield* check

        for (const [what, mistake] of Object.entries(mistakes(sql))) {
          const refused = yield* Effect.andThen(mistake, check).pipe(sql.withTransaction, Effect.flip)
          assert.instanceOf(refused, BenchFailed, what)
          assert.include(refused.message, what)
        }

        const open = (orders: number, lost: number) => Effect.flatMap(reservations({ orders, lost }), demand)
        yield* open(3, 1)
        assert.instanceOf(yield* Effect.flip(open(2, 1)), BenchFailed)
        assert.instanceOf(yield* Effect.flip(open(5, 1)), BenchFailed)
      })
      yield* Database.use(database, test)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
