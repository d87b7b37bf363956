import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Shop from "./Shop.ts"
import { call, outcome, person, product } from "./Shop.ts"

const id = "prd_00000000-0000-7000-8000-000000000000"
const item = { productId: id, quantity: 1 }

/** What is sent, as it is sent; the problem; and the place of it. */
type Bad = readonly [what: string, path: string, raw: string, code: string, pointer?: string]

const checkout = (what: string, body: unknown, pointer: string, code = "422 VALIDATION_FAILED"): Bad => [
  what,
  "/checkout",
  JSON.stringify(body),
  code,
  pointer
]

const registration = { loginId: "someone", name: "Some One", password: "long enough" }
const user = (what: string, change: object, pointer: string): Bad => [
  what,
  "/users",
  JSON.stringify({ ...registration, ...change }),
  "422 VALIDATION_FAILED",
  pointer
]

const sneaker = { name: "Sneaker", price: 1000, stock: 10 }
const goods = (what: string, change: object, pointer: string): Bad => [
  what,
  "/products",
  JSON.stringify({ ...sneaker, ...change }),
  "422 VALIDATION_FAILED",
  pointer
]

const other = (path: string, what: string, body: unknown, pointer: string): Bad => [
  what,
  path,
  JSON.stringify(body),
  "422 VALIDATION_FAILED",
  pointer
]

const items = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ ...item, productId: id.slice(0, -3) + n.toString(16).padStart(3, "0") }))

