import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { balances, demand, holds } from "../../bench/Conservation.ts"
import * as Database from "../../bench/Database.ts"
import { BenchFailed } from "../../bench/Failure.ts"
import * as Sale from "../../bench/Sale.ts"

/** More buyers than pieces. */
const options: Sale.Options = {
  users: 300,
  connections: 16,
  warmup: 50,
  orders: 400,
  stock: 350,
  secondsMost: 20
}

const tampered = (sql: SqlClient.SqlClient): Record<string, Effect.Effect<unknown, unknown>> => ({
  "a wallet with a won too much": sql`UPDATE wallets SET balance = balance + 1
    WHERE user_id = (SELECT user_id FROM orders LIMIT 1)`,
  "a piece that came back": sql`UPDATE products SET on_hand = on_hand + 1`,
  "a line lost": sql`DELETE FROM order_lines WHERE order_id = (SELECT order_id FROM orders LIMIT 1)`,
  "a payment lost": sql`DELETE FROM payments WHERE order_id = (SELECT order_id FROM orders LIMIT 1)`,
  "an event lost": sql`DELETE FROM outbox WHERE event_id = (SELECT max(event_id) FROM outbox)`,
  "a posting lost": sql`DELETE FROM ledger WHERE entry_id = (SELECT max(entry_id) FROM ledger)`,
  "a request key lost": sql`DELETE FROM transactions WHERE id = (SELECT order_id FROM orders LIMIT 1)`
})

describe("a flash sale", () => {
  it.live(
    "sells what there is to whom it says, and the check sees when it does not add up",
    () =>
      Effect.gen(function* () {
        const database = yield* Database.embedded
        const { load, checks, batches } = yield* Sale.measure(database, options)
        assert.deepStrictEqual(load.statuses, { 201: 300, 400: 100 })
        assert.include(load.samples["400"], "STOCK_SHORTAGE")
        assert.strictEqual(load.lost, 0)
        assert.isDefined(batches)
        assert.deepStrictEqual(
          checks.filter((check) => !holds(check)),
          []
        )

        const shop = Sale.shopOf(options)
        const tampering = Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
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
        })
        yield* Database.use(database, tampering)
      }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, NodeHttpClient.layerNodeHttp])),
    60_000
  )
})
