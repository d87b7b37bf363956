import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { HttpServer } from "effect/http"
import { hash } from "node:crypto"
import { Policy } from "../../src/domain/Policy.ts"
import type { GatewayName } from "../../src/domain/Tender.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as Routing from "../../src/saga/gateways/Routing.ts"
import { leftOf } from "../../src/saga/gateways/simulator/Charges.ts"
import * as Simulator from "../../src/saga/gateways/simulator/Simulator.ts"
import * as Shop from "./Shop.ts"
import { call, order, outcome, person, product } from "./Shop.ts"

const unknown = "ord_00000000-0000-7000-8000-000000000000"
const form = { "content-type": "application/x-www-form-urlencoded" }
const json = { "content-type": "application/json;charset=utf-8" }

describe("A callback", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    for (const [what, gateway, raw, headers] of [
      ["about an order nobody has", "toss", JSON.stringify({ data: { orderId: unknown } }), json],
      ["about no order", "toss", JSON.stringify({ eventType: "METHOD_UPDATED", data: {} }), json],
      ["about something that is no id", "toss", JSON.stringify({ data: { orderId: "' OR 1=1 --" } }), json],
      ["without a signature", "nice", JSON.stringify({ orderId: unknown, tid: "1", amount: 1, ediDate: "" }), json],
      ["about a deposit", "inicis", `no_oid=${unknown}&nm_input=%C8%AB`, form],
      ["that is half of its JSON", "toss", '{"data":', json],
      ["that is a form, and should be JSON", "toss", "a=1", form],
      ["that is neither", "inicis", "<xml/>", { "content-type": "text/xml" }],
      ["that is empty", "nice", "", json],
      ["as long as it may be", "inicis", "a&".repeat(32_768), form]
    ] as const) {
      it_.effect(`${what} is answered like every other (${gateway})`, () =>
        Effect.gen(function* () {
          const answer = yield* call("POST", `/payments/callbacks/${gateway}`, { raw, headers: { ...headers } })
          assert.deepStrictEqual([answer.status, answer.text], [200, "OK"])
          assert.strictEqual(answer.headers.get("content-type"), "text/html; charset=utf-8")
        })
      )
    }

    it_.effect("that is too long is refused, also when it does not say how long it is", () =>
      Effect.gen(function* () {
        const path = "/payments/callbacks/inicis"
        const tooLong = "x".repeat(65_537)
        const pieces = new Blob([tooLong]).stream()
        for (const raw of [tooLong, pieces]) {
          assert.strictEqual(yield* outcome("POST", path, { raw, headers: form }), "413 PAYLOAD_TOO_LARGE")
        }
      })
    )

    it_.effect("is posted, to a gateway there is", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* outcome("GET", "/payments/callbacks/toss"), "405 METHOD_NOT_ALLOWED")
        assert.strictEqual(yield* outcome("POST", "/payments/callbacks/paypal", { raw: "" }), "404 ROUTE_NOT_FOUND")
      })
    )
  })
})

/** Gateways that nobody waits for long, and are not asked twice. */
const resilience = { ...Policy.payment, maxRetries: 0, callTimeoutMs: 500 }

/** A shop that pays through simulated gateways, which call it back so often about each payment. */
const shop = Effect.fnUntraced(function* (copies: number) {
  const simulator = yield* Simulator.make({ host: "127.0.0.1", port: 0 })
  const gateways = Routing.layer({ ...simulator.settings, resilience }).pipe(
    Layer.provide(NodeHttpClient.layerUndici),
    Layer.orDie
  )
  const listen = Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    yield* Effect.promise(() =>
      fetch(`${simulator.url}/_sim/callbacks`, {
        method: "POST",
        body: JSON.stringify({ url: `${url}/api/v1/payments/callbacks/{gateway}`, copies })
      })
    )
  })
  return { simulator, layer: Layer.provideMerge(Layer.effectDiscard(listen), Shop.layer({ gateways })) }
})

describe("A callback that NICE has not signed", () => {
  it.live("is not read", () =>
    Effect.gen(function* () {
      const { simulator, layer: served } = yield* shop(1)
      yield* Effect.gen(function* () {
        const unread = Effect.map(call("GET", "/metrics"), ({ text }) =>
          Number(/sluice_gateway_callbacks\{[^}]*nice[^}]*Unread[^}]*\} (\d+)/.exec(text)?.[1] ?? 0)
        )
        const send = (signature: string | undefined) =>
          call("POST", "/payments/callbacks/nice", {
            body: { orderId: unknown, tid: "1", amount: 1, ediDate: "2", signature }
          })
        const before = yield* unread
        const key = Redacted.value(simulator.settings.nice.secretKey)
        yield* send(hash("sha256", `112${key}`, "hex"))
        assert.strictEqual(yield* unread, before)
        for (const signature of [hash("sha256", "112", "hex"), "", undefined]) yield* send(signature)
        assert.strictEqual(yield* unread, before + 3)
      }).pipe(Effect.provide(served))
    }).pipe(Effect.scoped)
  )
})

const methods = { toss: "CARD", nice: "BANK_TRANSFER", inicis: "KAKAOPAY" } as const
const keys = { toss: "hangAfter_", nice: "hangAfter_", inicis: "fc:hangAfter_" } as const

describe("A payment of which nobody heard the end", () => {
  for (const gateway of ["toss", "nice", "inicis"] as const satisfies ReadonlyArray<GatewayName>) {
    it.live(`is over, once, as soon as ${gateway} has called back about it ten times`, () =>
      Effect.gen(function* () {
        const { simulator, layer: served } = yield* shop(10)
        yield* Effect.gen(function* () {
          const seller = yield* person("SELLER")
          const buyer = yield* person("BUYER")
          const orderId = yield* order(buyer, yield* product(seller, { price: 1500 }))
          const body = {
            orderId,
            tenders: [{ method: methods[gateway], amount: 1500 }],
            paymentKey: keys[gateway] + orderId
          }
          // It asks what became of it once by itself.
          simulator.scripts[gateway].next("inquire", "busy")
          const asked = yield* call("POST", "/payments/process", { ...buyer, key: "pay", body })
          assert.deepInclude(asked.body, { status: "GATEWAY_REQUESTED" })
          const read = Effect.map(call("GET", `/orders/${orderId}`, buyer), ({ body: shown }) => shown)
          const paid = yield* read.pipe(
            Effect.repeat({ until: ({ status }) => status !== "CREATED", schedule: Schedule.spaced("20 millis") }),
            // Long before it is due by itself.
            Effect.timeout(Policy.payment.recoverMs / 2)
          )
          assert.deepInclude(paid, { status: "CONFIRMED", paidAmount: 1500 })
          assert.containSubset(paid["payments"], [{ status: "COMPLETED", amount: 1500 }])
          const { outbox } = yield* MemoryTables
          const confirmed = outbox.filter(({ entity, type }) => entity === orderId && type === "OrderConfirmed")
          assert.lengthOf(confirmed, 1)
          assert.deepStrictEqual(
            simulator.charges[gateway].all.map((charge): number => leftOf(charge)),
            [1500]
          )
          const again = yield* call("POST", "/payments/process", { ...buyer, key: "pay", body })
          assert.deepInclude(again.body, { status: "COMPLETED", paidAmount: 1500 })
        }).pipe(Effect.provide(served))
      }).pipe(Effect.scoped)
    )
  }
})
