/**
 * The life of an order: what may happen to it, when, and what it is afterwards (A27).
 *
 * `decide` is all of it, one deed at a time. What a deed moves (stock, money, the coupon) follows from the order before
 * and the order after, and is `OrderMoves`'; who may do it is the HTTP layer's.
 */
import { Match, Result, Schema } from "effect"
import { type OrderId, PaymentId, ProductId, RefundId } from "./Ids.ts"
import type { Kind } from "./Kind.ts"
import { add, least, minus, Money, pieces, Quantity, sum, won, zero } from "./Money.ts"
import {
  CancelReason,
  latePayment,
  lateRefundId,
  Order,
  type OrderLine,
  OrderStatus,
  payable,
  type Payment,
  type Refund,
  refundsOf,
  RefundStatus
} from "./Order.ts"
import { Policy } from "./Policy.ts"
import { GatewayName, GatewayTransactionId, PaymentKey, Tender } from "./Tender.ts"

const Items = Schema.Array(Schema.Struct({ productId: ProductId, quantity: Quantity }))
type Items = typeof Items.Type

export const Deed = Schema.Union([
  /** Tenders for all there is to pay. The wallet's is taken at once; a gateway's is asked for, if the buyer has its key. */
  Schema.TaggedStruct("Pay", {
    paymentId: PaymentId,
    /** `undefined`: the wallet for all. */
    tenders: Schema.UndefinedOr(Schema.Array(Tender)),
    /** Who carries out what is not the wallet's. */
    gateway: Schema.UndefinedOr(GatewayName),
    paymentKey: Schema.UndefinedOr(PaymentKey)
  }),
  /** The buyer is back from the gateway's page. */
  Schema.TaggedStruct("AskGateway", { paymentKey: PaymentKey, amount: Money }),
  Schema.TaggedStruct("Approved", { paymentId: PaymentId, gatewayId: GatewayTransactionId }),
  /** The same, of an attempt that had come to nothing: the money goes back, by a refund of its own. */
  Schema.TaggedStruct("ApprovedLate", { paymentId: PaymentId, gatewayId: GatewayTransactionId }),
  /** A gateway did not say what became of it, for now. */
  Schema.TaggedStruct("PaymentDelayed", { paymentId: PaymentId }),
  /**
   * An attempt to pay came to nothing; with `cancel`, so did the order. `asOf`: only as long as the order is at this
   * version, for whoever else has asked the gateway since has said so first (`PaymentDelayed`).
   */
  Schema.TaggedStruct("NotPaid", {
    paymentId: PaymentId,
    cancel: Schema.UndefinedOr(CancelReason),
    asOf: Schema.optional(Schema.Int)
  }),
  /** What no gateway says of a payment, a person found out (`stuck`): what the gateway calls it, or that it was not paid. */
  Schema.TaggedStruct("DecidePayment", { paymentId: PaymentId, gatewayId: Schema.UndefinedOr(GatewayTransactionId) }),
  /** All of it, or some pieces once it is paid. */
  Schema.TaggedStruct("Cancel", {
    refundId: RefundId,
    reason: CancelReason,
    items: Schema.UndefinedOr(Items),
    /** What whoever cancels says. */
    note: Schema.optional(Schema.String),
    /** The buyer has left: a person sees to the money. */
    isManual: Schema.optional(Schema.Boolean)
  }),
  /** Seller and carrier. */
  Schema.TaggedStruct("Advance", { to: Schema.Literals(["PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"]) }),
  /** What was delivered is to come back; without `items` all of it. */
  Schema.TaggedStruct("AskRefund", {
    refundId: RefundId,
    items: Schema.UndefinedOr(Items),
    reason: Schema.optional(Schema.String)
  }),
  Schema.TaggedStruct("DecideRefund", {
    refundId: RefundId,
    approved: Schema.Boolean,
    isManual: Schema.optional(Schema.Boolean)
  }),
  /** A gateway gave it back; or a person did, but only what no gateway may be giving back by now. */
  Schema.TaggedStruct("Refunded", { refundId: RefundId, byHand: Schema.optional(Schema.Boolean) }),
  /** A gateway is asked, and may not: it is due again, or, after the last attempt, a person's. */
  Schema.TaggedStruct("RefundDelayed", { refundId: RefundId }),
  /** It is time: what it does by itself by now (`dueBy`), not what somebody thought it would before it was asked. */
  Schema.TaggedStruct("Elapse", {})
])
export type Deed = typeof Deed.Type

