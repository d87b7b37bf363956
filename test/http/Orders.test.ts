import { assert, describe, layer } from "@effect/vitest"
import { Effect, Schema, Struct } from "effect"
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
        const short = yield* refusal(id, 6)
        assert.deepInclude(short, { status: 409, code: "INSUFFICIENT_BALANCE", balance: 5000, required: 6000 })
        assert.notProperty(short, "orderStatus")
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
        const cancelled = placed[1] ?? ""
        yield* call("PUT", `/orders/${cancelled}/cancel`, { token: buyer.token, key: "c", body: {} })
        assert.deepStrictEqual((yield* list(buyer.token, "?status=CANCELLED")).ids, [cancelled])
        assert.deepStrictEqual((yield* list(buyer.token, "?status=CONFIRMED&limit=1")).ids, placed.slice(0, 1))
        const left = yield* list(buyer.token, "?status=CONFIRMED&limit=1")
        const more = yield* list(buyer.token, `?status=CONFIRMED&limit=1&cursor=${String(left.next)}`)
        assert.deepStrictEqual(more, { ids: placed.slice(2), next: null })
        assert.deepStrictEqual((yield* list(buyer.token, "?status=SHIPPED")).ids, [])
        assert.strictEqual(yield* outcome("GET", "/orders?cursor=nonsense", buyer), "422 INVALID_CURSOR")
        assert.strictEqual(yield* outcome("GET", "/orders?status=PAID", buyer), "422 VALIDATION_FAILED")
      })
    )

    it.effect("tell their status in the words asked for", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const buyer = yield* person("BUYER", 10_000)
        const order = `/orders/${String((yield* buy(buyer, id)).body["orderId"])}`
        const told = (view: string) =>
          Effect.map(call("GET", `${order}${view}`, buyer), ({ body }) => [body["status"], body["statusView"]])
        assert.deepStrictEqual(yield* told(""), ["CONFIRMED", undefined])
        assert.deepStrictEqual(yield* told("?view=simple"), ["CONFIRMED", "COMPLETED"])
        assert.deepStrictEqual(yield* told("?view=fulfilment"), ["CONFIRMED", "PAID"])
        assert.deepStrictEqual(yield* told("?view=tracking"), ["CONFIRMED", "PAID"])
        assert.strictEqual(yield* outcome("GET", `${order}?view=other`, buyer), "422 VALIDATION_FAILED")
      })
    )
  })
})

