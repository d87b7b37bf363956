import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as Shop from "./Shop.ts"
import { buy, call, outcome, person, product } from "./Shop.ts"

const missing = "prd_00000000-0000-7000-8000-000000000000"

describe("A checkout", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("buys and pays at once", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const buyer = yield* person("BUYER", 10_000)
        const sneaker = yield* product(seller, { price: 1500, stock: 5 })
        const boot = yield* product(seller, { price: 2000, stock: 5 })
        const items = [
          { productId: sneaker, quantity: 2 },
          { productId: boot, quantity: 1 }
        ]
        const body = { items, expectedTotal: 5000 }
        const { status, body: receipt } = yield* call("POST", "/checkout", { token: buyer.token, key: "k", body })
        assert.strictEqual(status, 201)
        assert.deepInclude(receipt, { status: "CONFIRMED", totalAmount: 5000, discountAmount: 0, paidAmount: 5000 })
        assert.strictEqual(receipt["balance"], 5000)
        assert.match(String(receipt["transactedAt"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        assert.hasAllKeys(receipt, [
          "orderId",
          "status",
          "totalAmount",
          "discountAmount",
          "paidAmount",
          "balance",
          "transactedAt"
        ])

        const order = yield* call("GET", `/orders/${String(receipt["orderId"])}`, { token: buyer.token })
        assert.strictEqual(order.status, 200)
        assert.deepInclude(order.body, { userId: buyer.userId, status: "CONFIRMED", paidAmount: 5000 })
        assert.deepStrictEqual(order.body["lines"], [
          {
            productId: sneaker,
            name: "Sneaker",
            unitPrice: 1500,
            quantity: 2,
            amount: 3000,
            discount: 0,
            cancelled: 0
          },
          { productId: boot, name: "Sneaker", unitPrice: 2000, quantity: 1, amount: 2000, discount: 0, cancelled: 0 }
        ])
        assert.containSubset(order.body["payments"], [{ method: "WALLET", amount: 5000 }])
        assert.deepStrictEqual(order.body["statusHistory"], [{ status: "CONFIRMED", at: order.body["createdAt"] }])
      })
    )

    it.effect("tells why it was refused, with what a client needs to know", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const buyer = yield* person("BUYER", 5000)
        const id = yield* product(seller, { price: 1000, stock: 8 })
        const suspended = yield* product(seller, { saleStatus: "SUSPENDED" })
        const refusal = (productId: string, quantity: number, more: object = {}) =>
          Effect.map(
            call("POST", "/checkout", {
              token: buyer.token,
              key: "k",
              body: { items: [{ productId, quantity }], ...more }
            }),
            ({ body }) => body
          )
        assert.deepInclude(yield* refusal(id, 9), {
          status: 400,
          code: "STOCK_SHORTAGE",
          productId: id,
          available: 8,
          retryable: false,
          type: "urn:sluice:problem:stock-shortage",
          title: "재고가 부족합니다",
          detail: `재고가 부족합니다 (productId ${id}, available 8)`
        })
        assert.deepInclude(yield* refusal(suspended, 1), {
          status: 400,
          code: "PRODUCT_NOT_ON_SALE",
          productId: suspended,
          saleStatus: "SUSPENDED"
        })
        assert.deepInclude(yield* refusal(missing, 1), { status: 404, code: "PRODUCT_NOT_FOUND", productId: missing })
        assert.deepInclude(yield* refusal(id, 6), {
          status: 409,
          code: "INSUFFICIENT_BALANCE",
          balance: 5000,
          required: 6000
        })
        assert.deepInclude(yield* refusal(id, 2, { expectedTotal: 1999 }), {
          status: 409,
          code: "PRICE_CHANGED",
          expectedTotal: 1999,
          total: 2000
        })
        assert.strictEqual((yield* call("GET", `/products/${id}`)).body["stock"], 8)
      })
    )

    it.effect("needs a key of visible ASCII", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const { token } = yield* person("BUYER", 100_000)
        const body = { items: [{ productId: id, quantity: 1 }] }
        const withKey = (key?: string) =>
          outcome("POST", "/checkout", key === undefined ? { token, body } : { token, body, key })
        assert.strictEqual(yield* withKey(), "400 IDEMPOTENCY_KEY_REQUIRED")
        for (const bad of ["", '""', "a b", "k\u00e9y", "x".repeat(256), `"${"x".repeat(256)}"`, '"half', 'a"b']) {
          assert.strictEqual(yield* withKey(bad), "400 IDEMPOTENCY_KEY_REQUIRED")
        }
        for (const good of ["~!", "x".repeat(255), `"${"y".repeat(255)}"`]) {
          assert.strictEqual(yield* withKey(good), "201")
        }
      })
    )
  })
})

