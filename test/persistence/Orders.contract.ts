/** What becomes of orders, on disk: journal and repository tell the same of them, and that is what was decided. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect, Result } from "effect"
import { hash } from "node:crypto"
import {
  Epoch,
  paymentId,
  productId,
  type ProductId,
  refundId,
  type UserCouponId,
  type UserId
} from "../../src/domain/Ids.ts"
import { MoneyDelta, pieces, won } from "../../src/domain/Money.ts"
import { lateRefundId, type Order, partOf, placed } from "../../src/domain/Order.ts"
import { type Deed, decide, dueAt } from "../../src/domain/OrderLife.ts"
import { moves } from "../../src/domain/OrderMoves.ts"
import { Policy } from "../../src/domain/Policy.ts"
import type { Change, Fence } from "../../src/domain/Transaction.ts"
import { permit } from "../../src/domain/Authority.ts"
import { gatewayTransactionId, paymentKey } from "../../src/domain/Tender.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import { type DueOrder, Orders, type RefundQuery } from "../../src/persistence/Orders.ts"
import type { Storage } from "./Backends.ts"
import { allPages } from "./Pages.ts"
import * as Scene from "./Scene.ts"

type It = Vitest.MethodsNonLive<Storage>

const createdAt = 1_700_000_000_123

/** A buyer with 10,000 won, ten pieces at 1,000, a coupon of 100 won off, and who may commit for them. */
const market = Effect.gen(function* () {
  const fences = [yield* Scene.claimed]
  const seller = yield* Scene.register("SELLER")
  const buyer = yield* Scene.register()
  const { id: product, changes } = Scene.created(seller, 10)
  const issue = Scene.issued(buyer, yield* Scene.offered(seller))
  yield* Scene.commit(fences, changes, [Scene.charge(buyer, 10_000)], [issue])
  return { fences, seller, buyer, product, userCouponId: issue.userCouponId }
})
type Market = Effect.Success<typeof market>

/** Three pieces, 100 won off, to be paid. */
const made = ({ buyer, product }: Market, userCouponId?: UserCouponId): Order => {
  const { orderId, lines } = Scene.orderOf(buyer, product, 3)
  const off = won(userCouponId === undefined ? 0 : 100)
  return placed({
    orderId,
    userId: buyer,
    status: "CREATED",
    lines: lines.map((line) => ({ ...line, discount: off })),
    payments: [],
    totalAmount: won(3000),
    discountAmount: off,
    userCouponId,
    paidAmount: won(0),
    createdAt,
    paymentDeadline: createdAt + Policy.order.paymentDeadlineMs,
    shippingAddress: '서울시 "중구" {1,2}'
  })
}

const commit = (fences: ReadonlyArray<Fence>, changes: ReadonlyArray<Change>) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    return yield* journal.commit([yield* Scene.transaction({ fences, changes })])
  })

/** What commits a change of an order, with all that it moves. */
const become = (before: Order | undefined, after: Order) => moves(before, after).changes

const loaded = (order: Order) =>
  Effect.flatMap(Journal, ({ load }) => Effect.map(load("order", [order.orderId]), ([state]) => state?.order))
const found = (order: Order) => Effect.flatMap(Orders, ({ get }) => get(order.orderId))

const couponOf = (buyer: UserId) =>
  Effect.flatMap(Journal, ({ load }) => Effect.map(load("wallet", [buyer]), ([wallet]) => wallet?.coupons[0]?.status))
const shelf = (product: ProductId) =>
  Effect.flatMap(Journal, ({ load }) =>
    Effect.map(load("product", [product]), ([state]) => [Number(state?.onHand), Number(state?.reserved)])
  )
const purse = (buyer: UserId) =>
  Effect.flatMap(Journal, ({ load }) =>
    Effect.map(load("wallet", [buyer]), ([state]) => [Number(state?.balance), state?.purchases])
  )

