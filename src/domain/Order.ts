/** An order: what was bought, at which price, how it was paid, and where it stands. */
import { Schema } from "effect"
import { OrderId, PaymentId, ProductId, RefundId, refundId, UserCouponId, UserId, uuidOf } from "./Ids.ts"
import { minus, Money, Quantity, Stock, sum, zero } from "./Money.ts"
import { GatewayName, GatewayTransactionId, Method, PaymentKey } from "./Tender.ts"

/** Seed 001's names, canonical (C1, A27). */
export const OrderStatus = Schema.Literals([
  "CREATED",
  "CONFIRMED",
  "PREPARING",
  "SHIPPED",
  "DELIVERED",
  "COMPLETED",
  "CANCELLED"
])
export type OrderStatus = typeof OrderStatus.Type

/** Why it ended CANCELLED (C45). */
export const CancelReason = Schema.Literals([
  "INSUFFICIENT_BALANCE",
  "PAYMENT_FAILED",
  "PAYMENT_TIMEOUT",
  "BUYER",
  "SELLER",
  "ADMIN",
  "OUT_OF_STOCK"
])
export type CancelReason = typeof CancelReason.Type

/** Milliseconds since 1970, by the database's clock. */
const Moment = Schema.Finite

export const OrderLine = Schema.Struct({
  productId: ProductId,
  /** Name and price as they were when the stock was held (C39). */
  name: Schema.String,
  unitPrice: Money,
  quantity: Quantity,
  amount: Money,
  /** This line's part of the order's discount. */
  discount: Money,
  /** Pieces that were cancelled or given back. */
  cancelled: Stock
})
export type OrderLine = typeof OrderLine.Type

/** Seed 001's names (A27). Our transitions skip VALIDATING and LOCK_ACQUIRED: holds are validation and lock in one (C3). */
export const PaymentStatus = Schema.Literals([
  "INITIATED",
  "VALIDATING",
  "LOCK_ACQUIRED",
  "DEBITED",
  "GATEWAY_REQUESTED",
  "COMPLETED",
  "FAILED"
])
export type PaymentStatus = typeof PaymentStatus.Type

/** One tender of one attempt to pay. A wallet's is complete in the transaction that takes the money. */
export const Payment = Schema.Struct({
  paymentId: PaymentId,
  method: Method,
  amount: Money,
  status: PaymentStatus,
  refunded: Money,
  /** Who carries it out; `undefined` for a wallet's. */
  gateway: Schema.UndefinedOr(GatewayName),
  /** What the gateway knows it by: the key its page gave the buyer, and the id of what it approved. */
  paymentKey: Schema.UndefinedOr(PaymentKey),
  gatewayId: Schema.UndefinedOr(GatewayTransactionId),
  /** Until when whoever asked has to come back: the buyer from the gateway's page, or the node from the gateway. */
  dueAt: Schema.UndefinedOr(Moment)
})
export type Payment = typeof Payment.Type

/** Seed 001's names (F5). */
export const RefundStatus = Schema.Literals(["REFUND_REQUESTED", "PROCESSING", "REFUNDED", "FAILED", "MANUAL"])
export type RefundStatus = typeof RefundStatus.Type

/** Money on its way back: the wallet's part goes with the transaction that decides it, a gateway's takes a call. */
export const Refund = Schema.Struct({
  refundId: RefundId,
  amount: Money,
  /** Of it, what a gateway gives back. */
  viaGateway: Money,
  status: RefundStatus,
  /** How often the gateway was asked. */
  attempts: Schema.Int,
  /** When it is asked again. */
  dueAt: Schema.UndefinedOr(Moment),
  /** Why, in the buyer's words. */
  reason: Schema.UndefinedOr(Schema.String),
  /** The pieces that come back once it is approved (C33). */
  items: Schema.Array(Schema.Struct({ productId: ProductId, quantity: Quantity })),
  requestedAt: Moment
})
export type Refund = typeof Refund.Type

