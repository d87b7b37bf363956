import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Result, Schema } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import type { Step } from "../../src/actors/Step.ts"
import { permit } from "../../src/domain/Authority.ts"
import {
  type CouponId,
  orderId,
  type OrderId,
  RequestKey,
  TransactionId,
  uuidOf,
  type UserId
} from "../../src/domain/Ids.ts"
import { won, zero } from "../../src/domain/Money.ts"
import { OrderNotFound } from "../../src/domain/OrderLife.ts"
import type { CancelReason } from "../../src/domain/Order.ts"
import type { Deed } from "../../src/domain/OrderLife.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import { charge } from "../../src/saga/Charge.ts"
import { setCondition } from "../../src/saga/Coupons.ts"
import { editProduct } from "../../src/saga/Products.ts"
import { Transact } from "../../src/saga/Transact.ts"
import { withdraw } from "../../src/saga/Withdrawal.ts"
import { seller, uuid } from "../domain/Samples.ts"
import {
  askBack,
  audit,
  buy,
  cancel,
  complete,
  does,
  engine,
  engineOver,
  type JournalShape,
  make,
  offered,
  onSale,
  payFor,
  request,
  take,
  user
} from "./Engine.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const tagOf = <A, E extends { readonly _tag: string }, R>(asked: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(asked), ({ _tag }) => _tag)
const outcomeOf = (result: Result.Result<unknown, { readonly _tag: string }>) =>
  Result.isSuccess(result) ? "done" : result.failure._tag
const counts = (results: ReadonlyArray<Result.Result<unknown, { readonly _tag: string }>>) =>
  Object.fromEntries(Array.from(Map.groupBy(results, outcomeOf), ([tag, of]) => [tag, of.length]))

const onDisk = (id: OrderId) =>
  Effect.map(MemoryTables, ({ orders }) => orders.get(uuidOf(id)) ?? assert.fail(`no order ${id}`))

/** What there is, as a sentence of numbers; memory and disk must agree. */
const books = Effect.map(audit, ({ stock, reserved, money, coupons, disagreements }) => {
  assert.deepStrictEqual(disagreements, [])
  return { stock, reserved, money, coupons }
})

/** A coupon of 1,000 won off, in somebody's hands. */
const coupon = Effect.fnUntraced(function* (who: UserId, change: Parameters<typeof offered>[0] = {}) {
  const couponId: CouponId = yield* offered(change)
  const { answer } = yield* take(couponId, who, Number.parseInt(uuidOf(who).slice(-4), 16))
  return { couponId, userCouponId: answer.userCouponId }
})

/** A product of ten pieces at 1,500 won, a buyer with 10,000, and an order of two of them. */
const scene = Effect.gen(function* () {
  const product = yield* onSale(10, 1500)
  const buyer = yield* user(1, 10_000)
  return { product, buyer, items: [[product, 2]] as const }
})

/** The same with a coupon, and the order made. */
const waiting = Effect.gen(function* () {
  const { product, buyer, items } = yield* scene
  const { userCouponId } = yield* coupon(buyer)
  const { answer } = yield* make({ key: 1, buyer, items, userCouponId })
  return { product, buyer, userCouponId, order: answer.orderId }
})
const paid = Effect.tap(waiting, ({ order }) => payFor(order, 1))

/** Somebody asks to leave, and the disk does not say before `end` whether there are open orders. */
const leaving = Effect.fnUntraced(function* (who: UserId) {
  const orders = yield* Orders
  const [isAsking, isOver] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const hasOpen: Orders["Service"]["hasOpen"] = (id) =>
    Deferred.succeed(isAsking, undefined).pipe(
      Effect.andThen(Deferred.await(isOver)),
      Effect.andThen(orders.hasOpen(id))
    )
  const left = yield* withdraw(permit(who)).pipe(
    Effect.provideService(Orders, { ...orders, hasOpen }),
    Effect.forkChild
  )
  return { isAsking, end: Deferred.succeed(isOver, undefined), left }
})

const untouched = { stock: [10], reserved: [0], money: 10_000, coupons: ["ISSUED"] }
const held = { stock: [10], reserved: [2], money: 10_000, coupons: ["HELD"] }
const sold = { stock: [8], reserved: [0], money: 8000, coupons: ["USED"] }
const givenBack = { stock: [10], reserved: [0], money: 10_000, coupons: ["REFUNDED"] }