const payment = () => paymentId(Scene.next())
const walletPay = (): Deed => ({
  _tag: "Pay",
  paymentId: payment(),
  tenders: undefined,
  gateway: undefined,
  paymentKey: undefined
})
const cancel = (product?: ProductId, quantity = 1): Deed => ({
  _tag: "Cancel",
  refundId: refundId(Scene.next()),
  reason: "BUYER",
  items: product === undefined ? undefined : [{ productId: product, quantity: pieces(quantity) }]
})

/** A life, deed by deed: each is told the order it is done to. */
type Life = ReadonlyArray<(order: Order, market: Market) => Deed>

const mixed =
  (key?: string) =>
  ({ orderId, totalAmount, discountAmount }: Order): Deed => ({
    _tag: "Pay",
    paymentId: payment(),
    tenders: [
      { method: "WALLET", amount: won(500) },
      { method: "CARD", amount: won(totalAmount - discountAmount - 500) }
    ],
    gateway: "toss",
    paymentKey: key === undefined ? undefined : paymentKey(`${key}-${orderId}`)
  })
const lastPayment = ({ payments }: Order) => payments.at(-1)?.paymentId ?? assert.fail("no payment")
const lastRefund = ({ refunds }: Order) => refunds.at(-1)?.refundId ?? assert.fail("no refund")
const approved = (order: Order): Deed => ({
  _tag: "Approved",
  paymentId: lastPayment(order),
  gatewayId: gatewayTransactionId('gateway "1", {x}')
})
const askGateway = ({ orderId, payments }: Order): Deed => ({
  _tag: "AskGateway",
  paymentKey: paymentKey(`\\'{,}"-${orderId}`),
  amount: payments.find(({ method }) => method === "CARD")?.amount ?? won(0)
})
const advance = (to: (Deed & { readonly _tag: "Advance" })["to"]) => (): Deed => ({ _tag: "Advance", to })
const some = (_: Order, { product }: Market) => cancel(product)
const askRefund = (_: Order, { product }: Market): Deed => ({
  _tag: "AskRefund",
  refundId: refundId(Scene.next()),
  items: [{ productId: product, quantity: pieces(2) }]
})
const decideRefund =
  (isApproved: boolean) =>
  (order: Order): Deed => ({
    _tag: "DecideRefund",
    refundId: lastRefund(order),
    approved: isApproved
  })
const delayed = (order: Order): Deed => ({ _tag: "RefundDelayed", refundId: lastRefund(order) })
const refunded = (order: Order): Deed => ({ _tag: "Refunded", refundId: lastRefund(order) })
const notPaid = (order: Order): Deed => ({ _tag: "NotPaid", paymentId: lastPayment(order), cancel: undefined })
const firstPayment = ({ payments }: Order) => payments[0]?.paymentId ?? assert.fail("no payment")
const tooLate = (order: Order): Deed => ({
  _tag: "ApprovedLate",
  paymentId: firstPayment(order),
  gatewayId: gatewayTransactionId("late")
})
const lateRefunded = (order: Order): Deed => ({ _tag: "Refunded", refundId: lateRefundId(firstPayment(order)) })
const inVain = Array.from({ length: Policy.payment.refundAttempts + 1 }, () => delayed)