export class OrderNotFound extends Schema.TaggedError<OrderNotFound>()("OrderNotFound", {
  orderId: Schema.String
}) {}

/** Something else is being decided about it: ask again in a moment. */
export class OrderUndecided extends Schema.TaggedError<OrderUndecided>()("OrderUndecided", {}) {}

/** Only CREATED orders are, and only one attempt at a time (Y5, Y10). */
export class OrderNotPayable extends Schema.TaggedError<OrderNotPayable>()("OrderNotPayable", {
  orderStatus: OrderStatus
}) {}

/** It was tried often enough (`Policy.payment.attemptsMost`). */
export class TooManyPayments extends Schema.TaggedError<TooManyPayments>()("TooManyPayments", {
  maximum: Schema.Int
}) {}

/** A gateway is being asked, and nobody knows yet what it says. */
export class PaymentInProgress extends Schema.TaggedError<PaymentInProgress>()("PaymentInProgress", {
  paymentId: PaymentId
}) {}

/** Refunds go one after the other: one waits for its seller's decision, or for a gateway, which may take minutes. */
export class RefundInProgress extends Schema.TaggedError<RefundInProgress>()("RefundInProgress", {
  refundId: RefundId,
  refundStatus: RefundStatus
}) {}

export class AmountMismatch extends Schema.TaggedError<AmountMismatch>()("AmountMismatch", {
  payable: Money
}) {}

/** What is asked for is more than there is: of this product so many pieces are left. */
const Missing = { productId: Schema.optionalKey(ProductId), left: Schema.optionalKey(Schema.Int) }
type Missing = { readonly productId: ProductId; readonly left: number }

export class OrderNotCancellable extends Schema.TaggedError<OrderNotCancellable>()("OrderNotCancellable", {
  orderStatus: OrderStatus,
  ...Missing
}) {}

/** It was paid too long ago; what comes back now is a refund (C22, C33). */
export class CancelWindowClosed extends Schema.TaggedError<CancelWindowClosed>()("CancelWindowClosed", {
  /** Milliseconds since 1970. */
  closedAt: Schema.Finite
}) {}

export class NotRefundable extends Schema.TaggedError<NotRefundable>()("NotRefundable", {
  orderStatus: OrderStatus,
  ...Missing
}) {}

/** It does not go from this status to that one. */
export class OrderStatusConflict extends Schema.TaggedError<OrderStatusConflict>()("OrderStatusConflict", {
  orderStatus: OrderStatus
}) {}

export const OrderRefusal = Schema.Union([
  OrderNotFound,
  OrderUndecided,
  OrderNotPayable,
  TooManyPayments,
  PaymentInProgress,
  RefundInProgress,
  AmountMismatch,
  OrderNotCancellable,
  CancelWindowClosed,
  NotRefundable,
  OrderStatusConflict
])
export type OrderRefusal = typeof OrderRefusal.Type

type Decided = Result.Result<Order, OrderRefusal>

const enter = (order: Order, status: OrderStatus, at: number, note?: string): Order => ({
  ...order,
  status,
  history: [...order.history, note === undefined ? { status, at } : { status, at, note }]
})

/** A key by which something is to be given back pays nothing any more. */
const isGivenBack = (order: Order, key: PaymentKey | undefined): boolean =>
  key !== undefined && order.refunds.some((refund) => latePayment(order, refund)?.paymentKey === key)

/** The payment under way, if any. */
export const underWay = ({ payments }: Order): Payment | undefined =>
  payments.find(({ status }) => status === "INITIATED" || status === "GATEWAY_REQUESTED")

/** By then a gateway has forgotten that the buyer agreed: it ought to have said what became of a payment. */
export const forgottenAt = ({ paymentDeadline = 0 }: Order): number => paymentDeadline + Policy.payment.attemptTimeoutMs

