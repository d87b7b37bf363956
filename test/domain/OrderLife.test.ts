import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { paymentId, refundId, uuidOf } from "../../src/domain/Ids.ts"
import { pieces, sum, won, zero } from "../../src/domain/Money.ts"
import { gatewayTransactionId, paymentKey } from "../../src/domain/Tender.ts"
import {
  CancelReason,
  type Order,
  OrderStatus,
  payable,
  type Payment,
  type Refund,
  refundedAmount
} from "../../src/domain/Order.ts"
import {
  type Deed,
  decide,
  dueAt,
  dueBy,
  OrderKind,
  type OrderRefusal,
  type OrderState,
  underWay
} from "../../src/domain/OrderLife.ts"
import { Policy } from "../../src/domain/Policy.ts"
import {
  after,
  approved,
  approvedLate,
  askGateway,
  askRefund,
  boot,
  cancel,
  created,
  createdAt,
  deadline,
  decideRefund,
  inStatus,
  lived,
  mixed,
  paidAt,
  pay,
  pay1,
  refund1,
  Steps
} from "./Orders.ts"
import { sneaker, uuid } from "./Samples.ts"

const said = (decided: Result.Result<Order, OrderRefusal>) =>
  Result.match(decided, { onSuccess: ({ status }) => status, onFailure: ({ _tag }) => _tag })

const soon = paidAt + 60_000
const atGateway = after(created, mixed())
const attemptOver = paidAt + Policy.payment.attemptTimeoutMs

type Name = OrderStatus | "with its buyer at the gateway" | "with the gateway asked"

/** An order in every status; of those that are not paid, also one whose payment is under way. */
const orders: ReadonlyArray<readonly [Name, Order]> = [
  ...OrderStatus.literals.map((status): readonly [Name, Order] => [status, inStatus(status)]),
  ["with its buyer at the gateway", after(created, mixed())],
  ["with the gateway asked", after(created, mixed("key"))]
]

/** What becomes of the orders that something becomes of; what every other one says. */
type Row = readonly [
  what: string,
  deed: Deed,
  becomes: Partial<Record<Name, OrderStatus | "PaymentInProgress">>,
  otherwise: string
]

const waiting = { "with its buyer at the gateway": "CREATED", "with the gateway asked": "CREATED" } as const
const paid = { CONFIRMED: "CONFIRMED", PREPARING: "PREPARING" } as const
const cancellable = { CONFIRMED: "CANCELLED", PREPARING: "CANCELLED" } as const
const advance = (to: (Deed & { readonly _tag: "Advance" })["to"]): Deed => ({ _tag: "Advance", to })