describe("A repeated checkout", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("gets the first answer again, and buys nothing", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const buyer = yield* person("BUYER", 10_000)
        const first = yield* buy(buyer, id, 3)
        const second = yield* buy(buyer, id, 3)
        assert.deepStrictEqual([first.status, second.status], [201, 201])
        assert.deepStrictEqual(second.body, first.body)
        assert.isNull(first.headers.get("idempotent-replayed"))
        assert.strictEqual(second.headers.get("idempotent-replayed"), "true")
        assert.strictEqual((yield* call("GET", `/products/${id}`)).body["stock"], 7)
      })
    )

    it.effect("is the same one quoted or bare, however its JSON is written", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const { token } = yield* person("BUYER", 10_000)
        const send = (raw: string, key: string) => call("POST", "/checkout", { token, key, raw })
        const first = yield* send(`{"items":[{"productId":"${id}","quantity":1}],"expectedTotal":1000}`, "same")
        const second = yield* send(`{ "expectedTotal": 1e3, "items": [{"quantity":1, "productId":"${id}"}] }`, '"same"')
        assert.strictEqual(first.status, 201)
        assert.deepStrictEqual(second.body, first.body)
      })
    )

    it.effect("is refused when it asks for something else", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const [a, b] = [yield* product(seller), yield* product(seller)]
        const buyer = yield* person("BUYER", 10_000)
        const send = (...items: ReadonlyArray<string>) =>
          outcome("POST", "/checkout", {
            token: buyer.token,
            key: "k",
            body: { items: items.map((productId) => ({ productId, quantity: 1 })) }
          })
        assert.strictEqual(yield* send(a, b), "201")
        assert.strictEqual(yield* send(a, b), "201")
        assert.strictEqual(yield* send(b, a), "422 IDEMPOTENCY_KEY_REUSED")
        assert.strictEqual(yield* send(a), "422 IDEMPOTENCY_KEY_REUSED")
      })
    )

    it.effect("is another one of another user, and at another route", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const [one, two] = [yield* person("BUYER", 10_000), yield* person("BUYER", 10_000)]
        const first = yield* buy(one, id, 1, { key: "first" })
        const second = yield* buy(two, id, 1, { key: "first" })
        assert.deepStrictEqual([first.status, second.status], [201, 201])
        assert.notStrictEqual(first.body["orderId"], second.body["orderId"])
      })
    )

    it.effect("sent fifty times at once is one order and fifty equal answers", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"), { stock: 100 })
        const buyer = yield* person("BUYER", 100_000)
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, () => buy(buyer, id)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
        assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
        assert.strictEqual(answers.filter(({ headers }) => headers.has("idempotent-replayed")).length, 49)
        const { orders } = yield* MemoryTables
        const placed = [...orders.values()].filter(({ userId }) => userId === buyer.userId)
        assert.lengthOf(placed, 1)
        assert.strictEqual((yield* call("GET", `/products/${id}`)).body["stock"], 99)
      })
    )
  })
})

describe("Orders", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("are listed for their buyer, newest first, and for administrators", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const buyer = yield* person("BUYER", 10_000)
        const admin = yield* person("ADMIN")
        const placed: Array<string> = []
        for (const key of ["1", "2", "3"]) placed.unshift(String((yield* buy(buyer, id, 1, { key })).body["orderId"]))
        const list = (token: string, query = "") =>
          Effect.map(call("GET", `/orders${query}`, { token }), ({ body }) => ({
            ids: Array.isArray(body["items"]) ? body["items"].map(({ orderId }: { orderId: string }) => orderId) : [],
            next: body["nextCursor"]
          }))
        assert.deepStrictEqual(yield* list(buyer.token), { ids: placed, next: null })
        const first = yield* list(buyer.token, `?userId=${buyer.userId}&limit=2`)
        assert.deepStrictEqual(first.ids, placed.slice(0, 2))
        const rest = yield* list(buyer.token, `?limit=2&cursor=${String(first.next)}`)
        assert.deepStrictEqual(rest, { ids: placed.slice(2), next: null })
        assert.deepStrictEqual((yield* list(admin.token, `?userId=${buyer.userId}`)).ids, placed)
        assert.deepStrictEqual((yield* list(admin.token)).ids, [])
        assert.strictEqual(yield* outcome("GET", "/orders?cursor=nonsense", buyer), "422 INVALID_CURSOR")
        assert.strictEqual(yield* outcome("GET", "/orders?status=PAID", buyer), "422 VALIDATION_FAILED")
      })
    )

    it.effect("tell their status in the words asked for", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const buyer = yield* person("BUYER", 10_000)
        const order = `/orders/${String((yield* buy(buyer, id)).body["orderId"])}`
        const status = (view: string) => Effect.map(call("GET", `${order}${view}`, buyer), ({ body }) => body["status"])
        assert.strictEqual(yield* status(""), "CONFIRMED")
        assert.strictEqual(yield* status("?view=simple"), "COMPLETED")
        assert.strictEqual(yield* status("?view=fulfilment"), "PAID")
        assert.strictEqual(yield* status("?view=tracking"), "PAID")
        assert.strictEqual(yield* outcome("GET", `${order}?view=other`, buyer), "422 VALIDATION_FAILED")
      })
    )
  })
})
