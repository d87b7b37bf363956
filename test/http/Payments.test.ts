import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { Gateways, GatewayUnavailable } from "../../src/saga/gateways/Gateway.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import * as Routing from "../../src/saga/gateways/Routing.ts"
import * as Simulator from "../../src/saga/gateways/simulator/Simulator.ts"
import * as Shop from "./Shop.ts"
import { buy, call, coupon, order, outcome, pay, type Person, person, product, take } from "./Shop.ts"

/** A seller's product at 1,500 won, ten of it, and a buyer with 10,000. */
const scene = Effect.gen(function* () {
  const seller = yield* person("SELLER")
  const buyer = yield* person("BUYER", 10_000)
  const id = yield* product(seller, { price: 1500, stock: 10 })
  /** As its page has it; the list has to say the same. */
  const stock = Effect.gen(function* () {
    const { body } = yield* call("GET", `/products/${id}`)
    const list = yield* call("GET", "/products?limit=100")
    const { productId, stock: left, stockStatus } = body
    assert.containSubset(list.body["items"], [{ productId, stock: left, stockStatus }])
    return [left, stockStatus]
  })
  const balance = Effect.map(call("GET", `/balances/${buyer.userId}`, buyer), ({ body }) => body["balance"])
  const read = (orderId: string) => Effect.map(call("GET", `/orders/${orderId}`, buyer), ({ body }) => body)
  return { seller, buyer, id, stock, balance, read }
})

/** Pays all of an order by card: 1,500 won, unless told otherwise. */
const byCard = (
  { token }: Person,
  orderId: string,
  { amount = 1500, once, paymentKey }: { readonly amount?: number; readonly once: string; readonly paymentKey?: string }
) =>
  call("POST", "/payments/process", {
    token,
    key: once,
    body: { orderId, tenders: [{ method: "CARD", amount }], ...(paymentKey !== undefined && { paymentKey }) }
  })

const eventsOf = (orderId: string) =>
  Effect.map(MemoryTables, ({ outbox }) => outbox.flatMap(({ entity, type }) => (entity === orderId ? [type] : [])))

