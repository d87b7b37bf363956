import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, type Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { createServer } from "node:http"
import { won } from "../../../src/domain/Money.ts"
import { fromIso, fromSeoul, seoul } from "../../../src/saga/gateways/Seoul.ts"
import { saidBy } from "../../../src/saga/gateways/simulator/Behaviour.ts"
import { Charges } from "../../../src/saga/gateways/simulator/Charges.ts"
import * as Simulator from "../../../src/saga/gateways/simulator/Simulator.ts"
import * as Toss from "../../../src/saga/gateways/Toss.ts"
import { payment, refundOf } from "./Gateway.contract.ts"

const Listed = Schema.Struct({
  payments: Schema.Array(
    Schema.Struct({ gateway: Schema.String, orderId: Schema.String, amount: Schema.Int, left: Schema.Int })
  )
})

const start = Effect.gen(function* () {
  const simulator = yield* Simulator.make({ host: "127.0.0.1", port: 0 })
  const http = yield* HttpClient.HttpClient
  const tell = (path: string, body: unknown) =>
    http.execute(HttpClientRequest.post(`${simulator.url}/_sim/${path}`).pipe(HttpClientRequest.bodyJsonUnsafe(body)))
  return { simulator, http, tell, toss: Toss.make(http, simulator.settings.toss) }
})

const live = (name: string, test: Effect.Effect<unknown, unknown, HttpClient.HttpClient | Scope.Scope>) =>
  it.live(name, () => test.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici)))

describe("The simulated gateways", () => {
  live(
    "list what they took and gave back",
    Effect.gen(function* () {
      const { simulator, http, toss } = yield* start
      const approval = payment("toss")
      yield* toss.cancel(refundOf(approval, yield* toss.approve(approval), 400))
      const response = yield* http.get(`${simulator.url}/_sim/payments`)
      const { payments } = yield* Schema.decodeUnknownEffect(Listed)(yield* response.json)
      assert.deepStrictEqual(payments, [{ gateway: "toss", orderId: approval.orderId, amount: 1000, left: 600 }])
    })
  )

  live(
    "behave as they are told",
    Effect.gen(function* () {
      const { tell, toss } = yield* start
      const told = yield* tell("behaviours", { gateway: "toss", operation: "approve", behaviour: "decline" })
      assert.strictEqual(told.status, 200)
      assert.strictEqual((yield* Effect.flip(toss.approve(payment("toss"))))._tag, "Declined")
      yield* toss.approve(payment("toss"))
      assert.strictEqual((yield* tell("behaviours", { gateway: "toss", behaviour: "explode" })).status, 400)
    })
  )

  live(
    "tell whoever wants to know of a payment, also twice",
    Effect.gen(function* () {
      const { tell, toss } = yield* start
      const approval = payment("toss")
      const heard: Array<string> = []
      const { url, twice } = yield* Effect.acquireRelease(
        Effect.callback<{ url: string; twice: Promise<void>; close: () => void }>((resume) => {
          const done = Promise.withResolvers<void>()
          const node = createServer((request, response) => {
            request.setEncoding("utf8").on("data", (text: string) => heard.push(text))
            request.on("end", () => {
              response.end()
              if (heard.length === 2) done.resolve()
            })
          }).listen(0, "127.0.0.1", () => {
            const address = node.address()
            const port = typeof address === "object" && address !== null ? address.port : 0
            const close = () => {
              node.close()
              node.closeAllConnections()
            }
            resume(Effect.succeed({ url: `http://127.0.0.1:${port}/`, twice: done.promise, close }))
          })
        }),
        ({ close }) => Effect.sync(close)
      )
      yield* tell("callbacks", { url, copies: 2 })
      yield* toss.approve(approval)
      yield* Effect.promise(() => twice)
      assert.lengthOf(heard, 2)
      assert.strictEqual(heard[0], heard[1])
      assert.include(heard[0], approval.orderId)
    })
  )
})

describe("A payment key", () => {
  for (const [key, expected] of [
    ["ord_1", undefined],
    ["decline_ord_1", { behaviour: "decline", times: Number.POSITIVE_INFINITY }],
    ["busy2_ord_1", { behaviour: "busy", times: 2 }],
    ["fc:cutAfter_ord_1", { behaviour: "cutAfter", times: Number.POSITIVE_INFINITY }],
    ["explode_ord_1", undefined]
  ] as const) {
    it(`${key} says ${expected === undefined ? "nothing" : `${expected.behaviour}, ${expected.times} times`}`, () =>
      assert.deepStrictEqual(saidBy(key), expected))
  }
})

describe("The simulator's books", () => {
  it("forget the oldest beyond their bound", () => {
    const charges = new Charges(2)
    for (const paymentKey of ["a", "b", "c"])
      charges.charge({
        paymentKey,
        orderId: paymentKey,
        transactionId: paymentKey,
        idempotencyKey: undefined,
        status: "APPROVED",
        amount: won(1),
        at: 0
      })
    assert.deepStrictEqual(
      charges.all.map(({ paymentKey }) => paymentKey),
      ["b", "c"]
    )
  })
})

describe("Moments in Seoul", () => {
  it("are nine hours ahead", () => {
    const ms = Date.UTC(2026, 11, 31, 15, 0, 1)
    assert.strictEqual(seoul(ms), "20270101000001")
    assert.strictEqual(fromSeoul("20270101000001"), ms)
    assert.strictEqual(fromIso("2027-01-01T00:00:01+09:00"), ms)
    assert.strictEqual(fromIso("2027-01-01T00:00:01.000+0900"), ms)
  })

  it("that are none are 0", () => {
    assert.strictEqual(fromSeoul(""), 0)
    assert.strictEqual(fromIso("nonsense"), 0)
  })
})
