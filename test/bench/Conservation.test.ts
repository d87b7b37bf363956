import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { install } from "../../bench/Baseline.ts"
import { acknowledged, balances, demand } from "../../bench/Conservation.ts"
import * as Database from "../../bench/Database.ts"
import { BenchFailed } from "../../bench/Failure.ts"
import { openShop, productUuid, type Shop, userUuid } from "../../bench/Shop.ts"

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
