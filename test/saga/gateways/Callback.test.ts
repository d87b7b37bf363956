import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { hash } from "node:crypto"
import type { GatewayName } from "../../../src/domain/Tender.ts"
import { callbackIn } from "../../../src/saga/gateways/Callback.ts"
import * as Nice from "../../../src/saga/gateways/Nice.ts"
import * as Routing from "../../../src/saga/gateways/Routing.ts"
import { Gateways } from "../../../src/saga/gateways/Gateway.ts"

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()

const secret = "the shop's secret key"
const sign = (text: string) => hash("sha256", text + secret, "hex")

/** As the manual has it, and more than is read of it. */
const nice = {
  resultCode: "0000",
  resultMsg: "정상 처리되었습니다.",
  tid: "UT0000113m01012111051714341073",
  cancelledTid: null,
  orderId: "c74a5960-830b-4cd8-82a9-fa1ce739a18f",
  ediDate: "2021-11-05T17:14:35.150+0900",
  signature: sign("UT0000113m0101211105171434107310042021-11-05T17:14:35.150+0900"),
  status: "paid",
  amount: 1004,
  balanceAmt: 1004,
  card: { cardCode: "04", cardName: "삼성", isInterestFree: false }
}

const read: ReadonlyArray<readonly [what: string, gateway: GatewayName, body: string, orderId: string | undefined]> = [
  [
    "a status that has changed",
    "toss",
    JSON.stringify({
      eventType: "PAYMENT_STATUS_CHANGED",
      createdAt: "2022-05-12T00:00:00.000",
      data: { paymentKey: "B3EvL1cKz9p-kO6XPNpfF", status: "DONE", orderId: "YOWWcpZSDCZ8WJC5x7mkl" }
    }),
    "YOWWcpZSDCZ8WJC5x7mkl"
  ],
  [
    "a deposit",
    "toss",
    JSON.stringify({
      createdAt: "2022-06-09T15:40:09.000000",
      secret: "ps_1",
      status: "DONE",
      transactionKey: "9FF15E1A",
      orderId: "NjA3ZGNiYTk"
    }),
    "NjA3ZGNiYTk"
  ],
  [
    "a customer that has changed",
    "toss",
    '{"eventType":"CUSTOMER_STATUS_CHANGED","data":{"customerKey":"1"}}',
    undefined
  ],
  ["an event without its data", "toss", '{"eventType":"PAYMENT_STATUS_CHANGED","data":null}', undefined],
  ["an order that is a number", "toss", '{"data":{"orderId":7}}', undefined],
  ["a payment", "nice", JSON.stringify(nice), nice.orderId],
  [
    "a payment as a form",
    "nice",
    form({ tid: nice.tid, orderId: nice.orderId, amount: "1004", ediDate: nice.ediDate, signature: nice.signature }),
    nice.orderId
  ],
  ["a payment without an order", "nice", JSON.stringify({ ...nice, orderId: undefined }), undefined],
  [
    "a notice of a mobile page",
    "inicis",
    form({
      P_STATUS: "00",
      P_TID: "INIMX_ISP_INIpayTest20260101000000000001",
      P_TYPE: "ISP",
      P_OID: "order-1",
      P_AMT: "1000"
    }),
    "order-1"
  ],
  [
    "a deposit into a virtual account, in EUC-KR",
    "inicis",
    "no_tid=StdpayVBNKINIpayTest&no_oid=order-2&nm_input=%C8%AB%B1%E6%B5%BF&amt_input=1000",
    "order-2"
  ],
  ["the same, as older shops are told", "inicis", "NO_TID=1&NO_OID=order-3&NM_INPUT=\ufffd\ufffd", "order-3"],
  ["a notice without an order", "inicis", "P_STATUS=00&P_OID=", undefined]
]

const garbage = [
  "",
  "{",
  "null",
  "[]",
  "7",
  '"orderId"',
  "%",
  "%zz=%",
  "&&==&",
  "\0",
  '{"__proto__":{"orderId":"ord"}}',
  "__proto__=1&constructor=2",
  "[".repeat(30_000) + "]".repeat(30_000),
  '{"data":'.repeat(8000) + "1" + "}".repeat(8000),
  "a&".repeat(32_000)
]

describe("A callback", () => {
  for (const [what, gateway, body, orderId] of read) {
    it(`of ${gateway}, ${what}, names ${orderId ?? "nothing"}`, () =>
      assert.strictEqual(callbackIn(gateway, body)?.orderId, orderId))
  }

  it("that is none names nothing", () => {
    for (const gateway of ["toss", "nice", "inicis"] as const) {
      for (const body of garbage) assert.isUndefined(callbackIn(gateway, body), body.slice(0, 40))
    }
  })
})

describe("NICE's signature", () => {
  const settings = { clientKey: "S1_1", secretKey: Redacted.make(secret), baseUrl: "http://127.0.0.1" }
  const cases: ReadonlyArray<readonly [what: string, change: object, isSigned: boolean]> = [
    ["of what was sent", {}, true],
    ["of another amount", { amount: 1005 }, false],
    ["of another payment", { tid: "UT0000113m01012111051714341074" }, false],
    ["of another moment", { ediDate: "2021-11-05T17:14:36.150+0900" }, false],
    ["by somebody without the key", { signature: hash("sha256", `${nice.tid}1004${nice.ediDate}`, "hex") }, false],
    ["that is empty", { signature: "" }, false],
    ["that is left out", { signature: undefined }, false]
  ]
  for (const [what, change, isSigned] of cases) {
    it.effect(`${what} is ${isSigned ? "its own" : "none"}`, () =>
      Effect.gen(function* () {
        const gateway = Nice.make(yield* HttpClient.HttpClient, settings)
        const callback = callbackIn("nice", JSON.stringify({ ...nice, ...change })) ?? assert.fail("not read")
        assert.strictEqual(gateway.isSigned?.(callback), isSigned)
      }).pipe(Effect.provide(NodeHttpClient.layerUndici))
    )
  }

  it.effect("is looked at by the gateway that a shop has, and the others sign nothing", () =>
    Effect.gen(function* () {
      const { of } = yield* Gateways
      assert.isFalse(of("nice").isSigned?.({ orderId: "1" }))
      assert.isUndefined(of("toss").isSigned)
      assert.isUndefined(of("inicis").isSigned)
    }).pipe(Effect.provide(Routing.layer({ nice: settings })), Effect.provide(NodeHttpClient.layerUndici))
  )
})