describe("Paying an order", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("takes the money, and says so once, however often it is asked", () =>
      Effect.gen(function* () {
        const { buyer, id, balance, read } = yield* scene
        const orderId = yield* order(buyer, id, 2)
        const answers = yield* Effect.all(
          Array.from({ length: 20 }, () => pay(buyer, orderId)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
        assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
        assert.strictEqual(answers.filter(({ headers }) => headers.has("idempotent-replayed")).length, 19)
        const [first] = answers
        assert.hasAllKeys(first?.body, ["paymentId", "orderId", "status", "paidAmount", "balance"])
        assert.deepInclude(first?.body, { orderId, status: "COMPLETED", paidAmount: 3000, balance: 7000 })
        assert.strictEqual(yield* balance, 7000)
        const paid = yield* read(orderId)
        assert.deepInclude(paid, { status: "CONFIRMED", paidAmount: 3000, refundedAmount: 0 })
        assert.notProperty(paid, "phase")
        assert.match(String(paid["paidAt"]), /Z$/)
        assert.containSubset(paid["payments"], [{ method: "WALLET", amount: 3000, status: "COMPLETED", refunded: 0 }])
        assert.deepStrictEqual(yield* eventsOf(orderId), ["OrderCreated", "OrderConfirmed"])
      })
    )

    it.effect("again, with another key, is refused with what it is now", () =>
      Effect.gen(function* () {
        const { buyer, id } = yield* scene
        const orderId = yield* order(buyer, id)
        yield* pay(buyer, orderId)
        const { body } = yield* pay(buyer, orderId, "again")
        assert.deepInclude(body, { status: 409, code: "ORDER_NOT_PAYABLE", orderStatus: "CONFIRMED", retryable: false })
      })
    )

    it.effect("without enough money ends it: the stock is free, and a repetition hears the same", () =>
      Effect.gen(function* () {
        const { buyer, id, stock, balance, read } = yield* scene
        const orderId = yield* order(buyer, id, 7)
        assert.deepStrictEqual(yield* stock, [3, "LOW_STOCK"])
        const short = { status: 409, code: "INSUFFICIENT_BALANCE", balance: 10_000, required: 10_500 }
        const refusal = { ...short, title: "잔액이 부족합니다", orderStatus: "CANCELLED" }
        const refused = yield* pay(buyer, orderId)
        assert.deepInclude(refused.body, refusal)
        assert.match(String(refused.body["detail"]), /^잔액이 부족하여 주문이 취소되었습니다/)
        assert.deepInclude(yield* read(orderId), { status: "CANCELLED", cancelReason: "INSUFFICIENT_BALANCE" })
        yield* call("POST", "/balances/charge", { token: buyer.token, key: "more", body: { amount: 5000 } })
        assert.deepInclude((yield* pay(buyer, orderId)).body, refusal)
        assert.strictEqual((yield* pay(buyer, orderId, "again")).body["code"], "ORDER_NOT_PAYABLE")
        assert.strictEqual(yield* balance, 15_000)
        assert.deepStrictEqual(yield* stock, [10, "LOW_STOCK"])
        assert.strictEqual(
          yield* outcome("POST", "/checkout", {
            token: buyer.token,
            key: "all",
            body: { items: [{ productId: id, quantity: 10 }] }
          }),
          "201"
        )
      })
    )

    it.effect("without enough money, from many places at once, is never a bug", () =>
      Effect.gen(function* () {
        const { buyer, id } = yield* scene
        const orderId = yield* order(buyer, id, 7)
        const answers = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, n) => `key-${n}`),
          (key) => pay(buyer, orderId, key),
          { concurrency: "unbounded" }
        )
        for (const { body } of answers) assert.include(["INSUFFICIENT_BALANCE", "ORDER_NOT_PAYABLE"], body["code"])
      })
    )

    it.effect("is PROCESSING while its buyer is at a gateway's page", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const orderId = yield* order(buyer, id)
        const tenders = [{ method: "CARD", amount: 1500 }]
        const { body } = yield* call("POST", "/payments/process", {
          token: buyer.token,
          key: "k",
          body: { orderId, tenders }
        })
        assert.deepInclude(body, { status: "INITIATED" })
        assert.deepInclude(yield* read(orderId), {
          status: "CREATED",
          phase: "PROCESSING",
          paymentStatus: "INITIATED"
        })
        const { body: viewed } = yield* call("GET", `/orders/${orderId}?view=fulfilment`, buyer)
        assert.deepInclude(viewed, { status: "CREATED", statusView: "PAYMENT_IN_PROGRESS" })
      })
    )

    it.effect("by card, with a key that paid another order, is refused before anything happens", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const [first, second] = [yield* order(buyer, id), yield* order(buyer, id, 2)]
        assert.strictEqual((yield* pay(buyer, first)).status, 200)
        const refused = yield* byCard(buyer, second, { amount: 3000, once: "pay", paymentKey: `card_${second}` })
        assert.deepInclude(refused.body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
        assert.deepInclude(yield* read(second), { status: "CREATED", phase: "PENDING", payments: [] })
        const { toss } = yield* MemoryGateway.MemoryGateways
        assert.isUndefined(toss.charges.byKey(`card_${second}`))
      })
    )

    it.effect("by card, with the key of its own attempt without a paymentKey, is refused before anything happens", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const orderId = yield* order(buyer, id)
        const begun = yield* byCard(buyer, orderId, { once: "pay" })
        assert.deepInclude(begun.body, { status: "INITIATED" })
        const refused = yield* byCard(buyer, orderId, { once: "pay", paymentKey: `card_${orderId}` })
        assert.deepInclude(refused.body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
        assert.deepInclude(yield* read(orderId), { status: "CREATED", paymentStatus: "INITIATED" })
        const confirmed = (amount: number) =>
          call("POST", "/payments/confirm", {
            token: buyer.token,
            key: "pay",
            body: { orderId, paymentKey: `card_${orderId}`, amount }
          })
        // Another route's keys are others.
        assert.deepInclude((yield* confirmed(1500)).body, { status: "COMPLETED" })
        assert.deepInclude((yield* confirmed(1499)).body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
      })
    )

    it.effect("by the wallet, with the key of a card's payment that nobody knows the end of, is refused", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const [first, second] = [yield* order(buyer, id), yield* order(buyer, id, 2)]
        const { toss } = yield* MemoryGateway.MemoryGateways
        toss.script.next("approve", "errorAfter")
        const unknown = yield* byCard(buyer, first, { once: "pay", paymentKey: `card_${first}` })
        assert.deepInclude(unknown.body, { status: "GATEWAY_REQUESTED" })
        assert.deepInclude((yield* pay(buyer, second)).body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
        assert.deepInclude(yield* read(second), { status: "CREATED", payments: [] })
        const known = yield* byCard(buyer, first, { once: "pay", paymentKey: `card_${first}` })
        assert.deepInclude(known.body, { status: "COMPLETED" })
      })
    )

    it.effect("of another buyer is not there to be paid", () =>
      Effect.gen(function* () {
        const { buyer, id, seller } = yield* scene
        const orderId = yield* order(buyer, id)
        for (const other of [seller, yield* person("BUYER", 10_000)]) {
          assert.deepInclude((yield* pay(other, orderId)).body, { status: 404, code: "ORDER_NOT_FOUND" })
        }
      })
    )
  })
})

