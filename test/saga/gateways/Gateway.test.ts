import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { createServer } from "node:http"
import { won } from "../../../src/domain/Money.ts"
import { gatewayTransactionId, type GatewayName, paymentKey } from "../../../src/domain/Tender.ts"
import { type Gateway, GatewayUnavailable, type Inquiry, whatBecameOf } from "../../../src/saga/gateways/Gateway.ts"
import { masked, quiet, shortened } from "../../../src/saga/gateways/Adapter.ts"
import * as Inicis from "../../../src/saga/gateways/Inicis.ts"
import * as MemoryGateway from "../../../src/saga/gateways/MemoryGateway.ts"
import * as Nice from "../../../src/saga/gateways/Nice.ts"
import * as Toss from "../../../src/saga/gateways/Toss.ts"
import * as Simulator from "../../../src/saga/gateways/simulator/Simulator.ts"
import { Backend, contract, payment, refundOf } from "./Gateway.contract.ts"

const stranger = (gateway: GatewayName): Gateway => {
  const fail = Effect.fail(new GatewayUnavailable({ gateway, reason: "Settings", detail: "nobody" }))
  return { approve: () => fail, inquire: () => fail, cancel: () => fail }
}

contract(
  "A gateway in memory",
  Layer.sync(Backend, () => {
    const gateway = MemoryGateway.make("toss")
    return {
      name: "toss" as const,
      gateway,
      stranger: stranger("toss"),
      charges: gateway.charges,
      script: gateway.script,
      tells: { declined: true, parts: true }
    }
  })
)

const simulator = Simulator.make({ host: "127.0.0.1", port: 0 })

const adapter = (
  name: GatewayName,
  connect: (
    http: HttpClient.HttpClient,
    settings: Simulator.Simulator["settings"]
  ) => Pick<Backend["Service"], "gateway" | "stranger" | "tells">
) =>
  Layer.effect(
    Backend,
    Effect.gen(function* () {
      const { charges, scripts, settings } = yield* simulator
      const http = yield* HttpClient.HttpClient
      return { name, charges: charges[name], script: scripts[name], ...connect(http, settings) }
    })
  ).pipe(Layer.provide(NodeHttpClient.layerUndici))

const wrong = Redacted.make("a wrong key")

contract(
  "Toss Payments",
  adapter("toss", (http, { toss }) => ({
    gateway: Toss.make(http, toss),
    stranger: Toss.make(http, { ...toss, secretKey: wrong }),
    tells: { declined: true, parts: true }
  }))
)

contract(
  "NICE Payments",
  adapter("nice", (http, { nice }) => ({
    gateway: Nice.make(http, nice),
    stranger: Nice.make(http, { ...nice, secretKey: wrong }),
    tells: { declined: true, parts: true }
  }))
)

contract(
  "KG Inicis",
  adapter("inicis", (http, { inicis }) => ({
    gateway: Inicis.make(http, inicis),
    stranger: Inicis.make(http, { ...inicis, signKey: wrong, apiKey: wrong }),
    tells: { declined: false, parts: false }
  }))
)