const table: ReadonlyArray<Row> = [
  ["paid by wallet", pay, { CREATED: "CONFIRMED" }, "OrderNotPayable"],
  ["paid in part by card", mixed(), { CREATED: "CREATED" }, "OrderNotPayable"],
  ["paid in part by card, with its key", mixed("key"), { CREATED: "CREATED" }, "OrderNotPayable"],
  ["asked of the gateway", askGateway, { "with its buyer at the gateway": "CREATED" }, "OrderNotPayable"],
  [
    "approved",
    approved,
    { "with its buyer at the gateway": "CONFIRMED", "with the gateway asked": "CONFIRMED" },
    "OrderNotPayable"
  ],
  ["approved, after it was given up, and it was not", approvedLate, {}, "OrderNotPayable"],
  ["not paid", { _tag: "NotPaid", paymentId: pay1, cancel: undefined }, waiting, "OrderNotPayable"],
  [
    "not paid, for good",
    { _tag: "NotPaid", paymentId: pay1, cancel: "PAYMENT_FAILED" },
    { "with its buyer at the gateway": "CANCELLED", "with the gateway asked": "CANCELLED" },
    "OrderNotPayable"
  ],
  [
    "not paid, as far as was known before somebody else asked",
    { _tag: "NotPaid", paymentId: pay1, cancel: undefined, asOf: 1 },
    {},
    "OrderNotPayable"
  ],
  [
    "not paid by a payment that is not its",
    { _tag: "NotPaid", paymentId: paymentId(uuid(99)), cancel: undefined },
    {},
    "OrderNotPayable"
  ],
  [
    "cancelled",
    cancel(),
    {
      CREATED: "CANCELLED",
      "with its buyer at the gateway": "CANCELLED",
      "with the gateway asked": "PaymentInProgress",
      ...cancellable
    },
    "OrderNotCancellable"
  ],
  [
    "paid in another way",
    { _tag: "Pay", paymentId: paymentId(uuid(77)), tenders: undefined, gateway: undefined, paymentKey: undefined },
    {
      CREATED: "CONFIRMED",
      "with its buyer at the gateway": "CONFIRMED",
      "with the gateway asked": "PaymentInProgress"
    },
    "OrderNotPayable"
  ],
  ["cancelled in part", cancel([[sneaker, 1]]), paid, "OrderNotCancellable"],
  [
    "cancelled piece by piece, all at once",
    cancel([
      [sneaker, 3],
      [boot, 7]
    ]),
    cancellable,
    "OrderNotCancellable"
  ],
  ["cancelled by more than there is", cancel([[sneaker, 4]]), {}, "OrderNotCancellable"],
  [
    "cancelled twice in one",
    cancel([
      [sneaker, 1],
      [sneaker, 1]
    ]),
    {},
    "OrderNotCancellable"
  ],
  [
    "given up unpaid",
    cancel(undefined, { reason: "PAYMENT_TIMEOUT" }),
    { CREATED: "CANCELLED" },
    "OrderNotCancellable"
  ],
  [
    "given up for want of money",
    cancel(undefined, { reason: "INSUFFICIENT_BALANCE" }),
    { CREATED: "CANCELLED", "with its buyer at the gateway": "CANCELLED" },
    "OrderNotCancellable"
  ],
  ["prepared", advance("PREPARING"), { CONFIRMED: "PREPARING" }, "OrderStatusConflict"],
  ["shipped", advance("SHIPPED"), { PREPARING: "SHIPPED" }, "OrderStatusConflict"],
  ["delivered", advance("DELIVERED"), { SHIPPED: "DELIVERED" }, "OrderStatusConflict"],
  ["confirmed by its buyer", advance("COMPLETED"), { DELIVERED: "COMPLETED" }, "OrderStatusConflict"],
  [
    "asked back",
    askRefund(),
    { ...paid, SHIPPED: "SHIPPED", DELIVERED: "DELIVERED", COMPLETED: "COMPLETED" },
    "NotRefundable"
  ],
  ["asked back by more than there is", askRefund([[boot, 8]]), {}, "NotRefundable"],
  ["taken back, and nobody asked", decideRefund(true), {}, "NotRefundable"],
  ["given back, and nobody asked", { _tag: "Refunded", refundId: refund1 }, {}, "NotRefundable"],
  ["not given back, and nobody asked", { _tag: "RefundDelayed", refundId: refund1 }, {}, "NotRefundable"]
]