/** Gateways that speak the real ones' protocols. */
const simulated = Layer.unwrap(
  Effect.map(Simulator.make({ host: "127.0.0.1", port: 0 }), ({ settings }) => Routing.layer(settings))
).pipe(Layer.provide(NodeHttpClient.layerUndici), Layer.orDie)

describe("A payment key that is none of its gateway's", () => {
  layer(Shop.layer({ gateways: simulated }), { excludeTestServices: true })((it) => {
    const kakao = { tenders: [{ method: "KAKAOPAY", amount: 1500 }] }
    const malformed = { status: 422, code: "VALIDATION_FAILED" }

    it.effect("is told of, and changes nothing: the next one pays, under the same Idempotency-Key", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const orderId = yield* order(buyer, id)
        const paying = (paymentKey: string) =>
          call("POST", "/payments/process", {
            token: buyer.token,
            key: "pay",
            body: { orderId, ...kakao, paymentKey }
          })
        for (const paymentKey of [`card_${orderId}`, `fc_${orderId}`, "fc:", `xx:${orderId}`]) {
          const { body } = yield* paying(paymentKey)
          assert.deepInclude(body, malformed)
          assert.containSubset(body["errors"], [{ pointer: "/paymentKey" }])
        }
        assert.deepInclude(yield* read(orderId), { status: "CREATED", phase: "PENDING", payments: [] })
        assert.deepInclude((yield* paying(`fc:${orderId}`)).body, { status: "COMPLETED" })
      })
    )

    it.effect("also when the buyer is back from the gateway's page", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const orderId = yield* order(buyer, id)
        yield* call("POST", "/payments/process", { token: buyer.token, key: "pay", body: { orderId, ...kakao } })
        const confirmed = (paymentKey: string) =>
          call("POST", "/payments/confirm", {
            token: buyer.token,
            key: "confirm",
            body: { orderId, paymentKey, amount: 1500 }
          })
        const { body } = yield* confirmed(`card_${orderId}`)
        assert.deepInclude(body, malformed)
        assert.containSubset(body["errors"], [{ pointer: "/paymentKey" }])
        assert.deepInclude(yield* read(orderId), { status: "CREATED", paymentStatus: "INITIATED" })
        assert.deepInclude((yield* confirmed(`fc:${orderId}`)).body, { status: "COMPLETED" })
      })
    )
  })
})