const lives: ReadonlyArray<readonly [what: string, life: Life, wallet: number, stock: number, coupon: string]> = [
  ["waits", [], 10_000, 10, "HELD"],
  ["is cancelled unpaid", [() => cancel()], 10_000, 10, "ISSUED"],
  ["is paid", [walletPay], 7100, 7, "USED"],
  ["is paid and cancelled", [walletPay, () => cancel()], 10_000, 10, "REFUNDED"],
  ["is cancelled piece by piece", [walletPay, some, some, some], 10_000, 10, "REFUNDED"],
  [
    "is sent, delivered and confirmed",
    [walletPay, advance("PREPARING"), advance("SHIPPED"), advance("DELIVERED"), advance("COMPLETED")],
    7100,
    7,
    "USED"
  ],
  ["is taken back", [walletPay, askRefund, decideRefund(true)], 9033, 9, "USED"],
  [
    "is not taken back, and then is",
    [walletPay, askRefund, decideRefund(false), askRefund, decideRefund(true)],
    9033,
    9,
    "USED"
  ],
  ["waits for its buyer at the gateway", [mixed()], 9500, 10, "HELD"],
  ["is not paid after all, and then is", [mixed(), notPaid, walletPay], 7100, 7, "USED"],
  ["is paid through a gateway", [mixed(), askGateway, approved], 9500, 7, "USED"],
  ["waits for money from a gateway", [mixed("key"), approved, () => cancel(), delayed], 10_000, 10, "REFUNDED"],
  [
    "has its money from a gateway",
    [mixed("key"), approved, some, refunded, () => cancel(), refunded],
    10_000,
    10,
    "REFUNDED"
  ],
  [
    "had a payment that came too late",
    [mixed("key"), notPaid, walletPay, some, tooLate, () => cancel(), lateRefunded],
    10_000,
    10,
    "REFUNDED"
  ],
  ["waits for a person", [mixed("key"), approved, () => cancel(), ...inVain], 10_000, 10, "REFUNDED"],
  ["is seen to by a person", [mixed("key"), approved, () => cancel(), ...inVain, refunded], 10_000, 10, "REFUNDED"]
]

const readBack = (it: It) => {
  for (const [what, life, wallet, stock, coupon] of lives) {
    it.effect(`an order that ${what} is read as it was decided, after every step`, () =>
      Effect.gen(function* () {
        const scene = yield* market
        let order = made(scene, scene.userCouponId)
        let changes = become(undefined, order)
        for (const [n, deedOf] of [...life, undefined].entries()) {
          assert.deepEqual(yield* commit(scene.fences, changes), ["Committed"])
          assert.deepEqual(yield* loaded(order), order)
          assert.deepEqual(yield* found(order), order)
          if (deedOf === undefined) break
          const after = Result.getOrThrow(decide(order, deedOf(order, scene), createdAt + (n + 1) * 1001))
          changes = become(order, after)
          order = after
        }
        const { status } = order
        const reserved = status === "CREATED" ? 3 : 0
        assert.deepEqual(yield* shelf(scene.product), [stock, reserved])
        assert.deepEqual(yield* purse(scene.buyer), [wallet, status === "CREATED" ? 1 : 0])
        assert.strictEqual(yield* couponOf(scene.buyer), coupon)
      })
    )
  }

  it.effect("an order that was bought and paid at once is read as it was, and as it becomes", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const order = Scene.orderOf(scene.buyer, scene.product, 3)
      yield* commit(scene.fences, become(undefined, order))
      assert.deepEqual(yield* loaded(order), order)
      const after = Result.getOrThrow(decide(order, cancel(scene.product), order.createdAt + 1))
      yield* commit(scene.fences, become(order, after))
      assert.deepEqual([yield* loaded(order), yield* found(order)], [after, after])
    })
  )

  it.effect("many orders are changed in one batch, each as it is", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const journal = yield* Journal
      const orders = [made(scene), made(scene), made(scene)]
      const place = yield* Effect.forEach(orders, (order) =>
        Scene.transaction({ fences: scene.fences, changes: become(undefined, order) })
      )
      assert.deepEqual(yield* journal.commit(place), ["Committed", "Committed", "Committed"])
      assert.deepEqual(yield* shelf(scene.product), [10, 9])
      const deeds = [walletPay(), cancel(), walletPay()]
      const afters = orders.map((order, n) => Result.getOrThrow(decide(order, deeds[n]!, createdAt + 1)))
      const [stale] = scene.fences
      const batch = yield* Effect.forEach(afters, (after, n) =>
        Scene.transaction({
          fences: n === 2 && stale !== undefined ? [{ ...stale, epoch: Epoch(stale.epoch - 1) }] : scene.fences,
          changes: become(orders[n], after)
        })
      )
      assert.deepEqual(yield* journal.commit(batch), ["Committed", "Committed", "Fenced"])
      assert.deepEqual(yield* Effect.forEach(orders, loaded), [afters[0], afters[1], orders[2]])
      assert.deepEqual(yield* shelf(scene.product), [7, 3])
    })
  )
}