/** A payment of which no gateway says what became of it, long after its time: a person may find out (C23). */
export const stuck = (order: Order, at: number): Payment | undefined => {
  const payment = underWay(order)
  return payment?.status === "GATEWAY_REQUESTED" && at >= forgottenAt(order) ? payment : undefined
}

const withPayments = (order: Order, id: PaymentId, change: (payment: Payment) => Payment): Order => ({
  ...order,
  payments: order.payments.map((payment) => (payment.paymentId === id ? change(payment) : payment))
})

const paid = (order: Order, at: number): Order =>
  enter({ ...order, paidAmount: payable(order), paidAt: at }, "CONFIRMED", at)

const recoverAt = (at: number) => at + Policy.payment.recoverMs

/** One gateway's at the most, which is to take something. */
const isPlain = (tenders: ReadonlyArray<Tender>): boolean =>
  new Set(tenders.map(({ method }) => method === "WALLET")).size === tenders.length &&
  tenders.every(({ method, amount }) => method === "WALLET" || amount > 0)

const failed = (order: Order, id: PaymentId): Order =>
  withPayments(order, id, (payment) => ({ ...payment, status: "FAILED", dueAt: undefined }))

/** An attempt of which no gateway has heard gives way to another one, or to nothing; of one that has, it is to be seen. */
const withoutAttempt = (order: Order): Result.Result<Order, PaymentInProgress> => {
  const payment = underWay(order)
  if (payment === undefined) return Result.succeed(order)
  return payment.status === "INITIATED"
    ? Result.succeed(failed(order, payment.paymentId))
    : Result.fail(new PaymentInProgress({ paymentId: payment.paymentId }))
}

const pay = (waiting: Order, deed: Deed & { readonly _tag: "Pay" }, at: number): Decided =>
  waiting.payments.some(({ paymentId }) => paymentId === deed.paymentId)
    ? Result.fail(new OrderNotPayable({ orderStatus: waiting.status }))
    : Result.flatMap(withoutAttempt(waiting), (order) => payNow(order, deed, at))

const payNow = (order: Order, deed: Deed & { readonly _tag: "Pay" }, at: number): Decided => {
  const { paymentId, tenders = [{ method: "WALLET", amount: payable(order) }], gateway, paymentKey } = deed
  const { paymentDeadline = 0, status: orderStatus } = order
  if (orderStatus !== "CREATED" || at >= paymentDeadline || isGivenBack(order, paymentKey)) {
    return Result.fail(new OrderNotPayable({ orderStatus }))
  }
  const { attemptsMost: maximum } = Policy.payment
  if (new Set(order.payments.map((payment) => payment.paymentId)).size >= maximum) {
    return Result.fail(new TooManyPayments({ maximum }))
  }
  const due = payable(order)
  if (sum(tenders.map(({ amount }) => amount)) !== due) return Result.fail(new AmountMismatch({ payable: due }))
  if (!isPlain(tenders)) return Result.fail(new AmountMismatch({ payable: due }))
  const isWalletOnly = tenders.every(({ method }) => method === "WALLET")
  // In one order, however they were named: as they are read again.
  const named = tenders.toSorted((a, b) => (a.method < b.method ? -1 : 1))
  const payments = named.map(({ method, amount }): Payment => {
    const payment = { paymentId, method, amount, refunded: zero, paymentKey: undefined, gatewayId: undefined }
    if (method === "WALLET") {
      return { ...payment, gateway: undefined, status: isWalletOnly ? "COMPLETED" : "DEBITED", dueAt: undefined }
    }
    return paymentKey === undefined
      ? {
          ...payment,
          gateway,
          status: "INITIATED",
          dueAt: Math.min(at + Policy.payment.attemptTimeoutMs, paymentDeadline)
        }
      : { ...payment, gateway, status: "GATEWAY_REQUESTED", paymentKey, dueAt: recoverAt(at) }
  })
  const begun = { ...order, payments: [...order.payments, ...payments] }
  return Result.succeed(isWalletOnly ? paid(begun, at) : begun)
}

