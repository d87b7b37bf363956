/**
 * One-shot checkout: order and wallet payment in one transaction, no state between (design §1, §4; seed 003 §3.1).
 *
 * hold stock → (hold the coupon's terms →) price → hold money, and the user's coupon → commit → settle
 */
import { Array as Arr, Effect, Schema } from "effect"
import type { CouponRefusal } from "../domain/Coupon.ts"
import { orderId, OrderId, paymentId, type ProductId, type UserCouponId, type UserId } from "../domain/Ids.ts"
import { Money, type Quantity } from "../domain/Money.ts"
import { inFull, placed } from "../domain/Order.ts"
import { moves } from "../domain/OrderMoves.ts"
import { type PriceChanged, quote } from "../domain/Pricing.ts"
import type { ProductRefusal } from "../domain/Product.ts"
import { CouponNotUsable, unusable } from "../domain/UserCoupon.ts"
import type { WalletRefusal } from "../domain/Wallet.ts"
import { iso } from "./Time.ts"
import {
  type Answer,
  type Attempt,
  type Failure,
  type Interruption,
  type Keyed,
  type Outcome,
  Transact
} from "./Transact.ts"
import { whenDecided } from "./Waiters.ts"

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
  ...wanted
}: CheckoutRequest): Effect.Effect<
  Answer<CheckoutAnswer>,
  ProductRefusal | CouponRefusal | WalletRefusal | PriceChanged | Failure,
  Transact
> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({ request, by: undefined, answer: CheckoutAnswer, plan: (attempt) => plan(attempt, wanted) })
  )

const plan = Effect.fnUntraced(function* (
  attempt: Attempt,
  { buyer, items, userCouponId, expectedTotal }: Omit<CheckoutRequest, "request">
): Effect.fn.Return<
  Outcome<CheckoutAnswer>,
  ProductRefusal | CouponRefusal | WalletRefusal | PriceChanged | Interruption
> {
  const { id, now, hold } = attempt
  const quoted = yield* quotedOf(attempt, items, "Take")
  const coupon = userCouponId === undefined ? undefined : yield* couponOf(attempt, buyer, userCouponId)
  const { lines, total, discount, payable } = yield* Effect.fromResult(quote(quoted, expectedTotal, coupon))
  const firstPurchaseOnly = coupon?.firstPurchaseOnly
  const { balance } = yield* whenDecided(
    hold("wallet", buyer, { _tag: "Take", amount: payable, userCouponId, firstPurchaseOnly })
  )
  const order = placed({
    orderId: orderId(id),
    userId: buyer,
    status: "CONFIRMED",
    lines,
    payments: [inFull(paymentId(id), payable)],
    totalAmount: total,
    discountAmount: discount,
    userCouponId,
    paidAmount: payable,
    paidAt: now,
    createdAt: now
  })
  const { changes, events } = moves(undefined, order)
  return {
    changes,
    events,
    answer: {
      orderId: order.orderId,
      status: "CONFIRMED",
      totalAmount: total,
      discountAmount: discount,
      paidAmount: payable,
      balance,
      transactedAt: iso(now)
    }
  }
})

/** Holds what is to be bought, all or none of it, and says what to price. */
export const quotedOf = ({ holdAll }: Attempt, items: ReadonlyArray<CheckoutItem>, _tag: "Take" | "Reserve") =>
  Effect.map(
    holdAll(
      "product",
      items.map(({ productId, quantity }) => [productId, { _tag, quantity }])
    ),
    (products) => Arr.zipWith(products, items, (product, { quantity }) => ({ product, quantity }))
  )

/**
 * What a user's coupon takes off. Of which kind it is never changes, so that is looked up; whether it can still be used,
 * the wallet says, and says again when it holds it.
 */
export const couponOf = Effect.fnUntraced(function* ({ now, hold, read }: Attempt, buyer: UserId, id: UserCouponId) {
  const wallet = yield* read("wallet", buyer)
  const known = wallet?.coupons.find(({ userCouponId }) => userCouponId === id)
  const reason = unusable(known)
  if (known === undefined || reason !== undefined) return yield* new CouponNotUsable({ reason: reason ?? "NOT_FOUND" })
  return yield* hold("coupon", known.couponId, { _tag: "Use", at: now })
})