describe("A gateway that cannot be reached", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("has taken nothing: the order waits, the key is used, and another one pays", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const orderId = yield* order(buyer, id)
        const paying = (once: string) => byCard(buyer, orderId, { once, paymentKey: `busy1_${orderId}` })
        const unavailable = { status: 503, code: "PAYMENT_UNAVAILABLE", retryable: false }
        const first = yield* paying("pay")
        assert.deepInclude(first.body, unavailable)
        assert.include(String(first.body["title"]), "결제되지 않았습니다")
        assert.isFalse(first.headers.has("retry-after"))
        assert.deepInclude((yield* paying("pay")).body, unavailable)
        assert.deepInclude(yield* read(orderId), { status: "CREATED", phase: "PENDING" })
        assert.deepInclude((yield* paying("again")).body, { status: "COMPLETED" })
      })
    )
  })
})

/** One that failed too often, and is left alone. */
const open = Layer.effect(
  Gateways,
  Effect.map(Gateways, (gateways) =>
    Gateways.of({
      ...gateways,
      of: (gateway) => ({
        ...gateways.of(gateway),
        approve: () => Effect.fail(new GatewayUnavailable({ gateway, reason: "CircuitOpen", detail: "open" }))
      })
    })
  )
).pipe(Layer.provide(MemoryGateway.layer))

describe("A gateway that failed too often", () => {
  layer(Shop.layer({ gateways: open }), { excludeTestServices: true })((it) => {
    it.effect("says when to pay again, with another key", () =>
      Effect.gen(function* () {
        const { buyer, id } = yield* scene
        const orderId = yield* order(buyer, id)
        const { body, headers } = yield* byCard(buyer, orderId, { once: "pay", paymentKey: `card_${orderId}` })
        assert.deepInclude(body, { code: "PAYMENT_UNAVAILABLE", retryable: false, retryAfterSeconds: 10 })
        assert.strictEqual(headers.get("retry-after"), "10")
      })
    )
  })
})

describe("A shop without gateways", () => {
  const none = Routing.layer({}).pipe(Layer.provide(NodeHttpClient.layerUndici), Layer.orDie)
  layer(Shop.layer({ gateways: none }), { excludeTestServices: true })((it) => {
    it.effect("says so, and nothing else: the same key pays with the wallet", () =>
      Effect.gen(function* () {
        const { buyer, id, read } = yield* scene
        const orderId = yield* order(buyer, id)
        for (const paymentKey of [`card_${orderId}`, undefined]) {
          const { body, headers } = yield* byCard(buyer, orderId, {
            once: "pay",
            ...(paymentKey !== undefined && { paymentKey })
          })
          const refusal = { status: 503, code: "PAYMENT_NOT_CONFIGURED", method: "CARD", retryable: false }
          assert.deepInclude(body, refusal)
          assert.isFalse(headers.has("retry-after"))
        }
        assert.deepInclude(yield* read(orderId), { status: "CREATED", phase: "PENDING", payments: [] })
        assert.deepInclude((yield* pay(buyer, orderId)).body, { status: "COMPLETED" })
      })
    )
  })
})