const rejected = (it: It) => {
  type Stage = Market & { readonly order: Order; readonly paid: Order }
  const changed = (order: Order, change: Partial<Order>): Change => ({
    _tag: "OrderChanged",
    before: order,
    after: { ...order, version: order.version + 1, ...change }
  })
  const used = ({ buyer, userCouponId }: Stage, to: (Change & { _tag: "CouponUsed" })["to"], order: Order): Change => ({
    _tag: "CouponUsed",
    userCouponId,
    to,
    userId: buyer,
    orderId: order.orderId
  })
  const reserve = (product: ProductId, delta: number): Change => ({ _tag: "StockReserved", productId: product, delta })

  const culprits: ReadonlyArray<[what: string, changes: (stage: Stage) => ReadonlyArray<Change>]> = [
    ["changes an order of another version", ({ order, paid }) => [changed({ ...order, version: 7 }, paid)]],
    ["changes an order that is not there", (stage) => [changed(made(stage), { payments: [] })]],
    ["changes an order twice", ({ order }) => [changed(order, {}), changed(order, {})]],
    ["confirms an order that is not paid", ({ order }) => [changed(order, { status: "CONFIRMED" })]],
    ["takes money for an order that stays open", ({ order }) => [changed(order, { paidAmount: won(2900) })]],
    ["takes more for it than it costs", ({ paid, order }) => [changed(order, { ...paid, paidAmount: won(2901) })]],
    ["cancels an order for no reason", ({ order }) => [changed(order, { status: "CANCELLED" })]],
    [
      "gives a reason for what is not cancelled",
      ({ order, paid }) => [changed(order, { ...paid, cancelReason: "BUYER" })]
    ],
    [
      "takes back more pieces than were bought",
      ({ order, paid }) => [
        changed(order, { ...paid, lines: order.lines.map((line) => ({ ...line, cancelled: pieces(4) })) })
      ]
    ],
    [
      "gives back more than a payment had",
      ({ order, paid }) => [
        changed(order, { ...paid }),
        changed(paid, { payments: paid.payments.map((each) => ({ ...each, refunded: won(2901) })) })
      ]
    ],
    [
      "pays by the same tender twice",
      ({ order, paid }) => [changed(order, { ...paid, payments: [...paid.payments, ...paid.payments] })]
    ],
    ["reserves more than there is", ({ product }) => [reserve(product, 8)]],
    ["frees more than was reserved", ({ product }) => [reserve(product, -4)]],
    [
      "sells what is reserved",
      ({ product }) => [{ _tag: "StockMoved", productId: product, delta: -8, reason: "SALE" }]
    ],
    ["reserves pieces of nothing", () => [reserve(productId(Scene.next()), 1)]],
    [
      "makes an order that nobody has to pay",
      (stage) => [{ _tag: "OrderPlaced", order: { ...made(stage), paymentDeadline: undefined } }]
    ],
    ["holds a coupon that is held", (stage) => become(undefined, made(stage, stage.userCouponId))],
    ["uses a coupon another order holds", (stage) => [used(stage, "USED", made(stage))]],
    ["frees a coupon another order holds", (stage) => [used(stage, "ISSUED", made(stage))]],
    ["gives back a coupon that was not used", (stage) => [used(stage, "REFUNDED", stage.order)]],
    ["holds it again for the same order", (stage) => [used(stage, "HELD", stage.order)]],
    [
      "lets somebody go who has an order to pay",
      ({ buyer }) => [
        { _tag: "MoneyMoved", userId: buyer, delta: MoneyDelta(-10_000), reason: "PAYMENT" },
        { _tag: "UserWithdrew", userId: buyer }
      ]
    ],
    [
      "lets somebody go who makes an order just then",
      (stage) => {
        const order = { ...made(stage), userId: stage.seller }
        return [...become(undefined, order), { _tag: "UserWithdrew", userId: stage.seller }]
      }
    ]
  ]
  for (const [what, changes] of culprits) {
    it.effect(`a transaction that ${what} is rejected, and nothing of it is there`, () =>
      Effect.gen(function* () {
        const scene = yield* market
        const order = made(scene, scene.userCouponId)
        yield* commit(scene.fences, become(undefined, order))
        const paid = Result.getOrThrow(decide(order, walletPay(), createdAt + 1))
        const error = yield* Effect.flip(commit(scene.fences, changes({ ...scene, order, paid })))
        assert.strictEqual(error._tag, "BatchRejected")
        assert.deepEqual([yield* loaded(order), yield* found(order)], [order, order])
        assert.deepEqual(yield* shelf(scene.product), [10, 3])
        assert.strictEqual(yield* couponOf(scene.buyer), "HELD")
        assert.deepEqual(yield* commit(scene.fences, become(order, paid)), ["Committed"])
      })
    )
  }

  it.effect("a coupon that was given back belongs to the next order, and to that one alone", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const first = made(scene, scene.userCouponId)
      const paid = Result.getOrThrow(decide(first, walletPay(), createdAt + 1))
      const back = Result.getOrThrow(decide(paid, cancel(), createdAt + 2))
      const second = made(scene, scene.userCouponId)
      for (const changes of [
        become(undefined, first),
        become(first, paid),
        become(paid, back),
        become(undefined, second)
      ]) {
        assert.deepEqual(yield* commit(scene.fences, changes), ["Committed"])
      }
      assert.strictEqual(yield* couponOf(scene.buyer), "HELD")
      const steal: Change = {
        _tag: "CouponUsed",
        userCouponId: scene.userCouponId,
        to: "USED",
        userId: scene.buyer,
        orderId: first.orderId
      }
      assert.strictEqual((yield* Effect.flip(commit(scene.fences, [steal])))._tag, "BatchRejected")
    })
  )

  it.effect("a key of a gateway's may be as long as there are", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const order = made(scene)
      yield* commit(scene.fences, become(undefined, order))
      const noise = Array.from({ length: 96 }, (_, n) => hash("sha256", `${order.orderId} ${n}`, "base64"))
      const longest = noise.join("").slice(0, 4096)
      const pay = { ...mixed()(order), paymentKey: paymentKey(longest) }
      const paying = Result.getOrThrow(decide(order, pay, createdAt + 1))
      assert.deepEqual(yield* commit(scene.fences, become(order, paying)), ["Committed"])
      const { ofPaymentKey } = yield* Orders
      assert.strictEqual(yield* ofPaymentKey(paymentKey(longest)), order.orderId)
      assert.isUndefined(yield* ofPaymentKey(paymentKey(longest.slice(1))))
    })
  )

  it.effect("who gives an order up may go in the same step, and takes the address along", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const userId = yield* Scene.register()
      const order = { ...made(scene), userId }
      yield* commit(scene.fences, become(undefined, order))
      const given = Result.getOrThrow(decide(order, cancel(), createdAt + 1))
      const changes: ReadonlyArray<Change> = [...become(order, given), { _tag: "UserWithdrew", userId }]
      assert.deepEqual(yield* commit(scene.fences, changes), ["Committed"])
      assert.deepEqual(yield* found(order), { ...given, shippingAddress: undefined })
    })
  )
}

