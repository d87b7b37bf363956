/**
 * One-shot checkout: order and wallet payment in one transaction, no state between (design §1, §4; seed 003 §3.1).
 *
 * hold stock → (hold the coupon's terms →) price → hold money, and the user's coupon → commit → settle
 */
import { Array as Arr, Effect, Schema } from "effect"
import type { CouponRefusal } from "../domain/Coupon.ts"
import { orderId, OrderId, paymentId, type ProductId, type UserCouponId, type UserId } from "../domain/Ids.ts"
import { loss, Money, type Quantity } from "../domain/Money.ts"
import type { Order } from "../domain/Order.ts"
import { type PriceChanged, quote } from "../domain/Pricing.ts"
import type { ProductRefusal } from "../domain/Product.ts"
import type { Change, DomainEvent } from "../domain/Transaction.ts"
import { CouponNotUsable } from "../domain/UserCoupon.ts"
import type { WalletRefusal } from "../domain/Wallet.ts"
import { iso } from "./Time.ts"
import { type Answer, type Attempt, type Failure, type Keyed, Transact } from "./Transact.ts"

export interface CheckoutItem {
  readonly productId: ProductId
  readonly quantity: Quantity
}

export interface CheckoutRequest {
  readonly request: Keyed
  readonly buyer: UserId
  /** At least one, each product once. */
  readonly items: ReadonlyArray<CheckoutItem>
  /** A coupon of the buyer's; if it cannot be used, nothing is bought (C6). */
  readonly userCouponId?: UserCouponId | undefined
  /** What the buyer expects to pay; another total is refused. */
  readonly expectedTotal: Money | undefined
}

export const CheckoutAnswer = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CONFIRMED"),
  totalAmount: Money,
  discountAmount: Money,
  paidAmount: Money,
  /** The wallet's balance when this purchase and everything admitted before it is committed. */
  balance: Money,
  /** RFC 3339. */
  transactedAt: Schema.String
})
export type CheckoutAnswer = typeof CheckoutAnswer.Type

export const checkout = ({
  request,
  buyer,
  items,
  userCouponId,
  expectedTotal
}: CheckoutRequest): Effect.Effect<
  Answer<CheckoutAnswer>,
  ProductRefusal | CouponRefusal | WalletRefusal | PriceChanged | Failure,
  Transact
> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      request,
      by: undefined,
      answer: CheckoutAnswer,
      plan: Effect.fnUntraced(function* (attempt) {
        const { id, now, hold, holdAll } = attempt
        const products = yield* holdAll(
          "product",
          items.map(({ productId, quantity }) => [productId, { _tag: "Take", quantity }])
        )
        const quoted = Arr.zipWith(products, items, (product, { quantity }) => ({ product, quantity }))
        const coupon = userCouponId === undefined ? undefined : yield* couponOf(attempt, buyer, userCouponId)
        const { lines, total, discount, payable } = yield* Effect.fromResult(quote(quoted, expectedTotal, coupon))
        const { balance } = yield* hold("wallet", buyer, { _tag: "Take", amount: payable, userCouponId })
        const order: Order = {
          orderId: orderId(id),
          userId: buyer,
          status: "CONFIRMED",
          lines,
          payments: [{ paymentId: paymentId(id), method: "WALLET", amount: payable }],
          totalAmount: total,
          discountAmount: discount,
          userCouponId,
          paidAmount: payable,
          createdAt: now
        }
        return {
          changes: changesOf(order),
          events: [confirmed(order)],
          answer: {
            orderId: order.orderId,
            status: "CONFIRMED" as const,
            totalAmount: total,
            discountAmount: discount,
            paidAmount: payable,
            balance,
            transactedAt: iso(now)
          }
        }
      })
    })
  )

/**
 * What a user's coupon takes off. Of which kind it is never changes, so that is looked up; whether it can still be used,
 * the wallet says when it holds it.
 */
const couponOf = Effect.fnUntraced(function* ({ now, hold, read }: Attempt, buyer: UserId, id: UserCouponId) {
  const wallet = yield* read("wallet", buyer)
  const known = wallet?.coupons.find(({ userCouponId }) => userCouponId === id)
  if (known === undefined) return yield* new CouponNotUsable({ reason: "NOT_FOUND" })
  return yield* hold("coupon", known.couponId, { _tag: "Use", at: now })
})

const used = ({ orderId: order, userId, userCouponId }: Order): ReadonlyArray<Change> =>
  userCouponId === undefined ? [] : [{ _tag: "CouponUsed", userCouponId, userId, orderId: order }]

const changesOf = (order: Order): ReadonlyArray<Change> => [
  { _tag: "OrderPlaced", order },
  ...used(order),
  {
    _tag: "MoneyMoved",
    userId: order.userId,
    delta: loss(order.paidAmount),
    reason: "PAYMENT",
    orderId: order.orderId
  },
  ...order.lines.map(({ productId, quantity }): Change => ({
    _tag: "StockMoved",
    productId,
    delta: -quantity,
    reason: "SALE",
    orderId: order.orderId
  }))
]

const confirmed = (order: Order): DomainEvent => ({
  type: "OrderConfirmed",
  entity: order.orderId,
  payload: {
    userId: order.userId,
    paidAmount: order.paidAmount,
    discountAmount: order.discountAmount,
    userCouponId: order.userCouponId,
    lines: order.lines.map(({ productId, quantity, unitPrice }) => ({ productId, quantity, unitPrice }))
  }
})