describe("An order that is made first and paid later", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    const scene = Effect.gen(function* () {
      const seller = yield* person("SELLER")
      const buyer = yield* person("BUYER", 10_000)
      return { seller, buyer, id: yield* product(seller, { price: 1500, stock: 10 }) }
    })

    it.effect("is made, with what there is to pay, and until when", () =>
      Effect.gen(function* () {
        const { buyer, id } = yield* scene
        const items = [{ productId: id, quantity: 2 }]
        const body = { items, expectedTotal: 3000, shippingAddress: " 서울시 중구 " }
        const made = yield* call("POST", "/orders", { token: buyer.token, key: "k", body })
        assert.strictEqual(made.status, 201)
        const { orderId, paymentDeadline, ...rest } = made.body
        assert.deepStrictEqual(rest, {
          status: "CREATED",
          totalAmount: 3000,
          discountAmount: 0,
          payableAmount: 3000,
          coupon: null
        })
        const { body: found } = yield* call("GET", `/orders/${String(orderId)}`, buyer)
        assert.deepInclude(found, {
          status: "CREATED",
          phase: "PENDING",
          fulfilmentStatus: "NOT_STARTED",
          paidAmount: 0,
          payments: [],
          refunds: [],
          paymentDeadline,
          shippingAddress: "서울시 중구"
        })
        const waits = Date.parse(String(paymentDeadline)) - Date.parse(String(found["createdAt"]))
        assert.strictEqual(waits, 30 * 60_000)
        const { body: tracked } = yield* call("GET", `/orders/${String(orderId)}?view=tracking`, buyer)
        assert.strictEqual(tracked["statusView"], "PAYMENT_PENDING")
      })
    )

    it.effect("is refused as a checkout is, and leaves a coupon out unless told otherwise", () =>
      Effect.gen(function* () {
        const { seller, buyer, id } = yield* scene
        const make = (key: string, quantity: number, fields: object = {}) =>
          call("POST", "/orders", {
            token: buyer.token,
            key,
            body: { items: [{ productId: id, quantity }], ...fields }
          })
        assert.deepInclude((yield* make("1", 11)).body, { status: 400, code: "STOCK_SHORTAGE", available: 10 })
        assert.deepInclude((yield* make("2", 1, { expectedTotal: 1 })).body, { code: "PRICE_CHANGED", total: 1500 })
        const { body: taken } = yield* Shop.take(buyer, yield* Shop.coupon(seller, { minOrderAmount: 5000 }))
        const userCouponId = taken["userCouponId"]
        const dropped = { applied: false, reason: "MINIMUM_NOT_MET" }
        assert.deepStrictEqual((yield* make("3", 1, { userCouponId })).body["coupon"], dropped)
        const only = { userCouponId, couponPolicy: "dropIfMinimumOnly" }
        assert.deepStrictEqual((yield* make("4", 1, only)).body["coupon"], dropped)
        const refused = yield* make("5", 1, { userCouponId, couponPolicy: "reject" })
        assert.deepInclude(refused.body, { status: 409, code: "COUPON_NOT_USABLE", reason: "MINIMUM_NOT_MET" })
        assert.deepStrictEqual((yield* make("6", 4, only)).body["coupon"], { applied: true })
      })
    )

    it.effect("is cancelled in part, and then as a whole", () =>
      Effect.gen(function* () {
        const { buyer, id } = yield* scene
        const orderId = yield* Shop.order(buyer, id, 3)
        yield* Shop.pay(buyer, orderId)
        const cancel = (key: string, body: object) =>
          call("PUT", `/orders/${orderId}/cancel`, { token: buyer.token, key, body })
        const part = yield* cancel("1", { items: [{ productId: id, quantity: 1 }] })
        assert.deepInclude(part.body, { status: "CONFIRMED", refundedAmount: 1500 })
        assert.containSubset(part.body["lines"], [{ quantity: 3, cancelled: 1 }])
        assert.containSubset(part.body["payments"], [{ amount: 4500, refunded: 1500 }])
        assert.containSubset(part.body["refunds"], [{ status: "REFUNDED", amount: 1500 }])
        const more = yield* cancel("2", { items: [{ productId: id, quantity: 3 }] })
        const least = { orderStatus: "CONFIRMED", productId: id, left: 2 }
        assert.deepInclude(more.body, { status: 409, code: "ORDER_NOT_CANCELLABLE", ...least })
        assert.match(String(more.body["detail"]), /left 2/)
        const path = `/orders/${orderId}/cancel`
        const whole = yield* call("PUT", path, { token: buyer.token, key: "3" })
        assert.deepInclude(whole.body, { status: "CANCELLED", refundedAmount: 4500 })
        // Nothing said is `{}` said.
        assert.deepStrictEqual((yield* cancel("3", {})).body, whole.body)
        assert.strictEqual((yield* call("GET", `/balances/${buyer.userId}`, buyer)).body["balance"], 10_000)
        const { body } = yield* call("GET", `/balances/${buyer.userId}/transactions`, buyer)
        assert.containSubset(body["items"], [
          { type: "REFUND", amount: 3000, orderId },
          { type: "REFUND", amount: 1500, orderId },
          { type: "PAYMENT", amount: -4500, orderId }
        ])
      })
    )

    it.effect("is told with its address for as long as that is there, and kept without it", () =>
      Effect.gen(function* () {
        const [buyer, id] = [yield* person("BUYER"), yield* product(yield* person("SELLER"))]
        const orderId = yield* Shop.order(buyer, id, 1, { shippingAddress: "Secret Street 1" })
        const cancel = call("PUT", `/orders/${orderId}/cancel`, { token: buyer.token, key: "c", body: {} })
        const first = yield* cancel
        assert.strictEqual(first.body["shippingAddress"], "Secret Street 1")
        assert.deepStrictEqual((yield* cancel).body, first.body)
        const { transactions } = yield* MemoryTables
        const answers = [...transactions.values()].map(({ answer }) => answer)
        assert.isTrue(answers.some((answer) => answer?.includes(orderId)))
        assert.isFalse(answers.some((answer) => answer?.includes("Secret Street")))
        assert.strictEqual(yield* outcome("DELETE", `/users/${buyer.userId}`, buyer), "204")
        assert.deepStrictEqual((yield* cancel).body, Struct.omit(first.body, ["shippingAddress"]))
      })
    )

    it.effect("is sent by its seller, confirmed by its buyer, and in no other order", () =>
      Effect.gen(function* () {
        const { seller, buyer, id } = yield* scene
        const orderId = yield* Shop.order(buyer, id)
        const send = (status: string) =>
          outcome("PUT", `/orders/${orderId}/status`, { token: seller.token, body: { status } })
        const confirm = outcome("PUT", `/orders/${orderId}/confirm`, buyer)
        assert.strictEqual(yield* send("PREPARING"), "409 ORDER_STATUS_CONFLICT")
        yield* Shop.pay(buyer, orderId)
        assert.strictEqual(yield* send("SHIPPED"), "409 ORDER_STATUS_CONFLICT")
        assert.strictEqual(yield* confirm, "409 ORDER_STATUS_CONFLICT")
        for (const status of ["PREPARING", "SHIPPED", "DELIVERED"]) assert.strictEqual(yield* send(status), "200")
        // Again is no different from once; back is.
        assert.strictEqual(yield* send("DELIVERED"), "200")
        assert.strictEqual(yield* send("SHIPPED"), "409 ORDER_STATUS_CONFLICT")
        assert.strictEqual(yield* send("COMPLETED"), "422 VALIDATION_FAILED")
        const cancel = { token: buyer.token, key: "k", body: {} }
        assert.strictEqual(yield* outcome("PUT", `/orders/${orderId}/cancel`, cancel), "409 ORDER_NOT_CANCELLABLE")
        assert.strictEqual(yield* confirm, "200")
        const { body } = yield* call("GET", `/orders/${orderId}`, buyer)
        assert.deepInclude(body, { fulfilmentStatus: "DELIVERED", paymentStatus: "COMPLETED" })
        assert.notProperty(body, "refundStatus")
        assert.deepStrictEqual(
          Array.isArray(body["statusHistory"])
            ? body["statusHistory"].map((one: { status: string }) => one.status)
            : [],
          ["CREATED", "CONFIRMED", "PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"]
        )
      })
    )

    it.effect("is asked back, and taken back by its seller", () =>
      Effect.gen(function* () {
        const { seller, buyer, id } = yield* scene
        const orderId = yield* Shop.order(buyer, id, 2)
        const ask = (key: string, fields: object = {}) =>
          call("POST", "/refunds", { token: buyer.token, key, body: { orderId, ...fields } })
        assert.deepInclude((yield* ask("0")).body, { code: "NOT_REFUNDABLE", orderStatus: "CREATED" })
        yield* Shop.pay(buyer, orderId)
        const asked = yield* ask("1", { items: [{ productId: id, quantity: 1 }] })
        assert.strictEqual(asked.status, 201)
        assert.deepInclude(asked.body, { status: "REFUND_REQUESTED", amount: 1500 })
        const open = { code: "REFUND_IN_PROGRESS", refundStatus: "REFUND_REQUESTED", retryable: false }
        assert.deepInclude((yield* ask("2")).body, open)
        const cancel = { token: buyer.token, key: "cancel", body: {} }
        assert.deepInclude((yield* call("PUT", `/orders/${orderId}/cancel`, cancel)).body, open)
        const decide = (token: string, approved: boolean) =>
          call("PUT", `/orders/${orderId}/refunds/${String(asked.body["refundId"])}`, { token, body: { approved } })
        // One's own is there, but not to be decided about.
        assert.deepInclude((yield* decide(buyer.token, true)).body, { code: "FORBIDDEN", needs: "SELLER" })
        const send = { token: buyer.token, body: { status: "PREPARING" } }
        assert.strictEqual(yield* outcome("PUT", `/orders/${orderId}/status`, send), "403 FORBIDDEN")
        const taken = yield* decide(seller.token, true)
        assert.deepInclude(taken.body, { status: "CONFIRMED", refundedAmount: 1500 })
        assert.deepInclude(taken.body, { refundStatus: "REFUNDED" })
        // Again is no different from once; otherwise is.
        assert.deepStrictEqual(yield* decide(seller.token, true).pipe(Effect.map(({ body }) => body)), taken.body)
        assert.strictEqual((yield* decide(seller.token, false)).body["code"], "NOT_REFUNDABLE")
        assert.deepInclude((yield* ask("3", { items: [{ productId: id, quantity: 2 }] })).body, {
          code: "NOT_REFUNDABLE",
          productId: id,
          left: 1
        })
        assert.strictEqual((yield* call("GET", `/balances/${buyer.userId}`, buyer)).body["balance"], 8500)
        assert.strictEqual((yield* call("GET", `/products/${id}`)).body["stock"], 9)
      })
    )

    it.effect("of two sellers is sent by neither alone", () =>
      Effect.gen(function* () {
        const { seller, buyer, id } = yield* scene
        const other = yield* person("SELLER")
        const items = [
          { productId: id, quantity: 1 },
          { productId: yield* product(other), quantity: 1 }
        ]
        const made = yield* call("POST", "/orders", { token: buyer.token, key: "k", body: { items } })
        const orderId = String(made.body["orderId"])
        yield* Shop.pay(buyer, orderId)
        for (const { token } of [seller, other]) {
          const body = { status: "PREPARING" }
          assert.strictEqual(yield* outcome("PUT", `/orders/${orderId}/status`, { token, body }), "403 FORBIDDEN")
        }
      })
    )
  })
})