export const Order = Schema.Struct({
  orderId: OrderId,
  userId: UserId,
  status: OrderStatus,
  cancelReason: Schema.UndefinedOr(CancelReason),
  lines: Schema.Array(OrderLine),
  payments: Schema.Array(Payment),
  refunds: Schema.Array(Refund),
  totalAmount: Money,
  discountAmount: Money,
  /** The coupon it was bought with (D3). */
  userCouponId: Schema.UndefinedOr(UserCouponId),
  paidAmount: Money,
  createdAt: Moment,
  /** Until when it has to be paid; `undefined` for one that was paid when it was made. */
  paymentDeadline: Schema.UndefinedOr(Moment),
  paidAt: Schema.UndefinedOr(Moment),
  shippingAddress: Schema.UndefinedOr(Schema.String),
  /** Counts changes, from 1. */
  version: Schema.Int,
  /** Every status it had, with its beginning, and what somebody said to it. */
  history: Schema.Array(Schema.Struct({ status: OrderStatus, at: Moment, note: Schema.optionalKey(Schema.String) }))
})
export type Order = typeof Order.Type

/** An order as it begins. */
export const placed = (
  order: Omit<
    Order,
    "cancelReason" | "refunds" | "paymentDeadline" | "paidAt" | "shippingAddress" | "version" | "history"
  > &
    Partial<Pick<Order, "paymentDeadline" | "paidAt" | "shippingAddress">>
): Order => ({
  cancelReason: undefined,
  refunds: [],
  paymentDeadline: undefined,
  paidAt: undefined,
  shippingAddress: undefined,
  version: 1,
  history: [{ status: order.status, at: order.createdAt }],
  ...order
})

/** A wallet's payment of all there is to pay. */
export const inFull = (paymentId: PaymentId, amount: Money): Payment => ({
  paymentId,
  method: "WALLET",
  amount,
  status: "COMPLETED",
  refunded: zero,
  gateway: undefined,
  paymentKey: undefined,
  gatewayId: undefined,
  dueAt: undefined
})

/** What there is to pay. */
export const payable = ({ totalAmount, discountAmount }: Pick<Order, "totalAmount" | "discountAmount">): Money =>
  minus(totalAmount, discountAmount)

/** The refund of a payment that a gateway took after the order had given it up: it has the payment's id. */
export const lateRefundId = (id: PaymentId): RefundId => refundId(uuidOf(id))

/** The payment that came too late, if a refund is of one: money that was never the order's. */
export const latePayment = ({ payments }: Pick<Order, "payments">, { refundId: id }: Refund): Payment | undefined =>
  payments.find(({ paymentId, gateway }) => gateway !== undefined && lateRefundId(paymentId) === id)

/** The refunds of what was paid. */
export const refundsOf = (order: Pick<Order, "payments" | "refunds">): ReadonlyArray<Refund> =>
  order.refunds.filter((refund) => latePayment(order, refund) === undefined)

/** What of the money that was paid has gone back to the buyer, or is on its way. */
export const refundedAmount = (order: Pick<Order, "payments" | "refunds">): Money =>
  sum(
    refundsOf(order)
      .filter(({ status }) => status !== "REFUND_REQUESTED" && status !== "FAILED")
      .map(({ amount }) => amount)
  )

/** The other seeds' names of the same states (A27). */
export const OrderView = Schema.Literals(["simple", "fulfilment", "tracking"])
export type OrderView = typeof OrderView.Type

/** Where a CREATED order is (C1): nobody pays it yet, or a payment is under way. */
export const OrderPhase = Schema.Literals(["PENDING", "PROCESSING"])
export type OrderPhase = typeof OrderPhase.Type