const asked = (it: It) => {
  it.effect("orders that are due are told, most overdue first, page by page", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const orders = yield* Orders
      // Long before all others of these tests.
      const at = 1000 + Number.parseInt(Scene.next().slice(-6), 16) * 10
      const placedAt = [at + 2, at, at + 1, at].map((deadline) => ({
        ...made(scene),
        lines: made(scene).lines.slice(0, 1),
        createdAt: deadline - 1,
        history: [{ status: "CREATED" as const, at: deadline - 1 }],
        paymentDeadline: deadline
      }))
      for (const order of placedAt) yield* commit(scene.fences, [{ _tag: "OrderPlaced", order }])
      const mine = new Set(placedAt.map(({ orderId }) => orderId))
      const wanted = placedAt
        .map((order): DueOrder => ({ orderId: order.orderId, dueAt: dueAt(order) ?? 0 }))
        .toSorted((a, b) => a.dueAt - b.dueAt || (a.orderId < b.orderId ? -1 : 1))
      const from: DueOrder = { orderId: wanted[0]!.orderId, dueAt: at - 1 }
      const due = (by: number, limit: number, after: DueOrder) =>
        Effect.map(orders.due(by, limit, after), (all) => all.filter(({ orderId }) => mine.has(orderId)))
      assert.deepEqual(yield* due(at + 2, 4, from), wanted)
      assert.deepEqual(yield* due(at + 1, 4, from), wanted.slice(0, 3))
      const first = yield* due(at + 2, 2, from)
      assert.deepEqual(first, wanted.slice(0, 2))
      assert.deepEqual(yield* due(at + 2, 4, first[1]!), wanted.slice(2))
      const [paid] = placedAt
      const after = Result.getOrThrow(decide(paid!, walletPay(), at))
      yield* commit(scene.fences, [{ _tag: "OrderChanged", before: paid!, after }])
      assert.deepEqual(yield* due(at + 2, 4, from), wanted.slice(0, 3))
    })
  )

  const goesOn = Effect.fnUntraced(function* ({ fences }: Market, order: Order, deed: Deed) {
    const after = Result.getOrThrow(decide(order, deed, createdAt + 1))
    yield* commit(fences, become(order, after))
    return after
  })
  /** An order after a life, committed deed by deed. */
  const lived = Effect.fnUntraced(function* (scene: Market, life: Life, begun = made(scene)) {
    let order: Order = begun
    yield* commit(scene.fences, become(undefined, order))
    for (const deedOf of life) order = yield* goesOn(scene, order, deedOf(order, scene))
    return order
  })

  const waits: ReadonlyArray<
    readonly [what: string, status: RefundQuery["status"], life: Life, done: (order: Order) => Deed]
  > = [
    ["to give the money back", "MANUAL", [mixed("key"), approved, () => cancel(), ...inVain], refunded],
    ["to decide", "REFUND_REQUESTED", [walletPay, askRefund], decideRefund(false)]
  ]
  for (const [what, status, life, done] of waits) {
    it.effect(`refunds that wait for a person ${what} are listed until that is done, oldest first`, () =>
      Effect.gen(function* () {
        const [scene, other] = [yield* market, yield* market]
        const orders = yield* Orders
        const waiting = yield* Effect.forEach([scene, other, scene], (each) => lived(each, life))
        const known = new Set(waiting.map(({ orderId }) => orderId))
        const wanted = waiting.flatMap(({ orderId, refunds }) =>
          refunds.map(({ refundId: id, amount, viaGateway, reason, items, requestedAt }) => {
            return { refundId: id, orderId, amount, viaGateway, reason, items, requestedAt }
          })
        )
        const all = (limit: number) =>
          Effect.map(
            allPages(limit, (page) => orders.waitingRefunds(permit({ ...page, status, sellerId: undefined }))),
            (items) => items.filter(({ orderId }) => known.has(orderId))
          )
        const of = (sellerId: UserId) =>
          allPages(1, (page) => orders.waitingRefunds(permit({ ...page, status, sellerId })))
        assert.deepEqual(yield* all(100), wanted)
        assert.deepEqual(yield* all(1), wanted)
        assert.deepEqual(
          yield* of(scene.seller),
          wanted.filter((_, n) => n !== 1)
        )
        assert.deepEqual(yield* of(scene.buyer), [])
        const [first] = waiting
        yield* goesOn(scene, first!, done(first!))
        assert.deepEqual(yield* all(100), wanted.slice(1))
        assert.deepEqual(yield* of(scene.seller), wanted.slice(2))
      })
    )
  }

  it.effect("a refund of several sellers' pieces is in no seller's list", () =>
    Effect.gen(function* () {
      const [scene, other] = [yield* market, yield* market]
      const orders = yield* Orders
      const both = (_: Order): Deed => ({
        _tag: "AskRefund",
        refundId: refundId(Scene.next()),
        items: [scene, other].map(({ product }) => ({ productId: product, quantity: pieces(1) }))
      })
      yield* lived(scene, [walletPay, both], shared(scene, other))
      for (const { seller: sellerId } of [scene, other]) {
        const query = permit({ limit: 9, cursor: undefined, status: "REFUND_REQUESTED" as const, sellerId })
        assert.deepEqual((yield* orders.waitingRefunds(query)).items, [])
      }
    })
  )

  /** An order of the products of two sellers. */
  const shared = (scene: Market, other: Market): Order => {
    const { lines, ...order } = made(scene)
    return { ...order, lines: [...lines, ...made(other).lines], totalAmount: won(6000) }
  }

  it.effect("orders of a seller's products are listed, newest first, and of each only what is the seller's", () =>
    Effect.gen(function* () {
      const [scene, other] = [yield* market, yield* market]
      const second = Scene.created(scene.seller, 10)
      yield* Scene.commit(scene.fences, second.changes)
      const orders = yield* Orders
      const mine = [
        yield* lived(scene, []),
        yield* lived(scene, [walletPay, advance("PREPARING")], made({ ...scene, product: second.id })),
        yield* lived(scene, [walletPay], shared(scene, other)),
        yield* lived(scene, [() => cancel()])
      ]
      yield* lived(other, [walletPay])
      const theirs = new Set([scene.product, second.id])
      const wanted = mine.flatMap((order) => partOf(order, ({ productId: id }) => theirs.has(id)) ?? []).toReversed()
      assert.deepEqual(wanted[1]?.lines.length, 1)
      const sold = ({ seller }: Market, limit: number) => allPages(limit, (page) => orders.sold(permit(seller), page))
      assert.deepEqual(yield* sold(scene, 100), wanted)
      assert.deepEqual(yield* sold(scene, 1), wanted)
      assert.deepEqual(yield* sold(scene, 3), wanted)
      assert.lengthOf(yield* sold(other, 1), 2)
      assert.deepEqual((yield* orders.sold(permit(scene.buyer), { limit: 1, cursor: undefined })).items, [])
    })
  )

  it.effect("payments of which no gateway says what became of them are listed, once they are late", () =>
    Effect.gen(function* () {
      const scene = yield* market
      const orders = yield* Orders
      const ends = [[mixed("key")], [mixed()], [mixed("key"), approved]]
      const all = yield* Effect.forEach(ends, (life) =>
        Effect.gen(function* () {
          let order = made(scene)
          yield* commit(scene.fences, become(undefined, order))
          for (const deedOf of life) {
            const after = Result.getOrThrow(decide(order, deedOf(order), createdAt + 1))
            yield* commit(scene.fences, become(order, after))
            order = after
          }
          return order
        })
      )
      const [first] = all
      const late = createdAt + Policy.order.paymentDeadlineMs + Policy.payment.attemptTimeoutMs
      const stuck = (at: number) =>
        Effect.map(orders.stuckPayments(permit({ limit: 100, cursor: undefined }), at), ({ items }) =>
          items.filter(({ orderId }) => all.some((order) => order.orderId === orderId))
        )
      assert.deepEqual(yield* stuck(late - 1), [])
      assert.deepEqual(yield* stuck(late), [
        {
          paymentId: lastPayment(first!),
          orderId: first!.orderId,
          method: "CARD",
          gateway: "toss",
          amount: won(2500),
          paymentDeadline: createdAt + Policy.order.paymentDeadlineMs
        }
      ])
    })
  )
}

export const ofOrders = (it: It) => {
  for (const part of [readBack, rejected, asked]) part(it)
}