describe("An order", () => {
  for (const [what, deed, becomes, otherwise] of table) {
    // One that was cancelled unpaid has no refund either.
    it.each(orders)(`%s, ${what}`, (name, order) => {
      const decided = decide(order, deed, soon)
      assert.strictEqual(said(decided), becomes[name] ?? otherwise)
      if (Result.isSuccess(decided)) assert.strictEqual(decided.success.version, order.version + 1)
    })
  }

  it.each<[string, Order, Deed, number, string]>([
    ["is paid until its deadline", created, pay, deadline - 1, "CONFIRMED"],
    ["is not paid at its deadline", created, pay, deadline, "OrderNotPayable"],
    ["goes on when its buyer is back in time", atGateway, askGateway, attemptOver - 1, "CREATED"],
    [
      "does not when that was too long, whoever is late to say so",
      atGateway,
      askGateway,
      attemptOver,
      "OrderNotPayable"
    ],
    ["is cancelled half an hour after its payment", inStatus("CONFIRMED"), cancel(), paidAt + 1_799_999, "CANCELLED"],
    ["is not cancelled later", inStatus("CONFIRMED"), cancel(), paidAt + 1_800_000, "CancelWindowClosed"],
    ["is not cancelled in part later", inStatus("PREPARING"), cancel([[boot, 1]]), soon * 2, "CancelWindowClosed"],
    ["is cancelled by others later", inStatus("CONFIRMED"), cancel([], { reason: "ADMIN" }), soon * 2, "CONFIRMED"],
    [
      "is not cancelled while it is asked back",
      after(inStatus("CONFIRMED"), askRefund()),
      cancel(),
      soon,
      "RefundInProgress"
    ],
    [
      "is asked back once at a time",
      after(inStatus("DELIVERED"), askRefund([[boot, 1]])),
      askRefund(),
      soon,
      "RefundInProgress"
    ],
    [
      "is decided on once",
      after(inStatus("DELIVERED"), askRefund(), decideRefund(false)),
      decideRefund(true),
      soon,
      "NotRefundable"
    ]
  ])("%s", (_, order, deed, at, expected) => assert.strictEqual(said(decide(order, deed, at)), expected))

  it.each<["OrderNotCancellable" | "NotRefundable", Deed]>([
    ["OrderNotCancellable", cancel([[boot, 5]])],
    ["NotRefundable", askRefund([[boot, 5]])]
  ])("tells of what there is less than is asked for, and how much: %s", (_tag, deed) => {
    const order = after(inStatus("CONFIRMED"), cancel([[boot, 3]]))
    const refused = Result.getOrThrow(Result.flip(decide(order, deed, soon)))
    assert.deepInclude(refused, { _tag, orderStatus: "CONFIRMED", productId: boot, left: 4 })
  })

  it("tells how long it could have been cancelled", () => {
    const refused = Result.getOrThrow(Result.flip(decide(inStatus("CONFIRMED"), cancel(), deadline * 2)))
    assert.deepInclude(refused, { _tag: "CancelWindowClosed", closedAt: paidAt + Policy.order.cancelWindowMs })
  })

  it.each<[string, number, string]>([
    ["less", 5199, "AmountMismatch"],
    ["more", 5201, "AmountMismatch"],
    ["what there is to pay", 5200, "CONFIRMED"]
  ])("is not paid by %s", (_, amount, expected) => {
    const deed: Deed = {
      _tag: "Pay",
      paymentId: pay1,
      tenders: [{ method: "WALLET", amount: won(amount) }],
      gateway: undefined,
      paymentKey: undefined
    }
    assert.strictEqual(said(decide(created, deed, soon)), expected)
  })

  it("asks no gateway for another amount than the buyer saw", () => {
    const asked = decide(
      after(created, mixed()),
      { _tag: "AskGateway", paymentKey: paymentKey("key"), amount: won(5200) },
      soon
    )
    assert.deepInclude(Result.getOrThrow(Result.flip(asked)), { _tag: "AmountMismatch", payable: won(5000) })
  })

  it("is not paid by ever more attempts (Policy.payment.attemptsMost)", () => {
    const { attemptsMost } = Policy.payment
    const attempt = (n: number): Deed => ({ ...mixed(), paymentId: paymentId(uuid(1000 + n)) })
    const tried = after(created, ...Array.from({ length: attemptsMost }, (_, n) => attempt(n)))
    assert.lengthOf(tried.payments, 2 * attemptsMost)
    for (const deed of [attempt(attemptsMost), pay]) {
      assert.deepInclude(Result.getOrThrow(Result.flip(decide(tried, deed, soon))), {
        _tag: "TooManyPayments",
        maximum: attemptsMost
      })
    }
    assert.strictEqual(said(decide(tried, cancel(), soon)), "CANCELLED")
  })

  it("keeps why it was cancelled, whoever did it", () => {
    for (const reason of CancelReason.literals) {
      assert.strictEqual(after(created, cancel(undefined, { reason })).cancelReason, reason)
    }
  })

  it("remembers every status it had, and since when", () => {
    assert.deepStrictEqual(
      inStatus("DELIVERED").history,
      (["CREATED", "CONFIRMED", "PREPARING", "SHIPPED", "DELIVERED"] as const).map((status, n) => ({
        status,
        at: n === 0 ? createdAt : paidAt + (n - 1) * 1000
      }))
    )
  })
})