const askGateway = (
  order: Order,
  { paymentKey, amount }: Deed & { readonly _tag: "AskGateway" },
  at: number
): Decided => {
  const payment = underWay(order)
  // Its time is up also if nobody has said so yet.
  if (payment?.status !== "INITIATED" || at >= (payment.dueAt ?? at) || isGivenBack(order, paymentKey)) {
    return Result.fail(new OrderNotPayable({ orderStatus: order.status }))
  }
  if (payment.amount !== amount) return Result.fail(new AmountMismatch({ payable: payment.amount }))
  return Result.succeed({
    ...order,
    payments: order.payments.map((each) =>
      each === payment ? { ...each, status: "GATEWAY_REQUESTED", paymentKey, dueAt: recoverAt(at) } : each
    )
  })
}

const approved = (order: Order, { paymentId, gatewayId }: Deed & { readonly _tag: "Approved" }, at: number): Decided =>
  underWay(order)?.paymentId !== paymentId
    ? Result.fail(new OrderNotPayable({ orderStatus: order.status }))
    : Result.succeed(
        paid(
          withPayments(order, paymentId, (payment) => ({
            ...payment,
            status: "COMPLETED",
            gatewayId: payment.method === "WALLET" ? undefined : gatewayId,
            dueAt: undefined
          })),
          at
        )
      )

/** Nothing of it was ever counted; that there is something to give back is all the order keeps of it. */
const approvedLate = (
  order: Order,
  { paymentId, gatewayId }: Deed & { readonly _tag: "ApprovedLate" },
  at: number
): Decided => {
  const payment = order.payments.find((each) => each.paymentId === paymentId && each.gateway !== undefined)
  const refundId = lateRefundId(paymentId)
  const isKnown = order.refunds.some((refund) => refund.refundId === refundId)
  // What a gateway has by a key is another attempt's, if that one goes by the same.
  const isWanted = order.payments.some(
    ({ paymentKey, status }) => paymentKey === payment?.paymentKey && status !== "FAILED"
  )
  if (payment?.status !== "FAILED" || isKnown || isWanted) {
    return Result.fail(new OrderNotPayable({ orderStatus: order.status }))
  }
  const { amount } = payment
  const refund: Refund = {
    refundId,
    amount,
    viaGateway: amount,
    status: "PROCESSING",
    attempts: 0,
    dueAt: at,
    reason: undefined,
    items: [],
    requestedAt: at
  }
  return Result.succeed({
    ...order,
    payments: order.payments.map((each) => (each === payment ? { ...each, gatewayId } : each)),
    // By their ids, as they are read again: this one's is as old as the payment.
    refunds: [...order.refunds, refund].toSorted((a, b) => (a.refundId < b.refundId ? -1 : 1))
  })
}

const paymentDelayed = (order: Order, id: PaymentId, at: number): Decided =>
  underWay(order)?.paymentId !== id
    ? Result.fail(new OrderNotPayable({ orderStatus: order.status }))
    : Result.succeed({
        ...order,
        payments: order.payments.map((payment) =>
          payment.status === "GATEWAY_REQUESTED"
            ? { ...payment, dueAt: payment === stuck(order, at) ? at + Policy.payment.stuckMs : recoverAt(at) }
            : payment
        )
      })

const notPaid = (
  order: Order,
  { paymentId, cancel, asOf = order.version }: Deed & { readonly _tag: "NotPaid" },
  at: number
): Decided => {
  if (underWay(order)?.paymentId !== paymentId || order.version !== asOf) {
    return Result.fail(new OrderNotPayable({ orderStatus: order.status }))
  }
  const unpaid = failed(order, paymentId)
  return Result.succeed(cancel === undefined ? unpaid : givenUp(unpaid, cancel, at))
}

const decidePayment = (
  order: Order,
  { paymentId, gatewayId }: Deed & { readonly _tag: "DecidePayment" },
  at: number
): Decided => {
  if (stuck(order, at)?.paymentId !== paymentId) {
    return Result.fail(new OrderNotPayable({ orderStatus: order.status }))
  }
  return gatewayId === undefined
    ? notPaid(order, { _tag: "NotPaid", paymentId, cancel: "PAYMENT_TIMEOUT" }, at)
    : approved(order, { _tag: "Approved", paymentId, gatewayId }, at)
}

