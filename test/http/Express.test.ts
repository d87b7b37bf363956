import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Shop from "./Shop.ts"
import { type Answer, call, coupon, person, product } from "./Shop.ts"

const express = "/checkout"
/** The same endpoint; but a lane takes only what is exactly its own. */
const usual = "/checkout?usual"
const issue = "/coupons/issue/limited"

const changing = new Set(["date", "content-length", "traceId", "orderId", "transactedAt", "userCouponId", "issuedAt"])
const same = ([name]: readonly [string, unknown]) => !changing.has(name)

/** An answer without what is new in each. */
const essence = ({ status, headers, body }: Answer) => ({
  status,
  headers: Object.fromEntries([...headers.entries()].filter(same)),
  fields: Object.keys(body),
  rest: Object.fromEntries(Object.entries(body).filter(same))
})

const some = "prd_00000000-0000-7000-8000-000000000000"
const json = (body: object) => JSON.stringify(body)
const one = { items: [{ productId: some, quantity: 1 }] }

/** What clients send, and some of it wrong in two ways at once. */
const requests: ReadonlyArray<
  { readonly what: string } & Omit<Shop.Call, "token"> & { readonly token?: "good" | "bad" }
> = [
  { what: "nothing at all" },
  { what: "no token", key: "k", raw: json(one) },
  { what: "no token and no key", raw: json(one) },
  { what: "no token and a body that is no JSON", key: "k", raw: "{" },
  { what: "no token and a body of another kind", key: "k", raw: "a=1", headers: { "content-type": "text/plain" } },
  { what: "a bad token", key: "k", raw: json(one), token: "bad" },
  { what: "a scheme of its own", key: "k", raw: json(one), headers: { authorization: "Basic eDp5" } },
  { what: "no key", raw: json(one), token: "good" },
  { what: "no key and a body that is no JSON", raw: "{", token: "good" },
  { what: "a key that is none", key: "\t", raw: json(one), token: "good" },
  { what: "a quoted key", key: '"quoted"', raw: json(one), token: "good" },
  { what: "a body that is no JSON", key: "k", raw: "{", token: "good" },
  { what: "an empty body", key: "k", raw: "", token: "good" },
  { what: "a body that is null", key: "k", raw: "null", token: "good" },
  { what: "a body that is too large", key: "k", raw: `"${"x".repeat(70_000)}"`, token: "good" },
  {
    what: "a body that is no UTF-8's kind",
    key: "k",
    raw: json(one),
    token: "good",
    headers: { "content-type": "application/json; charset=latin1" }
  },
  { what: "several wrong fields", key: "k", raw: json({ items: [{ quantity: -1 }], more: 1 }), token: "good" },
  { what: "a field called __proto__", key: "k", raw: '{"items":[],"__proto__":{"x":1}}', token: "good" },
  { what: "no items", key: "k", raw: json({ items: [] }), token: "good" },
  { what: "a product that is not there", key: "k", raw: json(one), token: "good" },
  { what: "English", key: "k", raw: json(one), token: "good", headers: { "accept-language": "en" } },
  { what: "a trace", key: "k", raw: json(one), headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` } }
]

describe("The express lane", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect.each(requests)("answers as the usual way does: $what", ({ token, ...request }) =>
      Effect.gen(function* () {
        const buyer = yield* person("BUYER", 10_000)
        const said = { ...request, token: token === "good" ? buyer.token : token }
        const [fast, slow] = [yield* call("POST", express, said), yield* call("POST", usual, said)]
        assert.deepStrictEqual(essence(fast), essence(slow))
        assert.isAtLeast(fast.status, 400)
        // The same, of a lane with other bodies.
        const issued = [yield* call("POST", issue, said), yield* call("POST", `${issue}?usual`, said)]
        assert.deepStrictEqual(essence(issued[0]!), essence(issued[1]!))
        assert.isAtLeast(issued[0]!.status, 400)
      })
    )

    it.effect.each<{ readonly what: string; readonly body: object }>([
      { what: "a coupon that is not there", body: { couponId: "cpn_00000000-0000-7000-8000-000000000000" } },
      { what: "a coupon that can be none", body: { couponId: "x" } },
      { what: "something besides", body: { couponId: "x", code: "y" } },
      { what: "somebody else", body: { couponId: "x", userId: "usr_00000000-0000-7000-8000-000000000000" } }
    ])("refuses an issue as the usual way does: $what", ({ body }) =>
      Effect.gen(function* () {
        const { token } = yield* person()
        const said = { token, key: "k", body }
        const [fast, slow] = [yield* call("POST", issue, said), yield* call("POST", `${issue}?usual`, said)]
        assert.deepStrictEqual(essence(fast), essence(slow))
        assert.isAtLeast(fast.status, 400)
      })
    )

    it.effect("issues as the usual way does, and each knows what the other has issued", () =>
      Effect.gen(function* () {
        const couponId = yield* coupon(yield* person("SELLER"), { perUserLimit: 3 })
        const { token } = yield* person()
        const asked = (path: string, key: string) => call("POST", path, { token, key, body: { couponId } })
        const [fast, slow] = [yield* asked(issue, "a"), yield* asked(`${issue}?usual`, "b")]
        assert.deepStrictEqual(essence(slow), { ...essence(fast), rest: { ...essence(fast).rest, rank: 2 } })
        const [again, across] = [yield* asked(`${issue}?usual`, "a"), yield* asked(issue, "b")]
        assert.deepStrictEqual([again.body, across.body], [fast.body, slow.body])
        assert.deepStrictEqual(essence(again).headers, essence(across).headers)
      })
    )

    it.effect("does not look at each of thousands of wrong values", () =>
      Effect.gen(function* () {
        const buyer = yield* person()
        const raw = json({ items: Array.from({ length: 9000 }, () => ({})) })
        const { status, body } = yield* call("POST", express, { token: buyer.token, key: "k", raw })
        assert.strictEqual(status, 422)
        assert.deepStrictEqual(body["errors"], [{ pointer: "", message: "Expected at most 500 values" }])
      })
    )

    it.effect("takes as many items as an order may have", () =>
      Effect.gen(function* () {
        const buyer = yield* person()
        const id = (n: number) => `prd_00000000-0000-7000-8000-${String(n).padStart(12, "0")}`
        const body = {
          items: Array.from({ length: 100 }, (_, n) => ({ productId: id(n), quantity: 1 })),
          expectedTotal: 1
        }
        const { status } = yield* call("POST", express, { token: buyer.token, key: "k", body })
        assert.strictEqual(status, 404)
      })
    )

    it.effect("sells as the usual way does, and each knows what the other has sold", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const buyer = yield* person("BUYER", 10_000)
        const productId = yield* product(seller, { price: 1000, stock: 3 })
        const bought = (path: string, key: string, quantity = 1) =>
          call("POST", path, { token: buyer.token, key, body: { items: [{ productId, quantity }] } })
        const [fast, slow] = [yield* bought(express, "a"), yield* bought(usual, "b")]
        assert.deepStrictEqual(essence(fast), { ...essence(slow), rest: { ...essence(slow).rest, balance: 9000 } })
        assert.strictEqual(slow.body["balance"], 8000)

        const [again, across] = [yield* bought(usual, "a"), yield* bought(express, "b")]
        assert.deepStrictEqual([again.body, across.body], [fast.body, slow.body])
        assert.deepStrictEqual(essence(again).headers, essence(across).headers)
        assert.strictEqual(across.headers.get("idempotent-replayed"), "true")
        assert.strictEqual((yield* bought(express, "a", 2)).body["code"], "IDEMPOTENCY_KEY_REUSED")
        assert.strictEqual((yield* bought(express, "c", 2)).body["code"], "STOCK_SHORTAGE")
      })
    )
  })
})