describe("An order that is made", () => {
  it.live("reserves its stock, holds its coupon, and takes no money", () =>
    Effect.gen(function* () {
      const { product, buyer, items } = yield* scene
      const { userCouponId } = yield* coupon(buyer)
      const { answer, replayed } = yield* make({ key: 1, buyer, items, userCouponId })
      assert.isFalse(replayed)
      const { createdAt } = yield* onDisk(answer.orderId)
      assert.deepStrictEqual(answer, {
        orderId: answer.orderId,
        status: "CREATED",
        totalAmount: won(3000),
        discountAmount: won(1000),
        payableAmount: won(2000),
        paymentDeadline: new Date(createdAt + 30 * 60_000).toISOString(),
        coupon: { applied: true }
      })
      assert.deepStrictEqual(yield* books, held)
      // Only what is left can be bought by others.
      assert.strictEqual(
        yield* tagOf(buy({ key: 2, buyer: yield* user(2, 50_000), product, quantity: 9 })),
        "StockShortage"
      )
      assert.include((yield* audit).outbox, "OrderCreated")
    }).pipe(Effect.provide(engine()))
  )

  it.live("is made once, however often it is asked for", () =>
    Effect.gen(function* () {
      const { buyer, items } = yield* scene
      const answers = yield* Effect.all(
        numbers(20).map(() => make({ key: 1, buyer, items })),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(new Set(answers.map(({ answer }) => answer.orderId)), 1)
      assert.lengthOf(
        answers.filter(({ replayed }) => !replayed),
        1
      )
      assert.strictEqual(yield* tagOf(make({ key: 1, body: 1, buyer, items })), "KeyReused")
      assert.deepStrictEqual((yield* books).reserved, [2])
    }).pipe(Effect.provide(engine()))
  )

  it.live("reserves all of its products, or none", () =>
    Effect.gen(function* () {
      const { product, buyer } = yield* scene
      const scarce = yield* onSale(1)
      const asked = make({
        key: 1,
        buyer,
        items: [
          [product, 2],
          [scarce, 2]
        ]
      })
      assert.deepInclude(yield* Effect.flip(asked), { _tag: "StockShortage", productId: scarce, available: 1 })
      assert.deepStrictEqual((yield* books).reserved, [0, 0])
      yield* editProduct(permit(scarce), 1, { saleStatus: "SUSPENDED" })
      assert.strictEqual(yield* tagOf(make({ key: 2, buyer, items: [[scarce, 1]] })), "ProductNotOnSale")
    }).pipe(Effect.provide(engine()))
  )

  it.live("keeps the price it was made at", () =>
    Effect.gen(function* () {
      const { order, product } = yield* waiting
      yield* editProduct(permit(product), 1, { price: won(9000) })
      assert.strictEqual((yield* payFor(order, 1)).answer.paidAmount, won(2000))
    }).pipe(Effect.provide(engine()))
  )

  it.live("can be for nothing at all", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1, 1000)
      const buyer = yield* user(1, 0)
      const { userCouponId } = yield* coupon(buyer)
      const { answer } = yield* make({ key: 1, buyer, items: [[product, 1]], userCouponId })
      assert.strictEqual(answer.payableAmount, won(0))
      assert.strictEqual((yield* payFor(answer.orderId, 1)).answer.paidAmount, won(0))
      assert.deepStrictEqual(yield* books, { stock: [0], reserved: [0], money: 0, coupons: ["USED"] })
      assert.strictEqual((yield* cancel(answer.orderId)).answer, "CANCELLED")
      assert.deepStrictEqual(yield* books, { stock: [1], reserved: [0], money: 0, coupons: ["REFUNDED"] })
    }).pipe(Effect.provide(engine()))
  )

  it.live("keeps its buyer", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyer = yield* user(1, 0)
      const { answer } = yield* make({ key: 1, buyer, items: [[product, 1]] })
      assert.strictEqual(yield* tagOf(withdraw(permit(buyer))), "OrdersOpen")
      yield* cancel(answer.orderId)
      yield* withdraw(permit(buyer))
      assert.strictEqual(yield* tagOf(make({ key: 2, buyer, items: [[product, 1]] })), "UserNotFound")
    }).pipe(Effect.provide(engine()))
  )

  it.live("has no address any more once its buyer has left, neither on disk nor in memory", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyer = yield* user(1, 1000)
      const { orderId: order } = (yield* make({
        key: 1,
        buyer,
        items: [[product, 1]],
        shippingAddress: "Seoul"
      })).answer
      yield* payFor(order, 1)
      for (const to of ["PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"] as const) {
        yield* does(order, { _tag: "Advance", to })
      }
      const { read } = yield* Directory
      const addresses = Effect.gen(function* () {
        return [(yield* read("order", order))?.order.shippingAddress, (yield* onDisk(order)).shippingAddress]
      })
      assert.deepStrictEqual(yield* addresses, ["Seoul", "Seoul"])
      yield* withdraw(permit(buyer))
      assert.deepStrictEqual(yield* addresses, [undefined, undefined])
      assert.deepStrictEqual((yield* audit).disagreements, [])
    }).pipe(Effect.provide(engine()))
  )

  it.live("is one of many whose buyer may leave: they are looked for together", () => {
    const asked: Array<number> = []
    const counted = (journal: JournalShape): JournalShape => ({
      ...journal,
      load: (kind, ids) => {
        if (kind === "order") asked.push(ids.length)
        return journal.load(kind, ids)
      }
    })
    return Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyer = yield* user(1, 0)
      for (const key of numbers(120)) {
        const { answer } = yield* make({ key, buyer, items: [[product, 1]], shippingAddress: "Seoul" })
        yield* cancel(answer.orderId)
      }
      asked.length = 0
      yield* withdraw(permit(buyer))
      assert.strictEqual(
        asked.reduce((all, each) => all + each, 0),
        120
      )
      assert.isBelow(asked.length, 20)
      const { orders } = yield* MemoryTables
      assert.isTrue([...orders.values()].every(({ shippingAddress }) => shippingAddress === undefined))
    }).pipe(Effect.provide(engine(counted)))
  })

  it.live("keeps its seller, who cannot go before the sale has ended and all is done", () =>
    Effect.gen(function* () {
      const product = yield* onSale(2)
      const buyer = yield* user(1, 1000)
      const { wallets } = yield* MemoryTables
      wallets.set(uuidOf(seller), 0)
      const leave = tagOf(withdraw(permit(seller)))
      const { orderId: order } = (yield* make({ key: 1, buyer, items: [[product, 1]] })).answer
      assert.strictEqual(yield* leave, "ProductsOnSale")
      yield* editProduct(permit(product), 1, { saleStatus: "SUSPENDED" })
      assert.strictEqual(yield* leave, "OrdersOpen")
      yield* payFor(order, 1)
      for (const to of ["PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"] as const) {
        assert.strictEqual(yield* leave, "OrdersOpen", `before ${to}`)
        yield* does(order, { _tag: "Advance", to })
      }
      yield* withdraw(permit(seller))
      assert.deepStrictEqual((yield* audit).disagreements, [])
    }).pipe(Effect.provide(engine()))
  )

  it.live("keeps its buyer also once it is paid, until it is confirmed", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyer = yield* user(1, 1000)
      const { orderId: order } = (yield* make({ key: 1, buyer, items: [[product, 1]] })).answer
      yield* payFor(order, 1)
      for (const to of ["PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"] as const) {
        assert.strictEqual(yield* tagOf(withdraw(permit(buyer))), "OrdersOpen", `before ${to}`)
        yield* does(order, { _tag: "Advance", to })
      }
      yield* withdraw(permit(buyer))
    }).pipe(Effect.provide(engine()))
  )

  it.live("gives back what it cost, also while its buyer asks to leave and may not", () =>
    Effect.gen(function* () {
      const { order, buyer, product } = yield* paid
      yield* buy({ key: 2, buyer, product, quantity: 4, expectedTotal: won(6000) })
      yield* buy({ key: 3, buyer, product: yield* onSale(10), quantity: 2, expectedTotal: won(2000) })
      const { isAsking, end, left } = yield* leaving(buyer)
      yield* Deferred.await(isAsking)
      const cancelled = yield* Effect.forkChild(cancel(order, { reason: "SELLER" }))
      const charged = yield* Effect.forkChild(charge({ request: request(8), user: permit(buyer), amount: 1000 }))
      const given = yield* Effect.forkChild(Effect.flatMap(offered({}), (wanted) => take(wanted, buyer, 9)))
      const { read } = yield* Directory
      yield* read("order", order).pipe(Effect.repeat({ until: (state) => state?.pending !== undefined }))
      yield* end
      assert.strictEqual(yield* tagOf(Fiber.join(left)), "OrdersOpen")
      assert.strictEqual((yield* Fiber.join(cancelled)).answer, "CANCELLED")
      yield* Fiber.join(charged)
      yield* Fiber.join(given)
      assert.strictEqual((yield* onDisk(order)).refunds[0]?.status, "REFUNDED")
      const { money, coupons } = yield* books
      assert.deepStrictEqual({ money, coupons }, { money: 3000, coupons: ["REFUNDED", "ISSUED"] })
    }).pipe(Effect.provide(engine()))
  )

  it.live("is a person's to give back when its buyer has left", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyer = yield* user(1, 1000)
      const { orderId: order } = (yield* make({ key: 1, buyer, items: [[product, 1]] })).answer
      yield* payFor(order, 1)
      yield* complete(order)
      const { refundId } = (yield* askBack(order, 1)).answer
      yield* withdraw(permit(buyer))
      yield* does(order, { _tag: "DecideRefund", refundId, approved: true })
      const { refunds } = yield* onDisk(order)
      assert.deepInclude(refunds[0], { status: "MANUAL", amount: won(1000), dueAt: undefined })
      assert.deepStrictEqual((yield* books).stock, [1])
      const done: Deed = { _tag: "Refunded", refundId: refunds[0]?.refundId ?? assert.fail("no refund") }
      yield* does(order, done)
      assert.strictEqual(yield* tagOf(does(order, done)), "NotRefundable")
    }).pipe(Effect.provide(engine()))
  )

  it.live("100 buyers at once for the last item: one has it, the others are told", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyers = yield* Effect.forEach(numbers(100), (n) => user(n, 1000))
      const made = yield* Effect.forEach(
        buyers,
        (buyer, key) => Effect.result(make({ key, buyer, items: [[product, 1]] })),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepStrictEqual(counts(made), { done: 1, StockShortage: 99 })
      assert.deepStrictEqual(yield* books, { stock: [1], reserved: [1], money: 100_000, coupons: [] })
    }).pipe(Effect.provide(engine()))
  )
})