/** An order nobody paid. */
const givenUp = (order: Order, cancelReason: CancelReason, at: number, note?: string): Order =>
  enter(
    { ...order, cancelReason, lines: order.lines.map((line) => ({ ...line, cancelled: line.quantity })) },
    "CANCELLED",
    at,
    note
  )

/** What a number of pieces of a line cost, so that the parts of a line always sum to it (G4). */
const worth = ({ amount, discount, quantity }: OrderLine, count: number): Money =>
  won(Number((BigInt(amount - discount) * BigInt(count)) / BigInt(quantity)))

/** Takes pieces off the lines, and says what they cost; or of what there are not so many. Each product is named once. */
const without = (
  lines: ReadonlyArray<OrderLine>,
  items: Items
): Result.Result<{ readonly lines: ReadonlyArray<OrderLine>; readonly amount: Money }, Missing> => {
  const there = new Map(lines.map(({ productId, quantity, cancelled }) => [productId, quantity - cancelled]))
  const wanted = new Map<ProductId, number>()
  for (const { productId, quantity } of items) {
    const left = there.get(productId) ?? 0
    if (wanted.has(productId) || quantity > left) return Result.fail({ productId, left })
    wanted.set(productId, quantity)
  }
  const less = lines.map((line): OrderLine => ({
    ...line,
    cancelled: pieces(line.cancelled + (wanted.get(line.productId) ?? 0))
  }))
  const amount = lines.map((line, n) => minus(worth(line, less[n]?.cancelled ?? 0), worth(line, line.cancelled)))
  return Result.succeed({ lines: less, amount: sum(amount) })
}

const remaining = (lines: ReadonlyArray<OrderLine>): Items =>
  lines.flatMap(({ productId, quantity, cancelled }) =>
    quantity > cancelled ? [{ productId, quantity: pieces(quantity - cancelled) }] : []
  )

/** Nobody has decided about it. */
const isOpen = ({ status }: Refund) => status === "REFUND_REQUESTED"
/** What was asked back, or a gateway is giving back, of what was paid: refunds go one after the other. */
const underWayBack = (order: Order): RefundInProgress | undefined => {
  const refund = order.refunds.find(isOpen) ?? refundsOf(order).find(({ status }) => status === "PROCESSING")
  return refund && new RefundInProgress({ refundId: refund.refundId, refundStatus: refund.status })
}

/** What the gateways still have of the buyer's, and nobody has asked back. */
const atGateway = (order: Order): Money => {
  const taken = order.payments.filter(({ method, status }) => method !== "WALLET" && status === "COMPLETED")
  const asked = refundsOf(order).filter(({ status }) => status !== "FAILED")
  return minus(sum(taken.map(({ amount }) => amount)), sum(asked.map(({ viaGateway }) => viaGateway)))
}

interface Back {
  readonly amount: Money
  readonly items: Items
  readonly reason?: string | undefined
  readonly isManual?: boolean | undefined
}

/** The gateway gives back first; the rest goes to the wallet, in the same transaction (G7), or a person sees to all. */
const refunding = (order: Order, id: RefundId, { amount, items, reason, isManual }: Back, at: number): Refund => {
  const viaGateway = least(amount, atGateway(order))
  const isDone = viaGateway === 0
  return {
    refundId: id,
    amount,
    viaGateway,
    status: isManual === true ? "MANUAL" : isDone ? "REFUNDED" : "PROCESSING",
    attempts: 0,
    dueAt: isManual === true || isDone ? undefined : at,
    reason,
    items,
    requestedAt: at
  }
}

const toWallet = (order: Order, { amount, viaGateway, status }: Refund): Order => {
  if (status === "MANUAL") return order
  let left: number = minus(amount, viaGateway)
  const payments = order.payments.map((payment) => {
    if (payment.method !== "WALLET" || payment.status !== "COMPLETED") return payment
    const part = Math.min(left, payment.amount - payment.refunded)
    left -= part
    return { ...payment, refunded: won(payment.refunded + part) }
  })
  return { ...order, payments }
}

/** Somebody paid while somebody else gave it up. */
const isForUnpaid = (reason: CancelReason) =>
  reason === "INSUFFICIENT_BALANCE" || reason === "PAYMENT_FAILED" || reason === "PAYMENT_TIMEOUT"

