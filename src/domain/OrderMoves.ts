/**
 * What a change of an order moves: stock, money, the buyer's coupon, and what others are told. It follows from the order
 * before and the order after, so no deed can forget a part of it, and none happens twice.
 */
import type { ProductId, UserCouponId } from "./Ids.ts"
import { gain, loss, type Money, MoneyDelta, pieces, won } from "./Money.ts"
import type { Order, OrderLine, Payment } from "./Order.ts"
import type { ProductCommand } from "./Product.ts"
import type { Change, DomainEvent } from "./Transaction.ts"
import type { HeldStatus } from "./UserCoupon.ts"
import type { WalletCommand } from "./Wallet.ts"

export interface Moves {
  /** What the products are asked to hold. */
  readonly products: ReadonlyArray<readonly [ProductId, ProductCommand]>
  /** What the buyer's wallet is. */
  readonly wallet: WalletCommand | undefined
  readonly changes: ReadonlyArray<Change>
  readonly events: readonly [DomainEvent, ...ReadonlyArray<DomainEvent>]
}

const isUnpaid = ({ paidAt }: Order) => paidAt === undefined

/** Pieces that wait for a payment, and pieces that are gone. */
const reserved = (order: Order | undefined, { quantity }: OrderLine) => (order?.status === "CREATED" ? quantity : 0)
const sold = (order: Order | undefined, { quantity, cancelled }: OrderLine) =>
  order === undefined || isUnpaid(order) ? 0 : quantity - cancelled

/** Money of the buyer's that an order has: from the wallet, and through gateways. */
const moneyOf = (order: Order | undefined, isOurs: (payment: Payment) => boolean): number =>
  (order?.payments ?? []).reduce(
    (all, payment) =>
      isOurs(payment) && (payment.status === "COMPLETED" || payment.status === "DEBITED")
        ? all + payment.amount - payment.refunded
        : all,
    0
  )
const fromWallet = (order: Order | undefined) => moneyOf(order, ({ method }) => method === "WALLET")
const throughGateways = (order: Order | undefined) =>
  moneyOf(order, ({ method, status }) => method !== "WALLET" && status === "COMPLETED")

/** What its coupon is while the order is where it is (C16). */
const couponStatus = (order: Order): HeldStatus => {
  if (order.status === "CREATED") return "HELD"
  if (order.status !== "CANCELLED") return "USED"
  return isUnpaid(order) ? "ISSUED" : "REFUNDED"
}

const open = (order: Order | undefined) => (order?.status === "CREATED" ? 1 : 0)
const count = (order: Order | undefined) => (order === undefined || order.status === "CANCELLED" ? 0 : 1)

const productMoves = (before: Order | undefined, after: Order) =>
  after.lines.flatMap((line, n) => {
    const was = before?.lines[n] ?? line
    const held = reserved(after, line) - reserved(before, was)
    const gone = sold(after, line) - sold(before, was)
    return held === 0 && gone === 0 ? [] : [{ productId: line.productId, held, gone }]
  })
type ProductMove = ReturnType<typeof productMoves>[number]

const commandOf = ({ held, gone }: ProductMove): ProductCommand => {
  if (gone < 0) return { _tag: "Return", quantity: pieces(-gone) }
  if (gone > 0) return { _tag: held < 0 ? "Sell" : "Take", quantity: pieces(gone) }
  return held > 0 ? { _tag: "Reserve", quantity: pieces(held) } : { _tag: "Free", quantity: pieces(-held) }
}

const couponMove = (
  before: Order | undefined,
  after: Order
): { readonly userCouponId: UserCouponId; readonly to: HeldStatus } | undefined => {
  const { userCouponId } = after
  if (userCouponId === undefined) return undefined
  const to = couponStatus(after)
  return before !== undefined && couponStatus(before) === to ? undefined : { userCouponId, to }
}

/** The buyer has left, and with the buyer the wallet: a person sees to the money. */
const isLeftToPerson = (before: Order | undefined, after: Order): boolean =>
  after.refunds.some(({ refundId, status }) => {
    const was = before?.refunds.find((refund) => refund.refundId === refundId)?.status
    return status === "MANUAL" && was !== "MANUAL" && was !== "PROCESSING"
  })