describe("An order whose buyer's money is held", () => {
  it.live("waits for what becomes of that, and is paid if it is given back", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 1000)
      const { orderId: order } = (yield* make({ key: 1, buyer, items: [[product, 1]] })).answer
      const directory = yield* Directory
      const other: Step = {
        id: TransactionId(uuid(901)),
        key: RequestKey(uuid(902)),
        deadline: Number.MAX_SAFE_INTEGER,
        fences: []
      }
      yield* directory.hold(other, "wallet", buyer, { _tag: "Take", amount: won(1000) })
      const paying = yield* Effect.forkChild(payFor(order, 1), { startImmediately: true })
      // It has asked its buyer's wallet by then, and goes on asking.
      yield* directory.read("order", order).pipe(Effect.repeat({ until: (state) => state?.pending !== undefined }))
      yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      directory.release(other)
      assert.strictEqual((yield* Fiber.join(paying)).answer.status, "COMPLETED")
      assert.deepStrictEqual((yield* books).money, 0)
    }).pipe(Effect.provide(engine()))
  )
})

describe("A coupon that cannot be used", () => {
  const stale = ["USED", "HELD", "MINIMUM_NOT_MET", "SUSPENDED", "EXPIRED", "REVOKED", "NOT_FOUND"] as const

  /** Somebody's coupon, and why it cannot be used. */
  const unusable = Effect.fnUntraced(function* (reason: (typeof stale)[number], buyer: UserId) {
    const { userCouponId, couponId } = yield* coupon(
      buyer,
      reason === "MINIMUM_NOT_MET" ? { minOrderAmount: won(5000) } : {}
    )
    const { userCoupons, coupons } = yield* MemoryTables
    const other = yield* onSale(1)
    switch (reason) {
      case "USED":
        yield* buy({ key: 50, buyer, product: other, userCouponId })
        break
      case "HELD":
        yield* make({ key: 50, buyer, items: [[other, 1]], userCouponId })
        break
      case "SUSPENDED":
        yield* setCondition(permit(couponId), 1, "SUSPENDED")
        break
      case "EXPIRED": {
        const record = coupons.get(uuidOf(couponId)) ?? assert.fail()
        coupons.set(uuidOf(couponId), { ...record, validity: { from: undefined, until: 1 } })
        break
      }
      case "REVOKED": {
        const record = userCoupons.get(uuidOf(userCouponId)) ?? assert.fail()
        userCoupons.set(uuidOf(userCouponId), { ...record, status: "REVOKED" })
        break
      }
      case "NOT_FOUND":
        return (yield* coupon(yield* user(9, 0))).userCouponId
      case "MINIMUM_NOT_MET":
    }
    return userCouponId
  })

  for (const reason of stale) {
    it.live(`because it is ${reason} is refused, or left out, as the buyer would have it`, () =>
      Effect.gen(function* () {
        const { buyer, items } = yield* scene
        const userCouponId = yield* unusable(reason, buyer)
        // By a node that has not seen it before.
        yield* Effect.gen(function* () {
          const asked = { buyer, items, userCouponId }
          const refused = yield* Effect.flip(make({ ...asked, key: 1, couponPolicy: "reject" }))
          assert.deepInclude(refused, { _tag: "CouponNotUsable", reason })
          const dropped = yield* make({ ...asked, key: 2, couponPolicy: "drop" })
          assert.deepInclude(dropped.answer, {
            totalAmount: won(3000),
            discountAmount: won(0),
            payableAmount: won(3000),
            coupon: { applied: false, reason }
          })
          assert.isUndefined((yield* onDisk(dropped.answer.orderId)).userCouponId)
          const onlyMinimum = yield* Effect.result(make({ ...asked, key: 3, couponPolicy: "dropIfMinimumOnly" }))
          assert.strictEqual(outcomeOf(onlyMinimum), reason === "MINIMUM_NOT_MET" ? "done" : "CouponNotUsable")
          assert.deepStrictEqual((yield* audit).disagreements, [])
        }).pipe(Effect.provide(engineOver()))
      }).pipe(Effect.provide(engine()))
    )
  }

  it.live("is not left out silently of an order whose price the buyer knows (C6)", () =>
    Effect.gen(function* () {
      const { buyer, items } = yield* scene
      const userCouponId = yield* unusable("USED", buyer)
      const asked = { buyer, items, userCouponId, couponPolicy: "drop" } as const
      const refused = yield* Effect.flip(make({ ...asked, key: 1, expectedTotal: won(2000) }))
      assert.deepInclude(refused, { _tag: "PriceChanged", total: won(3000) })
      const made = yield* make({ ...asked, key: 2, expectedTotal: won(3000) })
      assert.deepStrictEqual(made.answer.coupon, { applied: false, reason: "USED" })
    }).pipe(Effect.provide(engine()))
  )

  it.live("because another order takes it at the same moment: one has it", () =>
    Effect.gen(function* () {
      const { buyer, items } = yield* scene
      const { userCouponId } = yield* coupon(buyer)
      const made = yield* Effect.forEach(
        numbers(5),
        (key) => Effect.result(make({ key, buyer, items, userCouponId, couponPolicy: "reject" })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(counts(made), { done: 1, CouponNotUsable: 4 })
      assert.deepStrictEqual(yield* books, held)
    }).pipe(Effect.provide(engine()))
  )

  it.live("because another order takes it at the same moment: the others go without, if they would", () =>
    Effect.gen(function* () {
      const { buyer, items } = yield* scene
      const { userCouponId } = yield* coupon(buyer)
      const made = yield* Effect.forEach(
        numbers(5),
        (key) => make({ key, buyer, items, userCouponId, couponPolicy: "drop" }),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        made.filter(({ answer }) => answer.coupon?.applied),
        1
      )
      assert.deepStrictEqual(yield* books, { ...held, reserved: [10] })
    }).pipe(Effect.provide(engine()))
  )

  it.live("waits for the order that holds it, and is free again when that is cancelled", () =>
    Effect.gen(function* () {
      const { order, product, buyer, userCouponId } = yield* waiting
      const again = (key: number) => make({ key, buyer, items: [[product, 1]], userCouponId })
      assert.deepInclude(yield* Effect.flip(again(2)), { _tag: "CouponNotUsable", reason: "HELD" })
      yield* cancel(order)
      const { answer } = yield* again(3)
      yield* payFor(answer.orderId, 3)
      assert.strictEqual((yield* cancel(answer.orderId)).answer, "CANCELLED")
      assert.isTrue((yield* again(4)).answer.coupon?.applied)
    }).pipe(Effect.provide(engine()))
  )
})

describe("Paying an order", () => {
  it.live("takes the money, sells the pieces, uses the coupon, and says what is left", () =>
    Effect.gen(function* () {
      const { order } = yield* waiting
      const { answer } = yield* payFor(order, 1)
      assert.deepInclude(answer, { orderId: order, status: "COMPLETED", paidAmount: won(2000), balance: won(8000) })
      assert.deepStrictEqual(yield* books, sold)
      const { payments, status } = yield* onDisk(order)
      assert.strictEqual(status, "CONFIRMED")
      assert.deepStrictEqual(
        payments.map(({ paymentId }) => paymentId),
        [answer.paymentId]
      )
      assert.deepStrictEqual(yield* payFor(order, 1), { answer, replayed: true })
      assert.strictEqual(yield* tagOf(payFor(order, 2)), "OrderNotPayable")
      assert.deepStrictEqual(yield* books, sold)
    }).pipe(Effect.provide(engine()))
  )

  it.live("clicked twenty times at once, and with as many keys, happens once", () =>
    Effect.gen(function* () {
      const { order } = yield* waiting
      const results = yield* Effect.forEach(numbers(40), (n) => Effect.result(payFor(order, Math.min(n, 20))), {
        concurrency: "unbounded"
      })
      const done = results.flatMap((result) => (Result.isSuccess(result) ? [result.success.answer.paymentId] : []))
      assert.lengthOf(new Set(done), 1)
      for (const result of results) assert.include(["done", "OrderNotPayable"], outcomeOf(result))
      assert.deepStrictEqual(yield* books, sold)
    }).pipe(Effect.provide(engine()))
  )

  it.live("waits until the wallet has heard what became of the coupon last", () =>
    Effect.gen(function* () {
      const { order } = yield* waiting
      const { userCouponId, userId } = yield* onDisk(order)
      const { run } = yield* Transact
      const { read } = yield* Directory
      const heard = yield* Deferred.make<void>()
      const holds = yield* Deferred.make<void>()
      if (userCouponId === undefined) return assert.fail("an order with a coupon")
      const other = run({
        by: undefined,
        answer: Schema.Null,
        plan: ({ hold }) =>
          hold("wallet", userId, {
            _tag: "Order",
            take: zero,
            give: zero,
            opens: 0,
            counts: 0,
            coupon: { userCouponId, to: "USED" },
            firstPurchaseOnly: false
          }).pipe(
            Effect.andThen(Deferred.succeed(holds, undefined)),
            Effect.andThen(Deferred.await(heard)),
            Effect.andThen(Effect.fail(new OrderNotFound({ orderId: order })))
          )
      })
      const busy = yield* Effect.forkChild(Effect.exit(other))
      yield* Deferred.await(holds)
      const paying = yield* Effect.forkChild(payFor(order, 1))
      const isPaying = Effect.map(read("order", order), (state) => state?.pending !== undefined)
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, isPaying), { until: (pending) => pending })
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      yield* Deferred.succeed(heard, undefined)
      yield* Fiber.join(busy)
      assert.strictEqual((yield* Fiber.join(paying)).answer.status, "COMPLETED")
    }).pipe(Effect.provide(engine()))
  )

  it.live("of no order is refused", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tagOf(payFor(orderId(uuid(77)), 1)), "OrderNotFound")
    }).pipe(Effect.provide(engine()))
  )

  it.live(
    "without enough money ends it, and the stock and the coupon are free; a repetition hears the same (O12)",
    () =>
      Effect.gen(function* () {
        const product = yield* onSale(10, 1500)
        const buyer = yield* user(1, 1999)
        const { userCouponId } = yield* coupon(buyer)
        const { answer } = yield* make({ key: 1, buyer, items: [[product, 2]], userCouponId })
        const refusal = { _tag: "InsufficientBalance", balance: won(1999), required: won(2000) } as const
        assert.deepInclude(yield* Effect.flip(payFor(answer.orderId, 1)), refusal)
        assert.deepInclude(yield* onDisk(answer.orderId), { status: "CANCELLED", cancelReason: "INSUFFICIENT_BALANCE" })
        assert.deepStrictEqual(yield* books, { ...untouched, money: 1999 })
        // Whatever has happened since.
        yield* charge({ request: request(9), user: permit(buyer), amount: 5000 })
        assert.deepInclude(yield* Effect.flip(payFor(answer.orderId, 1)), refusal)
        assert.strictEqual(yield* tagOf(payFor(answer.orderId, 2)), "OrderNotPayable")
        assert.deepStrictEqual(yield* books, { ...untouched, money: 6999 })
      }).pipe(Effect.provide(engine()))
  )

  it.live("without enough money, many times at once, ends it once, and everybody is told why", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10, 1500)
      const buyer = yield* user(1, 1000)
      const { answer } = yield* make({ key: 1, buyer, items: [[product, 2]] })
      const results = yield* Effect.forEach(numbers(20), (n) => Effect.result(payFor(answer.orderId, n % 10)), {
        concurrency: "unbounded"
      })
      for (const result of results) assert.include(["InsufficientBalance", "OrderNotPayable"], outcomeOf(result))
      assert.strictEqual((yield* onDisk(answer.orderId)).history.length, 2)
      assert.deepStrictEqual(yield* books, { stock: [10], reserved: [0], money: 1000, coupons: [] })
    }).pipe(Effect.provide(engine()))
  )

  it.live("of two orders with money for one: one is paid, the other ends", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10, 1500)
      const buyer = yield* user(1, 3000)
      const orders = yield* Effect.forEach(numbers(2), (key) => make({ key, buyer, items: [[product, 2]] }))
      const results = yield* Effect.forEach(orders, ({ answer }, n) => Effect.result(payFor(answer.orderId, n)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(counts(results), { done: 1, InsufficientBalance: 1 })
      assert.deepStrictEqual(yield* books, { stock: [8], reserved: [0], money: 0, coupons: [] })
    }).pipe(Effect.provide(engine()))
  )
})