/**
 * Whoever found no money speaks for one attempt, and for one whose buyer has yet to agree: it would have taken that one's
 * place. Not for one that a gateway may have taken.
 */
const goesOn = (order: Order, reason: CancelReason): boolean => {
  const attempt = underWay(order)
  return attempt !== undefined && !(reason === "INSUFFICIENT_BALANCE" && attempt.status === "INITIATED")
}

const cancel = (order: Order, deed: Deed & { readonly _tag: "Cancel" }, at: number): Decided => {
  const { refundId, reason, items, note, isManual } = deed
  const { status: orderStatus, paidAt = 0 } = order
  const refused = Result.fail(new OrderNotCancellable({ orderStatus }))
  if (orderStatus === "CREATED") {
    if (items !== undefined || (isForUnpaid(reason) && goesOn(order, reason))) return refused
    return Result.map(withoutAttempt(order), (free) => givenUp(free, reason, at, note))
  }
  if (orderStatus !== "CONFIRMED" && orderStatus !== "PREPARING") return refused
  if (isForUnpaid(reason)) return refused
  const other = underWayBack(order)
  if (other !== undefined) return Result.fail(other)
  const closedAt = paidAt + Policy.order.cancelWindowMs
  if (reason === "BUYER" && at >= closedAt) return Result.fail(new CancelWindowClosed({ closedAt }))
  const off = items ?? remaining(order.lines)
  return Result.mapBoth(without(order.lines, off), {
    onFailure: (missing) => new OrderNotCancellable({ orderStatus, ...missing }),
    onSuccess: ({ lines, amount }) => {
      const refund = refunding(order, refundId, { amount, items: off, reason: note, isManual }, at)
      const cancelled = { ...toWallet(order, refund), lines, refunds: [...order.refunds, refund] }
      return remaining(lines).length === 0
        ? enter({ ...cancelled, cancelReason: reason }, "CANCELLED", at, note)
        : cancelled
    }
  })
}

const next: Record<OrderStatus, OrderStatus | undefined> = {
  CREATED: undefined,
  CONFIRMED: "PREPARING",
  PREPARING: "SHIPPED",
  SHIPPED: "DELIVERED",
  DELIVERED: "COMPLETED",
  COMPLETED: undefined,
  CANCELLED: undefined
}

const askRefund = (
  order: Order,
  { refundId, items, reason }: Deed & { readonly _tag: "AskRefund" },
  at: number
): Decided => {
  const { status: orderStatus } = order
  const refused = Result.fail(new NotRefundable({ orderStatus }))
  if (orderStatus === "CREATED" || orderStatus === "CANCELLED") return refused
  const other = underWayBack(order)
  if (other !== undefined) return Result.fail(other)
  const wanted = items ?? remaining(order.lines)
  if (wanted.length === 0) return refused
  return Result.mapBoth(without(order.lines, wanted), {
    onFailure: (missing) => new NotRefundable({ orderStatus, ...missing }),
    onSuccess: ({ amount }) => {
      const refund = refunding(order, refundId, { amount, items: wanted, reason }, at)
      const asked: Refund = { ...refund, viaGateway: zero, status: "REFUND_REQUESTED", dueAt: undefined }
      return { ...order, refunds: [...order.refunds, asked] }
    }
  })
}

const withRefund = (
  order: Order,
  id: RefundId,
  from: ReadonlyArray<RefundStatus>,
  change: (refund: Refund) => Refund
): Decided =>
  order.refunds.some(({ refundId, status }) => refundId === id && from.includes(status))
    ? Result.succeed({
        ...order,
        refunds: order.refunds.map((refund) => (refund.refundId === id ? change(refund) : refund))
      })
    : Result.fail(new NotRefundable({ orderStatus: order.status }))