const bad: ReadonlyArray<Bad> = [
  ["no JSON", "/checkout", "{items", "400 MALFORMED_JSON"],
  ["half of its JSON", "/checkout", '{"items":[', "400 MALFORMED_JSON"],
  ["nothing", "/checkout", "", "400 MALFORMED_JSON"],
  ["a JSON list", "/checkout", "[]", "422 VALIDATION_FAILED", ""],
  ["null", "/checkout", "null", "422 VALIDATION_FAILED", ""],
  ["brackets ten thousand deep", "/checkout", "[".repeat(10_000) + "]".repeat(10_000), "422 VALIDATION_FAILED", ""],

  checkout("no items", {}, "/items"),
  checkout("an empty list of items", { items: [] }, "/items"),
  checkout("101 items", { items: items(101) }, "/items"),
  checkout("a product twice", { items: [item, item] }, "/items"),
  checkout("quantity 0", { items: [{ ...item, quantity: 0 }] }, "/items/0/quantity"),
  checkout("quantity -1", { items: [item, { ...item, quantity: -1 }] }, "/items/1/quantity"),
  checkout("quantity 1.5", { items: [{ ...item, quantity: 1.5 }] }, "/items/0/quantity"),
  checkout("quantity 10^12", { items: [{ ...item, quantity: 1e12 }] }, "/items/0/quantity"),
  checkout("quantity 10^300", { items: [{ ...item, quantity: 1e300 }] }, "/items/0/quantity"),
  checkout("a quantity in words", { items: [{ ...item, quantity: "1" }] }, "/items/0/quantity"),
  checkout("no quantity", { items: [{ productId: id }] }, "/items/0/quantity"),
  checkout("a malformed product", { items: [{ ...item, productId: "prd_1" }] }, "/items/0/productId"),
  checkout("another kind of id", { items: [{ ...item, productId: id.replace("prd", "usr") }] }, "/items/0/productId"),
  checkout("an id in capitals", { items: [{ ...item, productId: id.toUpperCase() }] }, "/items/0/productId"),
  checkout("a price of its own", { items: [{ ...item, price: 1 }] }, "/items/0/price"),
  checkout("a total of its own", { items: [item], totalAmount: 1 }, "/totalAmount"),
  checkout("somebody else's name", { items: [item], userId: "usr_1" }, "/userId"),
  checkout("a coupon, which is not yet", { items: [item], userCouponId: "uco_1" }, "/userCouponId"),
  checkout("a negative expectation", { items: [item], expectedTotal: -1 }, "/expectedTotal"),
  checkout("slashes and tildes", { items: [item], "a/b~c": 1 }, "/a~1b~0c"),
  checkout("a product nobody has", { items: [item] }, "", "404 PRODUCT_NOT_FOUND"),

  other("/orders", "no items", {}, "/items"),
  other("/orders", "a coupon policy there is not", { items: [item], couponPolicy: "ignore" }, "/couponPolicy"),
  other("/orders", "no address to send it to", { items: [item], shippingAddress: " " }, "/shippingAddress"),
  other("/orders", "an address of two lines", { items: [item], shippingAddress: "a\nb" }, "/shippingAddress"),
  other("/orders", "an address too long", { items: [item], shippingAddress: "x".repeat(501) }, "/shippingAddress"),
  other("/orders", "a status of its own", { items: [item], status: "CONFIRMED" }, "/status"),
  other("/payments/process", "no order", {}, "/orderId"),
  other("/payments/process", "an amount of its own", { orderId: "ord_1", amount: 1 }, "/amount"),
  other("/refunds", "an empty list of items", { orderId: "ord_1", items: [] }, "/items"),
  other("/refunds", "a product twice", { orderId: "ord_1", items: [item, item] }, "/items"),
  other("/refunds", "an amount of its own", { orderId: "ord_1", amount: 1 }, "/amount"),

  user("no password", { password: undefined }, "/password"),
  user("a short password", { password: "1234567" }, "/password"),
  user("a long password", { password: "x".repeat(129) }, "/password"),
  user("a short login", { loginId: "ab" }, "/loginId"),
  user("a login with spaces", { loginId: "a b c" }, "/loginId"),
  user("a login of markup", { loginId: "<script>" }, "/loginId"),
  user("a blank name", { name: "   " }, "/name"),
  user("a long name", { name: "x".repeat(101) }, "/name"),
  user("a name with NUL", { name: "a\0b" }, "/name"),
  user("a name with an escape", { name: "a\u001b[31m" }, "/name"),
  user("half a character", { name: "a\ud800" }, "/name"),
  user("a balance of its own", { balance: 1000 }, "/balance"),
  user("an id of its own", { userId: "usr_1" }, "/userId"),

  goods("no name", { name: undefined }, "/name"),
  goods("a name of 101 characters", { name: "x".repeat(101) }, "/name"),
  goods("a name of two lines", { name: "a\nb" }, "/name"),
  goods("a description of 5,001 characters", { description: "x".repeat(5001) }, "/description"),
  goods("a description with NUL", { description: "a\0" }, "/description"),
  goods("a category of 51 characters", { category: "x".repeat(51) }, "/category"),
  goods("a negative price", { price: -1 }, "/price"),
  goods("a price of half a won", { price: 0.5 }, "/price"),
  goods("a price beyond the most", { price: 1_000_000_001 }, "/price"),
  goods("negative stock", { stock: -1 }, "/stock"),
  goods("a status there is not", { saleStatus: "FREE" }, "/saleStatus"),
  goods("an id of its own", { productId: "prd_1" }, "/productId"),
  goods("a version of its own", { version: 7 }, "/version")
]

const coupon = { name: "New", discountType: "FIXED", discountValue: 1, totalQuantity: 1 }

const moments: ReadonlyArray<readonly [written: string, meant: string | undefined]> = [
  ["2028-02-29T09:00:00+09:00", "2028-02-29T00:00:00.000Z"],
  ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"],
  ["2027-02-29T00:00:00Z", undefined],
  ["2027-02-30T00:00:00Z", undefined],
  ["2027-04-31T00:00:00Z", undefined],
  ["2027-13-01T00:00:00Z", undefined],
  ["2027-01-00T00:00:00Z", undefined],
  ["2027-01-01T24:00:00Z", undefined],
  ["2027-01-01T23:60:00Z", undefined],
  ["9999-12-31T23:59:59-23:59", undefined],
  ["0001-01-01T00:00:00+00:01", undefined]
]