/** A journal whose commits come in their own time. */
const slowly = (journal: JournalShape): JournalShape => {
  let n = 0
  return {
    ...journal,
    commit: (batch) => Effect.delay(journal.commit(batch), `${((n++ * 7) % 5) + 1} millis`)
  }
}

describe("Paid and cancelled at once", () => {
  const race = (reason: CancelReason) =>
    Effect.gen(function* () {
      const product = yield* onSale(100, 1000)
      const buyer = yield* user(1, 100_000)
      const orders = yield* Effect.forEach(numbers(20), (key) => make({ key, buyer, items: [[product, 1]] }))
      return yield* Effect.forEach(
        orders,
        ({ answer: { orderId: id } }, n) => {
          const pays = Effect.delay(Effect.result(payFor(id, n)), `${n % 3} millis`)
          const cancels = Effect.delay(Effect.result(cancel(id, { reason })), `${n % 4} millis`)
          return Effect.map(
            Effect.all(n % 2 === 0 ? { pays, cancels } : { cancels, pays }, { concurrency: "unbounded" }),
            (done) => ({ id, pays: outcomeOf(done.pays), cancels: outcomeOf(done.cancels) })
          )
        },
        { concurrency: "unbounded" }
      )
    })

  it.live("by its deadline, exactly one wins", () =>
    Effect.gen(function* () {
      const results = yield* race("PAYMENT_TIMEOUT")
      for (const { id, pays, cancels } of results) {
        const { status } = yield* onDisk(id)
        assert.deepStrictEqual(
          [pays, cancels],
          status === "CONFIRMED" ? ["done", "OrderNotCancellable"] : ["OrderNotPayable", "done"]
        )
      }
      const paidOrders = results.filter(({ pays }) => pays === "done").length
      assert.deepStrictEqual(yield* books, {
        stock: [100 - paidOrders],
        reserved: [0],
        money: 100_000 - 1000 * paidOrders,
        coupons: []
      })
    }).pipe(Effect.provide(engine(slowly)))
  )

  it.live("by its buyer, it ends cancelled, whichever was first, and nothing is missing", () =>
    Effect.gen(function* () {
      for (const { id, pays, cancels } of yield* race("BUYER")) {
        assert.strictEqual(cancels, "done")
        const { status, paidAmount, refunds } = yield* onDisk(id)
        assert.strictEqual(status, "CANCELLED")
        assert.deepStrictEqual(
          [pays, paidAmount, refunds.length],
          pays === "done" ? ["done", won(1000), 1] : ["OrderNotPayable", won(0), 0]
        )
      }
      assert.deepStrictEqual(yield* books, { stock: [100], reserved: [0], money: 100_000, coupons: [] })
    }).pipe(Effect.provide(engine(slowly)))
  )
})

