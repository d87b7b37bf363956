/** An order: what was bought, at which price, and where it stands. */
import { Schema } from "effect"
import type { OrderId, PaymentId, ProductId, UserCouponId, UserId } from "./Ids.ts"
import { minus, type Money, type Quantity, sum, zero } from "./Money.ts"

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

export interface OrderLine {
  readonly productId: ProductId
  /** Name and price as they were when the stock was held (C39). */
  readonly name: string
  readonly unitPrice: Money
  readonly quantity: Quantity
  readonly amount: Money
  /** This line's part of the order's discount. */
  readonly discount: Money
}

/** One tender of an order. A wallet payment is complete in the order's own transaction. */
export interface Payment {
  readonly paymentId: PaymentId
  readonly method: "WALLET"
  readonly amount: Money
}

export interface Order {
  readonly orderId: OrderId
  readonly userId: UserId
  readonly status: OrderStatus
  readonly lines: ReadonlyArray<OrderLine>
  readonly payments: ReadonlyArray<Payment>
  readonly totalAmount: Money
  readonly discountAmount: Money
  /** The coupon it was bought with (D3). */
  readonly userCouponId: UserCouponId | undefined
  readonly paidAmount: Money
  /** Milliseconds since 1970, by the database's clock. */
  readonly createdAt: number
}

/** The other seeds' names of the same states (A27). */
export const OrderView = Schema.Literals(["simple", "fulfilment", "tracking"])
export type OrderView = typeof OrderView.Type

const views: Record<OrderStatus, Record<OrderView, string>> = {
  CREATED: { simple: "PENDING", fulfilment: "ORDERED", tracking: "PAYMENT_PENDING" },
  CONFIRMED: { simple: "COMPLETED", fulfilment: "PAID", tracking: "PAID" },
  PREPARING: { simple: "COMPLETED", fulfilment: "PREPARING", tracking: "PREPARING" },
  SHIPPED: { simple: "COMPLETED", fulfilment: "SHIPPING", tracking: "SHIPPING" },
  DELIVERED: { simple: "COMPLETED", fulfilment: "DELIVERED", tracking: "DELIVERED" },
  COMPLETED: { simple: "COMPLETED", fulfilment: "PURCHASE_CONFIRMED", tracking: "DELIVERED" },
  CANCELLED: { simple: "CANCELLED", fulfilment: "CANCELLED", tracking: "CANCELLED" }
}

/** `status` in the words of seed 000 (simple), 002 (fulfilment) or 004 (tracking). */
export const statusView = (status: OrderStatus, view: OrderView): string => views[status][view]

/** What an order is to whoever sold only some of its lines: these, and what they come to (G14). */
export const partOf = (order: Order, isTheirs: (line: OrderLine) => boolean): Order | undefined => {
  const lines = order.lines.filter(isTheirs)
  if (lines.length === 0) return undefined
  const totalAmount = sum(lines.map(({ amount }) => amount))
  const discountAmount = sum(lines.map(({ discount }) => discount))
  const isPaid = order.paidAmount === minus(order.totalAmount, order.discountAmount)
  const paidAmount = isPaid ? minus(totalAmount, discountAmount) : zero
  return { ...order, lines, totalAmount, discountAmount, paidAmount, payments: [], userCouponId: undefined }
}