const positive = (amount: number): Money => won(Math.max(0, amount))

/**
 * What becomes of everything when an order that was `before` (`undefined`: was not there) is `after`. Whether its coupon is
 * for a first purchase only matters to an order that is placed.
 */
export const moves = (before: Order | undefined, after: Order, firstPurchaseOnly = false): Moves => {
  const { orderId, userId } = after
  const stock = productMoves(before, after)
  const isBuyerThere = !isLeftToPerson(before, after)
  const coupon = isBuyerThere ? couponMove(before, after) : undefined
  const taken = fromWallet(after) - fromWallet(before)
  const opens = open(after) - open(before)
  const counts = count(after) - count(before)
  const viaGateway = throughGateways(after) - throughGateways(before)

  const changes: Array<Change> = [
    before === undefined ? { _tag: "OrderPlaced", order: after } : { _tag: "OrderChanged", before, after }
  ]
  if (coupon !== undefined) changes.push({ _tag: "CouponUsed", ...coupon, userId, orderId })
  if (taken !== 0) {
    const delta = taken > 0 ? loss(won(taken)) : gain(won(-taken))
    changes.push({ _tag: "MoneyMoved", userId, delta, reason: taken > 0 ? "PAYMENT" : "REFUND", orderId })
  }
  if (viaGateway !== 0) changes.push({ _tag: "GatewayMoved", delta: MoneyDelta(viaGateway), orderId })
  for (const { productId, held, gone } of stock) {
    if (held !== 0) changes.push({ _tag: "StockReserved", productId, delta: held })
    if (gone !== 0) {
      changes.push({ _tag: "StockMoved", productId, delta: -gone, reason: gone > 0 ? "SALE" : "RETURN", orderId })
    }
  }
  const isWalletConcerned = isBuyerThere && (taken !== 0 || opens !== 0 || counts !== 0 || coupon !== undefined)
  return {
    products: stock.map((move) => [move.productId, commandOf(move)] as const),
    wallet: isWalletConcerned
      ? { _tag: "Order", take: positive(taken), give: positive(-taken), opens, counts, coupon, firstPurchaseOnly }
      : undefined,
    changes,
    events: eventsOf(before, after)
  }
}

const eventTypes: Record<Order["status"], string> = {
  CREATED: "OrderCreated",
  CONFIRMED: "OrderConfirmed",
  PREPARING: "OrderPreparing",
  SHIPPED: "OrderShipped",
  DELIVERED: "OrderDelivered",
  COMPLETED: "OrderCompleted",
  CANCELLED: "OrderCancelled"
}

/** In the words of what happened; every event of an order carries its version, so that a receiver can tell their order (C32). */
const eventsOf = (before: Order | undefined, after: Order): Moves["events"] => {
  const { orderId: entity, version } = after
  const events: Array<DomainEvent> = []
  if (before?.status !== after.status) {
    events.push({ type: eventTypes[after.status], entity, payload: { version, ...told(after) } })
  }
  for (const { refundId, amount, status } of after.refunds) {
    const was = before?.refunds.find((refund) => refund.refundId === refundId)?.status
    if (was !== status) events.push({ type: "RefundChanged", entity, payload: { version, refundId, amount, status } })
  }
  for (const { paymentId, method, status } of after.payments) {
    const was = before?.payments.find((payment) => payment.paymentId === paymentId && payment.method === method)?.status
    if (status === "FAILED" && was !== status) {
      events.push({ type: "PaymentFailed", entity, payload: { version, paymentId, method } })
    }
  }
  const [first = { type: "OrderChanged", entity, payload: { version } }, ...more] = events
  return [first, ...more]
}

/** As JSON has it: what there is not, is not there. */
const told = (order: Order) => ({
  status: order.status,
  userId: order.userId,
  paidAmount: order.paidAmount,
  discountAmount: order.discountAmount,
  ...(order.userCouponId !== undefined && { userCouponId: order.userCouponId }),
  ...(order.cancelReason !== undefined && { cancelReason: order.cancelReason }),
  lines: order.lines.map(({ productId, quantity, unitPrice }) => ({ productId, quantity, unitPrice }))
})