describe("Cancelling an order", () => {
  it.live("that is not paid frees what it held, once", () =>
    Effect.gen(function* () {
      const { order } = yield* waiting
      yield* cancel(order, { key: 1 })
      assert.deepStrictEqual(yield* books, untouched)
      assert.isTrue((yield* cancel(order, { key: 1 })).replayed)
      assert.strictEqual(yield* tagOf(cancel(order, { key: 2 })), "OrderNotCancellable")
      assert.strictEqual(yield* tagOf(payFor(order, 1)), "OrderNotPayable")
      assert.deepStrictEqual(yield* books, untouched)
      assert.deepInclude(yield* onDisk(order), { cancelReason: "BUYER" })
    }).pipe(Effect.provide(engine()))
  )

  it.live("gives stock, money and coupon back, exactly once, however often and at once it is asked for", () =>
    Effect.gen(function* () {
      const { order } = yield* paid
      const results = yield* Effect.forEach(numbers(30), (n) => Effect.result(cancel(order, { key: n % 10 })), {
        concurrency: "unbounded"
      })
      for (const result of results) assert.include(["done", "OrderNotCancellable"], outcomeOf(result))
      assert.isAtLeast(counts(results)["done"] ?? 0, 1)
      assert.deepStrictEqual(yield* books, givenBack)
      const { refunds, payments } = yield* onDisk(order)
      assert.deepStrictEqual(
        refunds.map(({ amount, status }) => [amount, status]),
        [[won(2000), "REFUNDED"]]
      )
      assert.strictEqual(payments[0]?.refunded, won(2000))
    }).pipe(Effect.provide(engine()))
  )

  it.live("in part gives back that part, and the coupon with the last one", () =>
    Effect.gen(function* () {
      const { order, product } = yield* paid
      const one = { items: [[product, 1]] } as const
      assert.strictEqual((yield* cancel(order, { ...one, key: 1 })).answer, "CONFIRMED")
      assert.isTrue((yield* cancel(order, { ...one, key: 1 })).replayed)
      assert.deepStrictEqual(yield* books, { ...sold, stock: [9], money: 9000 })
      assert.strictEqual((yield* cancel(order, { ...one, key: 2 })).answer, "CANCELLED")
      assert.deepStrictEqual(yield* books, givenBack)
      assert.strictEqual(yield* tagOf(cancel(order, { ...one, key: 3 })), "OrderNotCancellable")
    }).pipe(Effect.provide(engine()))
  )

  it.live("in part, by more at once than there is, gives back what there is", () =>
    Effect.gen(function* () {
      const { order, product } = yield* paid
      const results = yield* Effect.forEach(
        numbers(10),
        (key) => Effect.result(cancel(order, { key, items: [[product, 1]] })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(counts(results), { done: 2, OrderNotCancellable: 8 })
      assert.deepStrictEqual(yield* books, givenBack)
    }).pipe(Effect.provide(engine()))
  )

  it.live("that was bought and paid at once is the same", () =>
    Effect.gen(function* () {
      const { product, buyer } = yield* scene
      const { answer } = yield* buy({ key: 1, buyer, product, quantity: 2 })
      yield* cancel(answer.orderId, { items: [[product, 1]] })
      yield* cancel(answer.orderId)
      assert.deepStrictEqual(yield* books, { stock: [10], reserved: [0], money: 10_000, coupons: [] })
    }).pipe(Effect.provide(engine()))
  )

  it.live("gives the pieces to others", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const [first, second] = [yield* user(1, 1000), yield* user(2, 1000)]
      const { answer } = yield* make({ key: 1, buyer: first, items: [[product, 1]] })
      const wanted = buy({ key: 2, buyer: second, product })
      assert.strictEqual(yield* tagOf(wanted), "StockShortage")
      yield* cancel(answer.orderId)
      yield* wanted
      assert.deepStrictEqual(yield* books, { stock: [0], reserved: [0], money: 1000, coupons: [] })
    }).pipe(Effect.provide(engine()))
  )
})