describe("A gateway nobody reaches", () => {
  it.live("is unavailable, and nothing has happened", () =>
    Effect.gen(function* () {
      const http = yield* HttpClient.HttpClient
      // A port that was free a moment ago.
      const { url } = yield* Effect.scoped(simulator)
      const toss = Toss.make(http, { secretKey: wrong, baseUrl: url })
      const failure = yield* Effect.flip(toss.approve(payment("toss")))
      assert.strictEqual(failure._tag, "GatewayUnavailable")
      if (failure._tag === "GatewayUnavailable") assert.strictEqual(failure.reason, "Unreachable")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("that answers nonsense leaves the outcome open", () =>
    Effect.gen(function* () {
      const http = yield* HttpClient.HttpClient
      const node = createServer((_, response) => response.end("<html>moved</html>"))
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          node.listen(0, "127.0.0.1", () => {
            const address = node.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () => Effect.sync(() => node.close())
      )
      const baseUrl = `http://127.0.0.1:${port}`
      const inicis = {
        mid: "m",
        signKey: wrong,
        apiKey: wrong,
        payUrl: baseUrl,
        apiUrl: baseUrl,
        clientIp: "127.0.0.1"
      }
      const gateways = [
        ["toss", Toss.make(http, { secretKey: wrong, baseUrl })],
        ["nice", Nice.make(http, { clientKey: "c", secretKey: wrong, baseUrl })],
        ["inicis", Inicis.make(http, inicis)]
      ] as const
      for (const [name, gateway] of gateways) {
        assert.strictEqual((yield* Effect.flip(gateway.approve(payment(name))))._tag, "OutcomeUnknown", name)
        assert.strictEqual((yield* Effect.flip(gateway.inquire(payment(name))))._tag, "GatewayUnavailable", name)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe("What became of a refund that nobody heard the end of", () => {
  const transactionId = gatewayTransactionId("t")
  const approved = {
    _tag: "Approved",
    transactionId,
    approvedAt: 1,
    approvedAmount: won(1000),
    label: undefined
  } as const
  const cancelled = (amount: number | undefined): Inquiry => ({
    _tag: "Cancelled",
    transactionId,
    approvedAmount: won(1000),
    cancelledAmount: amount === undefined ? undefined : won(amount),
    cancelledAt: 2
  })
  const refund = (remaining: number, amount: number) => ({
    ...refundOf(payment("toss"), approved, amount),
    remaining: won(remaining)
  })

  for (const [remaining, amount, found, expected] of [
    [1000, 300, approved, "NotDone"],
    [1000, 300, cancelled(300), "Done"],
    [1000, 300, cancelled(undefined), "Unclear"],
    [1000, 1000, cancelled(1000), "Done"],
    [1000, 1000, cancelled(undefined), "Unclear"],
    [700, 300, cancelled(300), "NotDone"],
    [700, 300, cancelled(600), "Done"],
    [700, 300, cancelled(undefined), "Unclear"],
    // Somebody gave money back by hand.
    [700, 300, cancelled(900), "Unclear"],
    [700, 300, approved, "Unclear"],
    [1000, 300, { _tag: "NotFound" }, "Unclear"],
    [1000, 300, { _tag: "Declined", code: "", reason: "" }, "Unclear"]
  ] as const) {
    const known = found._tag === "Cancelled" ? `${found._tag} ${found.cancelledAmount ?? "a part"}` : found._tag
    it(`${amount} of ${remaining} left, found ${known}: ${expected}`, () =>
      assert.strictEqual(whatBecameOf(refund(remaining, amount), found), expected))
  }

  for (const [found, expected] of [
    [approved, "NotDone"],
    [cancelled(300), "Unclear"],
    [cancelled(600), "Unclear"]
  ] as const) {
    const known = found._tag === "Cancelled" ? `${found._tag} ${found.cancelledAmount}` : found._tag
    it(`300 of 1000 left, and of another refund nobody knows, found ${known}: ${expected}`, () =>
      assert.strictEqual(whatBecameOf({ ...refund(1000, 300), othersUnknown: true }, found), expected))
  }
})

describe("What a gateway says", () => {
  it("is told without a number that could be a card's", () => {
    assert.strictEqual(quiet("카드번호 5361-1234 5678-1234 오류 (3011)"), "카드번호 **** 오류 (3011)")
    assert.strictEqual(masked("536112******1234"), "****1234")
    assert.isUndefined(masked(null))
  })

  it("is told as far as it fits, whole characters only", () => assert.strictEqual(shortened("고객 변심", 8), "고객 "))
})

describe("A key of Inicis'", () => {
  it("names a data centre, and never an address", () => {
    const url = "https://{idc}stdpay.inicis.com"
    assert.deepStrictEqual(Inicis.addressOf(url, paymentKey("ks:to:ken")), {
      url: "https://ksstdpay.inicis.com/api/payAuth",
      authToken: "to:ken"
    })
    for (const key of ["token", "evil.test/:token", "https://evil.test/:token", ":token"])
      assert.isUndefined(Inicis.addressOf(url, paymentKey(key)))
  })
})

describe("What a refusing answer means", () => {
  for (const [meaningOf, status, code, expected] of [
    [Toss.meaningOf, 401, "UNAUTHORIZED_KEY", "Settings"],
    [Toss.meaningOf, 400, "INVALID_API_KEY", "Settings"],
    [Toss.meaningOf, 403, "REJECT_CARD_COMPANY", "Declined"],
    [Toss.meaningOf, 403, "NOT_CANCELABLE_AMOUNT", "Declined"],
    [Toss.meaningOf, 404, "NOT_FOUND_PAYMENT_SESSION", "Declined"],
    [Toss.meaningOf, 400, "ALREADY_PROCESSED_PAYMENT", "Again"],
    [Toss.meaningOf, 409, "IDEMPOTENT_REQUEST_PROCESSING", "Unclear"],
    [Toss.meaningOf, 400, "PROVIDER_ERROR", "Unclear"],
    [Toss.meaningOf, 500, "FAILED_INTERNAL_SYSTEM_PROCESSING", "Unclear"],
    [Toss.meaningOf, 429, undefined, "Busy"],
    [Toss.meaningOf, 503, undefined, "Unclear"],
    [Toss.meaningOf, 403, undefined, "Settings"],
    [Toss.meaningOf, 302, undefined, "Unclear"],
    [Nice.meaningOf, 401, "U104", "Settings"],
    [Nice.meaningOf, 200, "3011", "Declined"],
    [Nice.meaningOf, 200, "2201", "Again"],
    [Nice.meaningOf, 200, "2013", "Again"],
    [Nice.meaningOf, 200, "X003", "Unclear"],
    [Nice.meaningOf, 200, "A246", "Busy"],
    [Nice.meaningOf, 200, undefined, "Unclear"],
    [Nice.meaningOf, 502, undefined, "Unclear"],
    [Inicis.meaningOf, 200, "9001", "Again"],
    [Inicis.meaningOf, 200, undefined, "Unclear"],
    [Inicis.meaningOf, 401, undefined, "Settings"],
    [Inicis.meaningOf, 408, undefined, "Unclear"],
    [Inicis.meaningOf, 500, "0000", "Unclear"]
  ] as const) {
    const who = meaningOf === Toss.meaningOf ? "Toss" : meaningOf === Nice.meaningOf ? "NICE" : "Inicis"
    it(`${who}: ${status} ${code ?? "without a code"} is ${expected}`, () =>
      assert.strictEqual(meaningOf(status, code), expected))
  }
})
