import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schedule, Schema } from "effect"
import * as Simulator from "../../src/saga/gateways/simulator/Simulator.ts"
import { call, expect, folder, keys, left, shop, start } from "./Nodes.ts"

const Made = Schema.Struct({ orderId: Schema.String })
const Order = Schema.Struct({
  status: Schema.String,
  payments: Schema.Array(Schema.Struct({ status: Schema.String })),
  refunds: Schema.Array(Schema.Struct({ status: Schema.String }))
})

/** What a gateway makes of a call before the node is killed: nothing yet, all of it, or all of it and its answer is late. */
const fates = ["hang1", "hangAfter1", "slow1", "cutAfter1"]

describe("A node that is paid through a gateway", () => {
  it.live(
    "is killed in the middle of it, and ends every purchase in one state, charged once",
    () =>
      Effect.gen(function* () {
        const { settings, charges, scripts } = yield* Simulator.make({ host: "127.0.0.1", port: 0 })
        const env = {
          DATA_DIR: yield* folder,
          TOSS_SECRET_KEY: Redacted.value(settings.toss.secretKey),
          TOSS_URL: settings.toss.baseUrl
        }
        const first = yield* start(env)
        const all = yield* shop(first.api, { stock: 100, money: 100_000 })
        const { token } = all.buyer
        const items = [{ productId: all.productId, quantity: 1 }]
        const make = (key: string) => expect(call(`${first.api}/orders`, { token, key, body: { items } }), Made)
        const tenders = [
          { method: "WALLET", amount: 400 },
          { method: "CARD", amount: 600 }
        ]
        const pay = (api: string, orderId: string, paymentKey: string) =>
          call(`${api}/payments/process`, { token, key: paymentKey, body: { orderId, tenders, paymentKey } })
        const look = (api: string, orderId: string) => expect(call(`${api}/orders/${orderId}`, { token }), Order)
        const until = (api: string, orderId: string, holds: (order: typeof Order.Type) => boolean) =>
          look(api, orderId).pipe(
            Effect.repeat({ until: holds, schedule: Schedule.spaced("50 millis") }),
            Effect.timeout("90 seconds")
          )

        // One was paid before, and its money is on its way back when the node dies.
        const { orderId: returned } = yield* make("returned")
        yield* pay(first.api, returned, `key_${returned}`)
        scripts.toss.next("cancel", "hangAfter")
        yield* call(`${first.api}/orders/${returned}/cancel`, { token, key: "cancel", method: "PUT", body: {} })

        const made = yield* Effect.forEach(keys(fates.length), make)
        const asked = made.map(({ orderId }, n) => ({ orderId, paymentKey: `${fates[n]}_${orderId}` }))
        yield* Effect.forkScoped(
          Effect.forEach(asked, ({ orderId, paymentKey }) => pay(first.api, orderId, paymentKey), {
            concurrency: asked.length
          })
        )
        for (const { orderId } of asked) {
          yield* until(first.api, orderId, ({ payments }) => payments.some(({ status }) => status !== "INITIATED"))
        }
        yield* first.signal("SIGKILL")
        yield* first.exitCode.pipe(Effect.ignore)

        const second = yield* start(env)
        for (const { orderId, paymentKey } of asked) {
          const { status } = yield* until(second.api, orderId, (order) => order.status !== "CREATED")
          assert.strictEqual(status, "CONFIRMED")
          assert.lengthOf(
            charges.toss.all.filter((charge) => charge.orderId === orderId && charge.status === "APPROVED"),
            1
          )
          const repeated = yield* pay(second.api, orderId, paymentKey)
          assert.strictEqual(
            repeated.pipe((answer) => (answer._tag === "Some" ? answer.value.status : 0)),
            200
          )
        }
        yield* until(second.api, returned, ({ refunds }) => refunds.every(({ status }) => status === "REFUNDED"))
        assert.deepStrictEqual(
          charges.toss.byOrder(returned)?.refunds.map(({ amount }): number => amount),
          [600]
        )
        const sold = asked.length
        assert.deepStrictEqual(yield* left(second.api, all), { stock: 100 - sold, balance: 100_000 - 400 * sold })
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    180_000
  )
})