describe("Money asked back", () => {
  const delivered = Effect.tap(paid, ({ order }) =>
    Effect.forEach(["PREPARING", "SHIPPED", "DELIVERED"] as const, (to) => does(order, { _tag: "Advance", to }))
  )

  it.live("is neither given nor taken before the seller has said so; approved, both are, once", () =>
    Effect.gen(function* () {
      const { order, product } = yield* delivered
      const { answer } = yield* askBack(order, 1, [[product, 1]])
      assert.deepInclude(answer, { status: "REFUND_REQUESTED", amount: won(1000) })
      assert.deepStrictEqual(yield* askBack(order, 1, [[product, 1]]), { answer, replayed: true })
      assert.strictEqual(yield* tagOf(askBack(order, 2)), "RefundInProgress")
      assert.deepStrictEqual(yield* books, sold)
      const approve = does(order, { _tag: "DecideRefund", refundId: answer.refundId, approved: true })
      const results = yield* Effect.all(
        numbers(5).map(() => Effect.result(approve)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(counts(results), { done: 1, NotRefundable: 4 })
      assert.deepStrictEqual(yield* books, { ...sold, stock: [9], money: 9000 })
    }).pipe(Effect.provide(engine()))
  )

  it.live("is not given when the seller says no, and can be asked for again", () =>
    Effect.gen(function* () {
      const { order } = yield* delivered
      const { answer } = yield* askBack(order, 1)
      yield* does(order, { _tag: "DecideRefund", refundId: answer.refundId, approved: false })
      assert.deepStrictEqual(yield* books, sold)
      assert.strictEqual((yield* askBack(order, 2)).answer.status, "REFUND_REQUESTED")
    }).pipe(Effect.provide(engine()))
  )

  it.live("is not asked for before it is paid, nor after it is cancelled", () =>
    Effect.gen(function* () {
      const { order } = yield* waiting
      assert.strictEqual(yield* tagOf(askBack(order, 1)), "NotRefundable")
      yield* cancel(order)
      assert.strictEqual(yield* tagOf(askBack(order, 2)), "NotRefundable")
    }).pipe(Effect.provide(engine()))
  )
})
