import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { holds } from "../../bench/Conservation.ts"
import * as Database from "../../bench/Database.ts"
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

describe("a flash sale", () => {
  it.live(
    "sells what there is, to whom it says",
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
      }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, NodeHttpClient.layerNodeHttp])),
    60_000
  )

  it.live(
    "of orders that are paid later has none left to pay",
    () =>
      Effect.gen(function* () {
        const database = yield* Database.embedded
        const { load, checks } = yield* Sale.measure(database, options, Sale.purchaseRush(options))
        assert.strictEqual(load.done, 300)
        assert.deepStrictEqual(load.statuses, { 200: 300, 201: 300, 400: 100 })
        assert.strictEqual(load.callMicros.length, 2)
        assert.deepStrictEqual(
          checks.filter((check) => !holds(check)),
          []
        )
      }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, NodeHttpClient.layerNodeHttp])),
    60_000
  )
})