describe("What an order gives back", () => {
  const gives = (order: Order, ...deeds: ReadonlyArray<Deed>) =>
    after(order, ...deeds).refunds.map(({ amount, viaGateway, status }) => [amount, viaGateway, status])
  const byCard = after(created, mixed("key"), approved)

  it("goes to the wallet at once", () => {
    assert.deepStrictEqual(gives(inStatus("CONFIRMED"), cancel([[sneaker, 1]])), [[won(966), zero, "REFUNDED"]])
  })

  it("is asked of the gateway first, as far as it has something", () => {
    assert.deepStrictEqual(gives(byCard, cancel()), [[won(5200), won(5000), "PROCESSING"]])
    const back: Deed = { _tag: "Refunded", refundId: refund1 }
    assert.deepStrictEqual(
      gives(byCard, cancel([[boot, 7]]), back, cancel(undefined, { refundId: refundId(uuid(32)) })),
      [
        [won(2301), won(2301), "REFUNDED"],
        [won(2899), won(2699), "PROCESSING"]
      ]
    )
  })

  it("goes back through a gateway one after the other: whoever asks meanwhile is told at once", () => {
    const [first] = [after(byCard, cancel([[boot, 1]]))]
    const refused = Result.flip(decide(first, cancel(undefined, { refundId: refundId(uuid(32)) }), soon))
    assert.deepInclude(Result.getOrThrow(refused), {
      _tag: "RefundInProgress",
      refundId: refund1,
      refundStatus: "PROCESSING"
    })
    assert.strictEqual(said(decide(first, askRefund(), soon)), "RefundInProgress")
  })

  it("is nothing before its seller has said so", () => {
    const asked = after(inStatus("DELIVERED"), askRefund([[boot, 2]]))
    assert.strictEqual(refundedAmount(asked), zero)
    assert.deepStrictEqual(asked.lines, inStatus("DELIVERED").lines)
    assert.strictEqual(refundedAmount(after(asked, decideRefund(false))), zero)
    const back = after(asked, decideRefund(true))
    assert.strictEqual(refundedAmount(back), won(657))
    assert.deepStrictEqual(
      back.lines.map(({ cancelled }) => cancelled),
      [pieces(0), pieces(2)]
    )
  })

  it("is asked for eight times, ever more patiently, and then by a person (C23)", () => {
    const delayed: Deed = { _tag: "RefundDelayed", refundId: refund1 }
    const byHand: Deed = { _tag: "Refunded", refundId: refund1, byHand: true }
    let order = after(byCard, cancel())
    for (let attempts = 1; attempts <= Policy.payment.refundAttempts; attempts++) {
      order = Result.getOrThrow(decide(order, delayed, soon))
      assert.deepInclude(order.refunds[0], { status: "PROCESSING", attempts })
      assert.strictEqual(order.refunds[0]?.dueAt, soon + Policy.payment.refundDelayMs(attempts))
      // While the gateway may be giving it back, nobody else does.
      assert.strictEqual(said(decide(order, byHand, soon)), "NotRefundable")
    }
    order = Result.getOrThrow(decide(order, delayed, soon))
    assert.deepInclude(order.refunds[0], { status: "MANUAL", dueAt: undefined })
    assert.isUndefined(dueAt(order))
    assert.strictEqual(said(decide(order, delayed, soon)), "NotRefundable")
    const seenTo = Result.getOrThrow(decide(order, byHand, soon))
    assert.deepInclude(seenTo.refunds[0], { status: "REFUNDED" })
  })
})

describe("What a gateway took after its order had given it up", () => {
  const failed: Deed & { readonly _tag: "NotPaid" } = { _tag: "NotPaid", paymentId: pay1, cancel: "PAYMENT_FAILED" }
  const over = after(created, mixed("key"), failed)
  const late = after(over, approvedLate)

  it("is asked back of it, whatever the order is by then", () => {
    assert.deepInclude(late, { status: "CANCELLED", paidAmount: zero, paidAt: undefined })
    assert.containSubset(late.refunds, [{ amount: won(5000), viaGateway: won(5000), status: "PROCESSING", items: [] }])
    assert.strictEqual(dueBy(late, dueAt(late) ?? 0)?._tag, "ResumeRefund")
    assert.strictEqual(refundedAmount(late), zero)
  })

  it("is asked back once", () => assert.strictEqual(said(decide(late, approvedLate, soon)), "OrderNotPayable"))

  it("keeps nobody from anything that concerns what was paid", () => {
    const again = after(created, mixed("key"), { ...failed, cancel: undefined }, approvedLate)
    const other = { ...mixed("other"), paymentId: paymentId(uuid(22)) } as const
    assert.strictEqual(said(decide(again, { ...other, paymentKey: paymentKey("key") }, soon)), "OrderNotPayable")
    const bought = after(again, { ...pay, paymentId: paymentId(uuid(22)) })
    assert.strictEqual(said(decide(bought, cancel([[boot, 1]]), soon)), "CONFIRMED")
    assert.strictEqual(said(decide(bought, askRefund(), soon)), "CONFIRMED")
  })
})