const polluting: ReadonlyArray<readonly [what: string, raw: string, pointer: string]> = [
  ["__proto__ at the top", `{"items":[],"__proto__":{"polluted":1}}`, "/__proto__"],
  ["__proto__ in an item", `{"items":[{"__proto__":{"polluted":1},"quantity":1}]}`, "/items/0/__proto__"],
  ["__proto__ for the items", `{"items":{"__proto__":{"polluted":1}}}`, "/items"],
  ["constructor.prototype", `{"constructor":{"prototype":{"polluted":1}}}`, "/constructor"],
  ["prototype in an item", `{"items":[{"prototype":{"polluted":1}}]}`, "/items/0/prototype"],
  ["toString", `{"items":[],"toString":1,"hasOwnProperty":1}`, "/toString"]
]

describe("Bad input", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    const send = (path: string, raw: string, headers: Record<string, string> = {}) =>
      Effect.flatMap(person("ADMIN"), ({ token }) => call("POST", path, { token, key: "k", raw, headers }))

    for (const [what, path, raw, code, pointer] of bad) {
      it.effect(`${path} with ${what}: ${code}`, () =>
        Effect.gen(function* () {
          const { status, body } = yield* send(path, raw)
          assert.strictEqual(`${status} ${String(body["code"])}`, code)
          if (code.startsWith("422")) assert.containSubset(body["errors"], [{ pointer }])
        })
      )
    }

    for (const [written, meant] of moments) {
      it.effect(`a moment such as ${written} is ${meant ?? "none"}`, () =>
        Effect.gen(function* () {
          const { status, body } = yield* send("/coupons", JSON.stringify({ ...coupon, validUntil: written }))
          assert.strictEqual(status, meant === undefined ? 422 : 201)
          if (meant === undefined) assert.containSubset(body["errors"], [{ pointer: "/validUntil" }])
          else assert.strictEqual(body["validUntil"], meant)
        })
      )
    }

    for (const [what, raw, pointer] of polluting) {
      it.effect(`a key like ${what} is refused and harmless`, () =>
        Effect.gen(function* () {
          const { status, body } = yield* send("/checkout", raw)
          assert.strictEqual(status, 422)
          assert.containSubset(body["errors"], [{ pointer }])
          assert.isUndefined(Reflect.get({}, "polluted"))
        })
      )
    }

    it.effect("is told all at once, but not without end, and never repeats a secret", () =>
      Effect.gen(function* () {
        const { body } = yield* send("/users", JSON.stringify({ loginId: "?", name: "", password: "hunter2" }))
        assert.containSubset(body["errors"], [{ pointer: "/loginId" }, { pointer: "/name" }, { pointer: "/password" }])
        assert.notInclude(JSON.stringify(body), "hunter2")
        const junk = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`field${n}`, n]))
        const many = yield* send("/users", JSON.stringify(junk))
        assert.isTrue(Array.isArray(many.body["errors"]) && many.body["errors"].length <= 20)
      })
    )

    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/json; charset=euc-kr",
      "json"
    ]) {
      it.effect(`a body of ${type}: 415`, () =>
        Effect.gen(function* () {
          const { body } = yield* send("/checkout", "{}", { "content-type": type })
          assert.deepInclude(body, { status: 415, code: "UNSUPPORTED_MEDIA_TYPE", supported: "application/json" })
        })
      )
    }

    for (const [what, sent, detail] of [
      ["no body", { raw: "" }, "The body is empty; send a JSON object"],
      ["half a body", { raw: "{" }, "The body is not JSON"],
      [
        "wrong values",
        { body: { items: [{ productId: id, quantity: 0 }], more: 1 } },
        "Invalid values (/more, /items/0/quantity)"
      ],
      ["no key", { body: {}, key: undefined }, "An Idempotency-Key is required"],
      [
        "a key that is too long",
        { body: {}, key: "x".repeat(256) },
        "The Idempotency-Key must be 1 to 255 visible ASCII characters, quoted or bare"
      ],
      ["no token", { body: {}, token: undefined }, "Authentication is required"],
      ["a token that is none", { body: {}, token: "x" }, "The token is not good, or has expired"]
    ] as const) {
      it.effect(`says of ${what} what it is that is wrong`, () =>
        Effect.gen(function* () {
          const { token } = yield* person()
          const headers = { "accept-language": "en" }
          const { body } = yield* call("POST", "/checkout", { token, key: "k", headers, ...sent })
          assert.strictEqual(body["detail"], detail)
        })
      )
    }

    it.effect("says of a number what it must be, whether it is out of bounds or not whole", () =>
      Effect.gen(function* () {
        for (const price of [-5, 0.5, 1_000_000_001]) {
          const { body } = yield* send("/products", JSON.stringify({ ...sneaker, price }))
          const message = `Expected a whole number from 0 to 1000000000`
          assert.deepStrictEqual(body["errors"], [{ pointer: "/price", message }])
        }
        const { token } = yield* person()
        const headers = { "accept-language": "en" }
        for (const amount of [-5, 1500.5]) {
          const { body } = yield* call("POST", "/balances/charge", { token, key: "k", headers, body: { amount } })
          const bounds = "(minimum 1000, maximum 1000000000)"
          assert.strictEqual(body["detail"], `A charge is a whole number of won within bounds ${bounds}`)
        }
      })
    )

    it.effect("JSON may say it is in UTF-8", () =>
      Effect.gen(function* () {
        const { status } = yield* send("/checkout", "{}", { "content-type": "Application/JSON; charset=UTF-8" })
        assert.strictEqual(status, 422)
      })
    )

    it.effect("bytes that are no UTF-8 are no JSON", () =>
      Effect.gen(function* () {
        const { token } = yield* person()
        const raw = new ReadableStream<Uint8Array>({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode('{"name":"'))
            controller.enqueue(Uint8Array.of(0xe9))
            controller.enqueue(new TextEncoder().encode('"}'))
            controller.close()
          }
        })
        const { body } = yield* call("POST", "/checkout", { token, raw, key: "k" })
        assert.deepInclude(body, { status: 400, code: "MALFORMED_JSON" })
      })
    )

    it.effect("a body of a megabyte: 413, also when it comes in pieces and does not say how long it is", () =>
      Effect.gen(function* () {
        const whole = yield* send("/checkout", `{"items":"${"x".repeat(1_000_000)}"}`)
        assert.deepInclude(whole.body, { status: 413, code: "PAYLOAD_TOO_LARGE", maximum: 65_536 })
        const { token } = yield* person()
        const piece = new TextEncoder().encode("x".repeat(10_000))
        const pieces = new ReadableStream<Uint8Array>({
          start: (controller) => {
            for (let n = 0; n < 20; n++) controller.enqueue(piece)
            controller.close()
          }
        })
        assert.strictEqual(
          yield* outcome("POST", "/checkout", { token, key: "k", raw: pieces }),
          "413 PAYLOAD_TOO_LARGE"
        )
      })
    )

    it.effect("a body of exactly 64 KiB is read", () =>
      Effect.gen(function* () {
        const body = `{"a":"${"x".repeat(65_536 - 8)}"}`
        assert.lengthOf(body, 65_536)
        assert.strictEqual((yield* send("/checkout", body)).status, 422)
        assert.strictEqual((yield* send("/checkout", `${body} `)).status, 413)
      })
    )

    it.effect("what looks like SQL or markup is a name like any other", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const name = `'; DROP TABLE users; -- <img src=x onerror=1> %s \${1} \\`
        const read = yield* call("GET", `/products/${yield* product(seller, { name })}`)
        assert.strictEqual(read.body["name"], name)
      })
    )

    it.effect("a text is the same however its characters were composed", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const category = "신발 Ça".normalize("NFD")
        const productId = yield* product(seller, { category, name: "각".repeat(100).normalize("NFD") })
        const found = yield* call("GET", `/products?category=${encodeURIComponent(category.normalize("NFC"))}`)
        assert.include(found.text, productId)
        const again = yield* call("GET", `/products?category=${encodeURIComponent(category)}`)
        assert.include(again.text, productId)
      })
    )

    it.effect("a name may be in any script, and is counted in characters", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const name = "한정판👟".repeat(25)
        const read = yield* call("GET", `/products/${yield* product(seller, { name })}`)
        assert.strictEqual(read.body["name"], name)
      })
    )
  })
})
