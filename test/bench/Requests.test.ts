import { assert, describe, it } from "@effect/vitest"
import { idIn, requests } from "../../bench/load/Requests.ts"
import type { Template } from "../../bench/load/Buyer.ts"
import { mint } from "../../bench/load/Tokens.ts"
import { couponUuid, productUuid, userUuid } from "../../bench/Shop.ts"

const users = 3
const tokens = mint("secret", users)
const tokenOf = (user: number) => tokens.bytes.toString("latin1", user * tokens.length, (user + 1) * tokens.length)

const { arrival, errand } = requests({ host: "127.0.0.1", port: 3000, users, keys: "sale" }, tokens)

const nothing = Buffer.alloc(0)
const orderId = userUuid(7)
const created = Buffer.from(`{"orderId":"ord_${orderId}","status":"CREATED"}`)

/** As the server reads it. */
const sent = ({ bytes, fill }: Template, number: number, told = nothing) => {
  const request = Buffer.from(bytes)
  fill(number, request, told)
  const [head = "", body = ""] = request.toString("latin1").split("\r\n\r\n")
  const [line, ...rest] = head.split("\r\n")
  const headers = new Map(rest.map((header) => [header.split(": ")[0], header.split(": ")[1]]))
  assert.strictEqual(Number(headers.get("Content-Length") ?? 0), body.length)
  return { line, token: headers.get("Authorization"), key: headers.get("Idempotency-Key"), body }
}

const piece = `{"items":[{"productId":"prd_${productUuid}","quantity":1}]}`

describe("the requests of a buyer", () => {
  it("are one for an order that is paid at once, and one for a coupon", () => {
    const [order, ...none] = errand("order").steps.map((step) => sent(step, 1_000_001))
    assert.deepStrictEqual(order, {
      line: "POST /api/v1/checkout HTTP/1.1",
      token: `Bearer ${tokenOf(1_000_001 % users)}`,
      key: "sale-001000001",
      body: piece
    })
    assert.deepStrictEqual(none, [])
    const [coupon] = errand("coupon").steps.map((step) => sent(step, 2))
    assert.strictEqual(coupon?.body, `{"couponId":"cpn_${couponUuid}"}`)
  })

  it("are two for a purchase, and the second pays the order that the answer to the first tells of", () => {
    const [create, pay, ...none] = errand("purchase").steps.map((step) => sent(step, 5, created))
    const token = `Bearer ${tokenOf(2)}`
    assert.deepStrictEqual(create, { line: "POST /api/v1/orders HTTP/1.1", token, key: "sale-000000005", body: piece })
    assert.deepStrictEqual(pay, {
      line: "POST /api/v1/payments/process HTTP/1.1",
      token,
      key: "sale-payment-000000005",
      body: `{"orderId":"ord_${orderId}"}`
    })
    assert.deepStrictEqual(none, [])
    assert.deepStrictEqual(
      errand("purchase").steps.map(({ hoped }) => hoped),
      [201, 200]
    )
  })

  it("look at the own balance before the sale", () => {
    assert.strictEqual(sent(arrival(), 1).line, `GET /api/v1/balances/usr_${userUuid(1)} HTTP/1.1`)
  })

  it("are acknowledged by an id, or by nothing", () => {
    const { idMark } = errand("purchase")
    assert.strictEqual(idIn(created, idMark).toString(), orderId)
    assert.strictEqual(idIn(Buffer.from("{}"), idMark).length, 0)
  })
})