describe("What an order does by itself", () => {
  const delivered = inStatus("DELIVERED")
  const deliveredAt = delivered.history.at(-1)?.at ?? 0
  const week = Policy.order.autoConfirmMs

  it.each<[string, Order, number | undefined, string | undefined]>([
    ["unpaid, it is cancelled at its deadline", created, deadline, "Cancel"],
    ["with its buyer at the gateway, it waits ten minutes", after(created, mixed()), paidAt + 600_000, "NotPaid"],
    [
      "with the gateway asked, somebody else asks again",
      after(created, mixed("key")),
      paidAt + 30_000,
      "ResumePayment"
    ],
    ["paid, nothing", inStatus("CONFIRMED"), undefined, undefined],
    ["shipped, nothing", inStatus("SHIPPED"), undefined, undefined],
    ["delivered, it counts as confirmed a week later", delivered, deliveredAt + week, "Advance"],
    ["asked back, it waits for its seller", after(delivered, askRefund()), undefined, undefined],
    ["confirmed, nothing", inStatus("COMPLETED"), undefined, undefined],
    ["cancelled, nothing", inStatus("CANCELLED"), undefined, undefined],
    [
      "with money to come back from the gateway, it is asked for again",
      after(created, mixed("key"), approved, cancel()),
      paidAt + 2000,
      "ResumeRefund"
    ]
  ])("%s", (_, order, at, what) => {
    assert.strictEqual(dueAt(order), at)
    const due = at === undefined ? undefined : dueBy(order, at)
    assert.strictEqual(due?._tag === "Do" ? due.deed._tag : due?._tag, what)
  })

  it("waits for a buyer at the gateway no longer than for the payment", () => {
    const late = Result.getOrThrow(decide(created, mixed(), deadline - 1000))
    assert.strictEqual(dueAt(late), deadline)
  })
})

describe("A payment that its gateway says nothing of", () => {
  const asked = after(created, mixed("key"))
  const late = deadline + Policy.payment.attemptTimeoutMs
  const decides = (found?: string): Deed => ({
    _tag: "DecidePayment",
    paymentId: pay1,
    gatewayId: found === undefined ? undefined : gatewayTransactionId(found)
  })

  it.each<[string, Order, Deed, number, string]>([
    ["is the gateway's to tell of, in its time", asked, decides("gateway-1"), late - 1, "OrderNotPayable"],
    ["is then a person's, who finds that it was paid", asked, decides("gateway-1"), late, "CONFIRMED"],
    ["or that it was not", asked, decides(), late, "CANCELLED"],
    ["is decided on once", after(asked, approved), decides(), late, "OrderNotPayable"],
    ["is none, if its buyer has not come back", atGateway, decides("gateway-1"), late, "OrderNotPayable"],
    [
      "is another one's",
      asked,
      { _tag: "DecidePayment", paymentId: paymentId(uuid(99)), gatewayId: undefined },
      late,
      "OrderNotPayable"
    ]
  ])("%s", (_, order, deed, at, expected) => assert.strictEqual(said(decide(order, deed, at)), expected))

  it("is asked for on and on, if not so often", () => {
    const delayed: Deed = { _tag: "PaymentDelayed", paymentId: pay1 }
    assert.strictEqual(dueAt(Result.getOrThrow(decide(asked, delayed, late - 1))), late - 1 + Policy.payment.recoverMs)
    assert.strictEqual(dueAt(Result.getOrThrow(decide(asked, delayed, late))), late + Policy.payment.stuckMs)
  })

  it("can be given back by what a person says the gateway calls it", () => {
    const found = Result.getOrThrow(decide(asked, decides("gateway-1"), late))
    assert.deepInclude(found.payments[0], {
      method: "CARD",
      status: "COMPLETED",
      gatewayId: gatewayTransactionId("gateway-1")
    })
    assert.deepInclude(Result.getOrThrow(decide(asked, decides(), late)), { cancelReason: "PAYMENT_TIMEOUT" })
  })
})