describe("Every route with a key", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    const stage = Effect.gen(function* () {
      const { seller, buyer, id } = yield* scene
      const couponId = yield* coupon(seller, { perUserLimit: 2 })
      const paid = yield* order(buyer, id)
      yield* pay(buyer, paid)
      const asked = yield* order(buyer, id, 2)
      yield* pay(buyer, asked, "pay-2")
      return {
        seller,
        buyer,
        ids: {
          product: id,
          coupon: couponId,
          seller: seller.userId,
          user: buyer.userId,
          paid,
          asked,
          open: yield* order(buyer, id, 3)
        }
      }
    })
    const purchase = { items: [{ productId: "{product}", quantity: 1 }] }
    const routes: ReadonlyArray<
      readonly [method: string, path: string, status: number, body: object, other: object, by?: "seller"]
    > = [
      ["POST", "/balances/charge", 200, { amount: 1000 }, { amount: 2000 }],
      ["POST", "/coupons/issue/limited", 201, { couponId: "{coupon}" }, { couponId: "{coupon}", userId: "{user}" }],
      [
        "POST",
        "/coupons/issue",
        201,
        { couponId: "{coupon}", userId: "{user}" },
        { couponId: "{coupon}", userId: "{seller}" },
        "seller"
      ],
      ["POST", "/checkout", 201, purchase, { ...purchase, expectedTotal: 1500 }],
      ["POST", "/orders", 201, purchase, { ...purchase, couponPolicy: "drop" }],
      ["POST", "/payments/process", 200, { orderId: "{open}" }, { orderId: "{paid}" }],
      ["PUT", "/orders/{paid}/cancel", 200, {}, purchase],
      ["POST", "/refunds", 201, { orderId: "{asked}" }, { orderId: "{paid}" }]
    ]
    for (const [method, path, status, body, other, by] of routes) {
      it.effect(`${method} ${path} happens once for it`, () =>
        Effect.gen(function* () {
          const { seller, buyer, ids } = yield* stage
          const known: Record<string, string> = ids
          const fill = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => known[name] ?? "")
          const { token } = by === "seller" ? seller : buyer
          const ask = (what: object, key?: string) =>
            call(method, fill(path), {
              token,
              body: JSON.parse(fill(JSON.stringify(what))),
              ...(key !== undefined && { key })
            })
          const first = yield* ask(body, "once")
          assert.strictEqual(first.status, status)
          assert.isFalse(first.headers.has("idempotent-replayed"))
          const again = yield* ask(body, "once")
          assert.deepStrictEqual([again.status, again.text], [status, first.text])
          assert.strictEqual(again.headers.get("idempotent-replayed"), "true")
          assert.deepInclude((yield* ask(other, "once")).body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
          assert.deepInclude((yield* ask(body)).body, { status: 400, code: "IDEMPOTENCY_KEY_REQUIRED" })
        })
      )
    }
  })
})

describe("A coupon, from its issue to its refund (seed 001 §5)", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("is issued, held, used, given back, and used again", () =>
      Effect.gen(function* () {
        const { seller, buyer, id, balance, read } = yield* scene
        const issued = yield* take(buyer, yield* coupon(seller))
        const userCouponId = String(issued.body["userCouponId"])
        const status = Effect.map(call("GET", `/coupons/user/${buyer.userId}`, buyer), ({ body }) =>
          Array.isArray(body["items"]) ? body["items"].map((one: { status: string }) => one.status) : []
        )
        assert.deepStrictEqual(yield* status, ["ISSUED"])
        const orderId = yield* order(buyer, id, 2, { userCouponId })
        assert.deepStrictEqual(yield* status, ["HELD"])
        yield* pay(buyer, orderId)
        assert.deepStrictEqual(yield* status, ["USED"])
        assert.strictEqual(yield* balance, 8000)
        const cancelled = yield* call("PUT", `/orders/${orderId}/cancel`, { ...buyer, key: "cancel", body: {} })
        assert.deepInclude(cancelled.body, { status: "CANCELLED", cancelReason: "BUYER", refundedAmount: 2000 })
        assert.deepStrictEqual(cancelled.body, yield* read(orderId))
        assert.deepStrictEqual(yield* status, ["REFUNDED"])
        assert.strictEqual(yield* balance, 10_000)
        yield* buy(buyer, id, 1, { body: { items: [{ productId: id, quantity: 1 }], userCouponId } })
        assert.deepStrictEqual(yield* status, ["USED"])
        assert.strictEqual(yield* balance, 9500)
      })
    )
  })
})