describe("What a seller sold", () => {
  const answered = Schema.Struct({
    items: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
    nextCursor: Schema.NullOr(Schema.String)
  })
  const list = Effect.fnUntraced(function* (path: string, { token }: Shop.Person) {
    const { body } = yield* call("GET", path, { token })
    return yield* Schema.decodeUnknownEffect(answered)(body)
  })

  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    /** An order of two sellers' products, paid. */
    const scene = Effect.gen(function* () {
      const [seller, other] = [yield* person("SELLER"), yield* person("SELLER")]
      const buyer = yield* person("BUYER", 10_000)
      const [mine, another] = [yield* product(seller, { price: 1500 }), yield* product(other, { price: 2000 })]
      const items = [mine, another].map((productId) => ({ productId, quantity: 2 }))
      const body = { items, shippingAddress: "서울시 중구" }
      const made = yield* call("POST", "/orders", { token: buyer.token, key: "k", body })
      const orderId = String(made.body["orderId"])
      yield* Shop.pay(buyer, orderId)
      return { seller, other, buyer, mine, another, orderId }
    })

    it.effect("is listed with where to send it, and without what is another's or the buyer's alone", () =>
      Effect.gen(function* () {
        const { seller, buyer, mine, another, orderId } = yield* scene
        const { items } = yield* list(`/sellers/${seller.userId}/orders`, seller)
        assert.lengthOf(items, 1)
        assert.deepInclude(items[0], {
          orderId,
          userId: buyer.userId,
          status: "CONFIRMED",
          totalAmount: 3000,
          paidAmount: 3000,
          payments: [],
          shippingAddress: "서울시 중구"
        })
        assert.containSubset(items[0], { lines: [{ productId: mine, quantity: 2 }] })
        const text = JSON.stringify(items)
        for (const hidden of [another, buyer.loginId, "WALLET"]) assert.notInclude(text, hidden)
        assert.deepStrictEqual(items[0], (yield* call("GET", `/orders/${orderId}`, seller)).body)
        const { items: viewed } = yield* list(`/sellers/${seller.userId}/orders?view=fulfilment`, seller)
        assert.strictEqual(viewed[0]?.["statusView"], "PAID")
      })
    )

    it.effect("tells no more of how it was paid to who writes than to who reads", () =>
      Effect.gen(function* () {
        const [seller, manager, admin] = [yield* person("SELLER"), yield* person("MANAGER"), yield* person("ADMIN")]
        const buyer = yield* person("BUYER", 10_000)
        yield* call("PUT", `/users/${seller.userId}/managers/${manager.userId}`, seller)
        for (const [{ token }, isHidden] of [
          [seller, true],
          [manager, true],
          [admin, false]
        ] as const) {
          const id = yield* product(seller)
          const orderId = yield* Shop.order(buyer, id, 2)
          yield* Shop.pay(buyer, orderId, orderId)
          const asked = { token: buyer.token, key: orderId, body: { orderId, items: [{ productId: id, quantity: 1 }] } }
          const refund = String((yield* call("POST", "/refunds", asked)).body["refundId"])
          const send = { token, body: { status: "PREPARING" } }
          const cancel = { token, key: orderId, body: {} }
          const answers = [
            yield* call("PUT", `/orders/${orderId}/status`, send),
            yield* call("PUT", `/orders/${orderId}/status`, send),
            yield* call("PUT", `/orders/${orderId}/refunds/${refund}`, { token, body: { approved: true } }),
            yield* call("PUT", `/orders/${orderId}/cancel`, cancel),
            yield* call("PUT", `/orders/${orderId}/cancel`, cancel),
            yield* call("GET", `/orders/${orderId}`, { token })
          ]
          for (const { status, body, text } of answers) {
            assert.strictEqual(status, 200)
            assert.strictEqual(!text.includes("WALLET") && !("paymentStatus" in body), isHidden)
          }
          const kept = yield* Effect.map(MemoryTables, ({ transactions }) => [...transactions.values()])
          const told = kept.flatMap(({ answer }) => (answer?.includes('"CANCELLED"') === true ? [answer] : []))
          assert.strictEqual(told.at(-1)?.includes("WALLET"), !isHidden)
        }
      })
    )

    it.effect("is listed page by page, newest first", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const buyer = yield* person("BUYER", 10_000)
        const ids = [yield* product(seller), yield* product(seller)]
        const made = yield* Effect.forEach([...ids, ...ids], (id, n) => Shop.order(buyer, id, n + 1))
        const path = `/sellers/${seller.userId}/orders?limit=3`
        const first = yield* list(path, seller)
        const rest = yield* list(`${path}&cursor=${first.nextCursor}`, seller)
        assert.deepStrictEqual(
          [...first.items, ...rest.items].map(({ orderId }) => orderId),
          made.toReversed()
        )
        assert.isNull(rest.nextCursor)
        assert.strictEqual(yield* outcome("GET", `${path}&cursor=x`, seller), "422 INVALID_CURSOR")
      })
    )

    it.effect("and is asked back is listed until it is decided; of several sellers' pieces, for an administrator", () =>
      Effect.gen(function* () {
        const { seller, other, buyer, mine, another, orderId } = yield* scene
        const { token } = yield* person("ADMIN")
        const ask = (...productIds: ReadonlyArray<string>) => {
          const items = productIds.map((productId) => ({ productId, quantity: 1 }))
          const body = { orderId, items, reason: "too small" }
          return Effect.map(call("POST", "/refunds", { token: buyer.token, key: productIds.join(), body }), (answer) =>
            String(answer.body["refundId"])
          )
        }
        const waiting = (who: Shop.Person) => list(`/sellers/${who.userId}/refunds`, who)
        const decide = (id: string) =>
          outcome("PUT", `/orders/${orderId}/refunds/${id}`, { token, body: { approved: true } })
        const one = yield* ask(mine)
        const { items } = yield* waiting(seller)
        assert.containSubset(items, [
          { refundId: one, orderId, amount: 1500, reason: "too small", items: [{ productId: mine, quantity: 1 }] }
        ])
        assert.notProperty(items[0], "viaGateway")
        assert.deepStrictEqual((yield* waiting(other)).items, [])
        assert.strictEqual(yield* decide(one), "200")
        assert.deepStrictEqual((yield* waiting(seller)).items, [])

        const both = yield* ask(mine, another)
        for (const who of [seller, other]) assert.deepStrictEqual((yield* waiting(who)).items, [])
        const { body } = yield* call("GET", "/admin/refunds?status=REFUND_REQUESTED", { token })
        assert.containSubset(body["items"], [{ refundId: both, amount: 3500, viaGateway: 0 }])
        assert.deepStrictEqual((yield* call("GET", "/admin/refunds", { token })).body["items"], [])
        const done = (refund: string) => outcome("PUT", `/admin/refunds/${refund}`, { token, body: { orderId } })
        assert.strictEqual(yield* done(both), "409 NOT_REFUNDABLE")
        assert.strictEqual(yield* decide(both), "200")
        // It has gone back, whoever says so.
        assert.strictEqual(yield* done(both), "200")
      })
    )
  })
})