describe("An order whose time has come", () => {
  const elapse: Deed = { _tag: "Elapse" }
  it.each<[string, Order, number, string]>([
    ["is cancelled, unpaid", created, deadline, "CANCELLED"],
    ["is left alone before", created, deadline - 1, "OrderStatusConflict"],
    ["is left alone, once paid", inStatus("CONFIRMED"), deadline, "OrderStatusConflict"],
    ["gives up a buyer who is still at the gateway", atGateway, attemptOver, "CREATED"],
    ["does not give up one who came back just then", after(atGateway, askGateway), attemptOver, "OrderStatusConflict"],
    ["counts as confirmed", inStatus("DELIVERED"), deadline + Policy.order.autoConfirmMs, "COMPLETED"],
    ["does not while it is asked back", after(inStatus("DELIVERED"), askRefund()), deadline * 2, "OrderStatusConflict"]
  ])("%s", (_, order, at, expected) => assert.strictEqual(said(decide(order, elapse, at)), expected))

  it("keeps why", () => {
    const over = Result.getOrThrow(decide(created, elapse, deadline))
    assert.deepInclude(over, { cancelReason: "PAYMENT_TIMEOUT", version: created.version + 1 })
    const payments = Result.getOrThrow(decide(atGateway, elapse, attemptOver)).payments
    assert.deepStrictEqual(
      payments.map(({ status }) => status),
      ["FAILED", "FAILED"]
    )
  })
})

const same = (left: Order, right: Order) => assert.deepStrictEqual({ ...left, version: 0 }, { ...right, version: 0 })

/** Whoever does these again means something else by it. */
const isAnotherEachTime = (deed: Deed) =>
  deed._tag === "RefundDelayed" || (deed._tag === "Cancel" && deed.items !== undefined)

/** The gateway's payment that a refund is of, if it is of one that came too late: it has its id. */
const isOf = (refund: Refund) => (payment: Payment) =>
  payment.gateway !== undefined && uuidOf(payment.paymentId) === uuidOf(refund.refundId)
const isLate = (order: Order) => (refund: Refund) => order.payments.some(isOf(refund))

describe("Whatever becomes of an order", () => {
  it.prop("what a gateway took too late goes back to it, once, and is nothing of the order's", [Steps], ([steps]) => {
    for (const { before, deed, after: order } of lived(steps)) {
      if (order === undefined) continue
      const late = order.refunds.filter(isLate(order))
      assert.strictEqual(new Set(late.map(({ refundId: id }) => id)).size, late.length)
      for (const refund of late) {
        const payment = order.payments.find(isOf(refund)) ?? assert.fail("no payment")
        assert.deepInclude(payment, { status: "FAILED", amount: refund.viaGateway, refunded: zero })
        assert.strictEqual(refund.viaGateway, refund.amount)
        assert.isTrue(refund.dueAt !== undefined || refund.status === "REFUNDED" || refund.status === "MANUAL")
        // Another payment by its key would be of money that is on its way back.
        const others = order.payments.filter(({ paymentKey: by }) => by !== undefined && by === payment.paymentKey)
        assert.isTrue(others.every(({ status }) => status === "FAILED"))
      }
      if (deed._tag !== "ApprovedLate") continue
      const { status, lines, paidAmount, paidAt: at } = before
      assert.deepInclude(order, { status, lines, paidAmount, paidAt: at })
    }
  })

  it.prop("it counts its changes, and what it refuses changes nothing", [Steps], ([steps]) => {
    for (const { before, deed, at, after: order } of lived(steps)) {
      const state: OrderState = { order: before, pending: undefined }
      const held = OrderKind.hold(before.orderId, state, { _tag: "Change", deed, at })
      if (order === undefined) {
        assert.isTrue(Result.isFailure(held))
      } else {
        assert.strictEqual(order.version, before.version + 1)
        const { state: pending } = Result.getOrThrow(held)
        assert.deepStrictEqual(pending, { order: before, pending: order })
        const change = { _tag: "Change", deed, at } as const
        assert.deepStrictEqual(OrderKind.release(pending, change), state)
      }
    }
  })

  it.prop("its actor remembers it as long as it waits for its payment", [Steps], ([steps]) => {
    for (const { before, deed, at, after: order } of lived(steps)) {
      if (order === undefined) continue
      const remembered = OrderKind.settle({ order: before, pending: order }, { _tag: "Change", deed, at })
      assert.deepStrictEqual(remembered, order.status === "CREATED" ? { order, pending: undefined } : undefined)
    }
  })

  it.prop("what it has of the buyer's is what was paid, less what went back", [Steps], ([steps]) => {
    for (const { after: order } of lived(steps)) {
      if (order === undefined) continue
      const isPaid = order.paidAt !== undefined
      const complete = order.payments.filter(({ status }) => status === "COMPLETED")
      assert.strictEqual(sum(complete.map(({ amount }) => amount)), order.paidAmount)
      assert.strictEqual(order.paidAmount, isPaid ? payable(order) : zero)
      const ofOrder = order.refunds.filter((refund) => !isLate(order)(refund))
      const back = ofOrder.filter(({ status }) => status !== "REFUND_REQUESTED" && status !== "FAILED")
      const toWallet = back.reduce((all, { amount, viaGateway }) => all + amount - viaGateway, 0)
      const fromGateways = back.reduce(
        (all, { status, viaGateway }) => all + (status === "REFUNDED" ? viaGateway : 0),
        0
      )
      assert.strictEqual<number>(sum(complete.map(({ refunded }) => refunded)), toWallet + fromGateways)
      for (const { amount, refunded } of order.payments) assert.isTrue(refunded >= 0 && refunded <= amount)
    }
  })

  it.prop(
    "the parts of a line sum to it: who gives all back, piece by piece, has it all back (G4)",
    [Steps],
    ([steps]) => {
      for (const { after: order } of lived(steps)) {
        if (order === undefined || order.paidAt === undefined) continue
        for (const { cancelled, quantity } of order.lines) assert.isTrue(cancelled >= 0 && cancelled <= quantity)
        const isAllBack = order.lines.every(({ cancelled, quantity }) => cancelled === quantity)
        assert.isTrue(refundedAmount(order) <= order.paidAmount)
        assert.isTrue(!isAllBack || refundedAmount(order) === order.paidAmount)
      }
    }
  )

  it.prop("when it acts and what it does then agree, and it can be done", [Steps], ([steps]) => {
    for (const { after: order } of lived(steps)) {
      if (order === undefined) continue
      const at = dueAt(order)
      if (at === undefined) {
        assert.isUndefined(dueBy(order, Number.MAX_SAFE_INTEGER))
        continue
      }
      assert.isUndefined(dueBy(order, at - 1))
      const due = dueBy(order, at)
      assert.isDefined(due)
      if (due._tag === "Do") assert.isTrue(Result.isSuccess(decide(order, due.deed, at)), due.deed._tag)
    }
  })

  it.prop("a deed done again is refused, or changes nothing", [Steps], ([steps]) => {
    for (const { deed, at, after: order } of lived(steps)) {
      if (order === undefined || isAnotherEachTime(deed)) continue
      const again = decide(order, deed, at)
      if (Result.isSuccess(again)) same(again.success, order)
    }
  })

  it.prop("one payment at a time is under way, and none of an order that is paid or cancelled", [Steps], ([steps]) => {
    for (const { after: order } of lived(steps)) {
      if (order === undefined) continue
      const open = order.payments.filter(({ status }) => ["INITIATED", "GATEWAY_REQUESTED", "DEBITED"].includes(status))
      assert.isTrue(new Set(open.map(({ paymentId: id }) => id)).size <= 1)
      assert.isTrue(order.status === "CREATED" || open.length === 0)
      assert.strictEqual(underWay(order) === undefined, open.length === 0)
    }
  })
})