const decideRefund = (
  order: Order,
  { refundId, approved: isApproved, isManual }: Deed & { readonly _tag: "DecideRefund" },
  at: number
): Decided =>
  withRefund(order, refundId, ["REFUND_REQUESTED"], (refund) =>
    isApproved
      ? { ...refunding(order, refundId, { ...refund, isManual }, at), requestedAt: refund.requestedAt }
      : { ...refund, status: "FAILED" }
  ).pipe(
    Result.map((decided) => {
      const refund = decided.refunds.find((each) => each.refundId === refundId)
      if (refund === undefined || !isApproved) return decided
      const less = without(order.lines, refund.items)
      if (Result.isFailure(less)) return decided
      const { lines } = less.success
      const back = { ...toWallet(decided, refund), lines }
      // Nothing of it is left to be sent.
      const isOver = remaining(lines).length === 0 && (order.status === "CONFIRMED" || order.status === "PREPARING")
      return isOver ? enter({ ...back, cancelReason: "BUYER" }, "CANCELLED", at, refund.reason) : back
    })
  )

/** What the gateway has given back is off what it has. */
const refunded = (order: Order, { refundId: id, byHand }: Deed & { readonly _tag: "Refunded" }): Decided =>
  withRefund(order, id, byHand === true ? ["MANUAL"] : ["PROCESSING", "MANUAL"], (refund) => ({
    ...refund,
    status: "REFUNDED",
    dueAt: undefined
  })).pipe(
    Result.map((done) => {
      const viaGateway = refundsOf(done).find(({ refundId }) => refundId === id)?.viaGateway ?? zero
      return {
        ...done,
        payments: done.payments.map((payment) =>
          payment.method !== "WALLET" && payment.status === "COMPLETED"
            ? { ...payment, refunded: add(payment.refunded, viaGateway) }
            : payment
        )
      }
    })
  )

const delayed = (order: Order, id: RefundId, at: number): Decided =>
  withRefund(order, id, ["PROCESSING"], (refund) => {
    const attempts = refund.attempts + 1
    return attempts <= Policy.payment.refundAttempts
      ? { ...refund, attempts, dueAt: at + Policy.payment.refundDelayMs(attempts) }
      : { ...refund, status: "MANUAL", dueAt: undefined }
  })

const changed = (order: Order, deed: Deed, at: number): Decided =>
  Match.value(deed).pipe(
    Match.tagsExhaustive({
      Pay: (pays) => pay(order, pays, at),
      AskGateway: (asks) => askGateway(order, asks, at),
      Approved: (approves) => approved(order, approves, at),
      ApprovedLate: (approves) => approvedLate(order, approves, at),
      PaymentDelayed: ({ paymentId }) => paymentDelayed(order, paymentId, at),
      NotPaid: (fails) => notPaid(order, fails, at),
      DecidePayment: (decides) => decidePayment(order, decides, at),
      Cancel: (cancels) => cancel(order, cancels, at),
      Advance: ({ to }) =>
        next[order.status] === to
          ? Result.succeed(enter(order, to, at))
          : Result.fail(new OrderStatusConflict({ orderStatus: order.status })),
      AskRefund: (asks) => askRefund(order, asks, at),
      DecideRefund: (decides) => decideRefund(order, decides, at),
      Refunded: (gives) => refunded(order, gives),
      RefundDelayed: ({ refundId }) => delayed(order, refundId, at),
      Elapse: () => elapse(order, at)
    })
  )

/** What an order is after a deed at a moment, in milliseconds since 1970; or why it can't be done. */
export const decide = (order: Order, deed: Deed, at: number): Decided =>
  // Whoever had to wait has an older clock; an order's history goes one way.
  Result.map(changed(order, deed, Math.max(at, order.history.at(-1)?.at ?? at)), (after) => ({
    ...after,
    version: order.version + 1
  }))

/** What an order does by itself, once it is time. */
export type Due =
  | { readonly _tag: "Do"; readonly deed: Deed }
  /** The node that asked the gateway says nothing. */
  | { readonly _tag: "ResumePayment"; readonly payment: Payment }
  | { readonly _tag: "ResumeRefund"; readonly refund: Refund }

interface Timer {
  readonly at: number
  readonly due: Due
}

const elapse = (order: Order, at: number): Decided => {
  const due = dueBy(order, at)
  return due?._tag === "Do"
    ? changed(order, due.deed, at)
    : Result.fail(new OrderStatusConflict({ orderStatus: order.status }))
}