/** What the views call them. */
export const StatusView = Schema.Literals([
  "PENDING",
  "ORDERED",
  "PAYMENT_PENDING",
  "PROCESSING",
  "PAYMENT_IN_PROGRESS",
  "PAID",
  "PREPARING",
  "SHIPPING",
  "DELIVERED",
  "PURCHASE_CONFIRMED",
  "COMPLETED",
  "CANCELLED"
])
export type StatusView = typeof StatusView.Type

const views: Record<OrderStatus | OrderPhase, Record<OrderView, StatusView>> = {
  CREATED: { simple: "PENDING", fulfilment: "ORDERED", tracking: "PAYMENT_PENDING" },
  PENDING: { simple: "PENDING", fulfilment: "ORDERED", tracking: "PAYMENT_PENDING" },
  PROCESSING: { simple: "PROCESSING", fulfilment: "PAYMENT_IN_PROGRESS", tracking: "PAYMENT_PENDING" },
  CONFIRMED: { simple: "COMPLETED", fulfilment: "PAID", tracking: "PAID" },
  PREPARING: { simple: "COMPLETED", fulfilment: "PREPARING", tracking: "PREPARING" },
  SHIPPED: { simple: "COMPLETED", fulfilment: "SHIPPING", tracking: "SHIPPING" },
  DELIVERED: { simple: "COMPLETED", fulfilment: "DELIVERED", tracking: "DELIVERED" },
  COMPLETED: { simple: "COMPLETED", fulfilment: "PURCHASE_CONFIRMED", tracking: "DELIVERED" },
  CANCELLED: { simple: "CANCELLED", fulfilment: "CANCELLED", tracking: "CANCELLED" }
}

/** A status, or where a CREATED order is, in the words of seed 000 (simple), 002 (fulfilment) or 004 (tracking). */
export const statusView = (status: OrderStatus | OrderPhase, view: OrderView): StatusView => views[status][view]

/** How far its fulfilment is, whatever becomes of its money (C1). */
export const FulfilmentStatus = Schema.Literals(["NOT_STARTED", "PREPARING", "SHIPPED", "DELIVERED", "CANCELLED"])
export type FulfilmentStatus = typeof FulfilmentStatus.Type

const fulfilments: Record<OrderStatus, FulfilmentStatus> = {
  CREATED: "NOT_STARTED",
  CONFIRMED: "NOT_STARTED",
  PREPARING: "PREPARING",
  SHIPPED: "SHIPPED",
  DELIVERED: "DELIVERED",
  COMPLETED: "DELIVERED",
  CANCELLED: "CANCELLED"
}
export const fulfilmentStatus = ({ status }: Pick<Order, "status">): FulfilmentStatus => fulfilments[status]

/** The payment that says how an order's stands: a gateway's, if one has or awaits any of the money. */
export const paymentOf = ({ payments }: Pick<Order, "payments">): Payment | undefined =>
  payments.findLast(({ status, gateway }) => status !== "FAILED" && gateway !== undefined) ?? payments.at(-1)

/** What an order is to whoever sold only some of its lines: these, what they come to, and refunds of nothing else (G14). */
export const partOf = (order: Order, isTheirs: (line: OrderLine) => boolean): Order | undefined => {
  const lines = order.lines.filter(isTheirs)
  if (lines.length === 0) return undefined
  const totalAmount = sum(lines.map(({ amount }) => amount))
  const discountAmount = sum(lines.map(({ discount }) => discount))
  const isPaid = order.paidAmount === minus(order.totalAmount, order.discountAmount)
  const paidAmount = isPaid ? minus(totalAmount, discountAmount) : zero
  const theirs = new Set(lines.map(({ productId }) => productId))
  const refunds = refundsOf(order).filter(({ items }) => items.every(({ productId }) => theirs.has(productId)))
  return { ...order, lines, totalAmount, discountAmount, paidAmount, payments: [], refunds, userCouponId: undefined }
}

/** What an order is to whoever sold all of its lines: how it was paid is its buyer's alone. */
export const asSold = (order: Order): Order => partOf(order, () => true) ?? order