describe("An order as an actor", () => {
  const change = { _tag: "Change", deed: pay, at: soon } as const
  const outcome = (state: OrderState | undefined) =>
    Result.match(OrderKind.hold(created.orderId, state, change), {
      onSuccess: () => "granted",
      onFailure: ({ _tag }) => _tag
    })

  it("decides one thing at a time", () => {
    assert.strictEqual(outcome(undefined), "OrderNotFound")
    assert.strictEqual(outcome({ order: created, pending: undefined }), "granted")
    assert.strictEqual(outcome({ order: created, pending: inStatus("CONFIRMED") }), "OrderUndecided")
  })

  it("is forgotten with what its buyer takes along, if it is not being decided on", () => {
    const forget = { _tag: "Forget" } as const
    const idle: OrderState = { order: created, pending: undefined }
    const { state } = Result.getOrThrow(OrderKind.hold(created.orderId, idle, forget))
    assert.strictEqual(outcome(state), "OrderUndecided")
    assert.isUndefined(OrderKind.settle(state, forget))
    assert.deepStrictEqual(OrderKind.release(state, forget), idle)
  })

  it("is there once it is placed, and was never if that was not committed", () => {
    const place = { _tag: "Place", order: created } as const
    const { state } = Result.getOrThrow(OrderKind.hold(created.orderId, undefined, place))
    assert.strictEqual(outcome(state), "OrderUndecided")
    assert.deepStrictEqual(OrderKind.settle(state, place), { order: created, pending: undefined })
    assert.isUndefined(OrderKind.release(state, place))
  })
})