const timers = (order: Order): ReadonlyArray<Timer> => {
  const payment = underWay(order)
  const { paymentDeadline, status, history } = order
  const all: Array<Timer> = order.refunds.flatMap((refund) =>
    refund.dueAt === undefined ? [] : [{ at: refund.dueAt, due: { _tag: "ResumeRefund", refund } }]
  )
  if (payment?.dueAt !== undefined) {
    const deed: Deed = { _tag: "NotPaid", paymentId: payment.paymentId, cancel: undefined }
    const due: Due = payment.status === "INITIATED" ? { _tag: "Do", deed } : { _tag: "ResumePayment", payment }
    all.push({ at: payment.dueAt, due })
  } else if (status === "CREATED" && paymentDeadline !== undefined) {
    const deed: Deed = { _tag: "Cancel", refundId: noRefund, reason: "PAYMENT_TIMEOUT", items: undefined }
    all.push({ at: paymentDeadline, due: { _tag: "Do", deed } })
  }
  const delivered = status === "DELIVERED" && !order.refunds.some(isOpen) ? history.at(-1)?.at : undefined
  if (delivered !== undefined) {
    const deed: Deed = { _tag: "Advance", to: "COMPLETED" }
    all.push({ at: delivered + Policy.order.autoConfirmMs, due: { _tag: "Do", deed } })
  }
  return all.toSorted((a, b) => a.at - b.at)
}

/** An order nobody paid has nothing to refund. */
const noRefund = RefundId.make("rfd_00000000-0000-0000-0000-000000000000")

/** When it acts by itself, in milliseconds since 1970; `undefined` for never. A durable column (design §4). */
export const dueAt = (order: Order): number | undefined =>
  // What was paid when it was made does nothing by itself; and in a sale nearly all orders are such.
  order.version === 1 && order.paidAt !== undefined ? undefined : timers(order)[0]?.at

/** What it does by then; `undefined` when it is not time. */
export const dueBy = (order: Order, at: number): Due | undefined => timers(order).find((timer) => timer.at <= at)?.due

// The actor.

export const OrderState = Schema.Struct({
  order: Order,
  /** What is being decided about it: one thing at a time. */
  pending: Schema.UndefinedOr(Order)
})
export type OrderState = typeof OrderState.Type

export const OrderCommand = Schema.Union([
  Schema.TaggedStruct("Place", { order: Order }),
  Schema.TaggedStruct("Change", { deed: Deed, at: Schema.Finite }),
  /** Its buyer withdraws, and takes the address along on disk: nothing that remembers it stays in memory. */
  Schema.TaggedStruct("Forget", {})
])
export type OrderCommand = typeof OrderCommand.Type

/** The order before and after; the same for one that is placed. */
export const OrderGrant = Schema.Struct({ before: Order, after: Order })
export type OrderGrant = typeof OrderGrant.Type

export const OrderKind: Kind<OrderId, OrderState, OrderCommand, OrderGrant, OrderRefusal> = {
  makes: ({ _tag }) => _tag === "Place",
  hold: (orderId, state, command) => {
    if (command._tag === "Place") {
      const { order } = command
      return Result.succeed({ state: { order, pending: order }, grant: { before: order, after: order } })
    }
    if (state === undefined) return Result.fail(new OrderNotFound({ orderId }))
    if (state.pending !== undefined) return Result.fail(new OrderUndecided())
    const { order: before } = state
    if (command._tag === "Forget") {
      return Result.succeed({ state: { order: before, pending: before }, grant: { before, after: before } })
    }
    return Result.map(decide(before, command.deed, command.at), (after) => ({
      state: { order: before, pending: after },
      grant: { before, after }
    }))
  },
  // Only what waits for its payment is kept in mind. The rest is read again should something become of it, like what was
  // paid when it was made: in a sale that is nearly all, and would crowd out the wallets.
  settle: ({ order, pending: settled = order }, { _tag }) =>
    _tag !== "Forget" && settled.status === "CREATED" ? { order: settled, pending: undefined } : undefined,
  release: ({ order }, command) => (command._tag === "Place" ? undefined : { order, pending: undefined })
}
