/**
 * Orders that are made first and paid later (seeds 000 F4, 001 §2.5), and all that becomes of them.
 *
 * Every step is the same: hold the order → hold what it moves → commit → settle. The order decides (`OrderLife`), and
 * what it moves follows (`OrderMoves`).
 */
import { Effect, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import type { CouponRefusal } from "../domain/Coupon.ts"
import {
  OrderId,
  orderId,
  RefundId,
  refundId,
  type TransactionId,
  type UserCouponId,
  type UserId
} from "../domain/Ids.ts"
import { Money, zero } from "../domain/Money.ts"
import { type Order, payable, placed, RefundStatus } from "../domain/Order.ts"
import { type Deed, type OrderRefusal, OrderUndecided } from "../domain/OrderLife.ts"
import { moves } from "../domain/OrderMoves.ts"
import { Policy } from "../domain/Policy.ts"
import { type PriceChanged, quote } from "../domain/Pricing.ts"
import type { ProductRefusal } from "../domain/Product.ts"
import { CouponNotUsable, Unusable } from "../domain/UserCoupon.ts"
import { WalletUndecided, type WalletRefusal } from "../domain/Wallet.ts"
import type { Unavailable } from "../actors/Errors.ts"
import { type CheckoutItem, couponOf, quotedOf } from "./Checkout.ts"
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

/** What to do about a coupon that cannot be used (C6). */
export const CouponPolicy = Schema.Literals(["reject", "drop", "dropIfMinimumOnly"])
export type CouponPolicy = typeof CouponPolicy.Type

export interface OrderRequest {
  readonly request: Keyed
  readonly buyer: UserId
  /** At least one, each product once. */
  readonly items: ReadonlyArray<CheckoutItem>
  readonly userCouponId: UserCouponId | undefined
  readonly couponPolicy: CouponPolicy
  /** What the buyer expects to pay; another total is refused. */
  readonly expectedTotal: Money | undefined
  readonly shippingAddress: string | undefined
}

export const OrderAnswer = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CREATED"),
  totalAmount: Money,
  discountAmount: Money,
  payableAmount: Money,
  /** RFC 3339. */
  paymentDeadline: Schema.String,
  /** `null`: none was asked for. */
  coupon: Schema.NullOr(Schema.Struct({ applied: Schema.Boolean, reason: Schema.optionalKey(Unusable) }))
})
export type OrderAnswer = typeof OrderAnswer.Type

const isDropped = ({ reason }: CouponNotUsable, policy: CouponPolicy) =>
  policy === "drop" || (policy === "dropIfMinimumOnly" && reason === "MINIMUM_NOT_MET")

/** Reserves stock and holds the coupon; nothing is paid. */
export const createOrder = ({
  request,
  ...wanted
}: OrderRequest): Effect.Effect<
  Answer<OrderAnswer>,
  ProductRefusal | CouponRefusal | WalletRefusal | OrderRefusal | PriceChanged | Failure,
  Transact
> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({ request, by: undefined, answer: OrderAnswer, plan: (attempt) => planOrder(attempt, wanted) })
  )

type Wanted = Omit<OrderRequest, "request">

const planOrder = Effect.fnUntraced(function* (
  attempt: Attempt,
  wanted: Wanted
): Effect.fn.Return<
  Outcome<OrderAnswer>,
  ProductRefusal | CouponRefusal | WalletRefusal | OrderRefusal | PriceChanged | Interruption
> {
  const { items, userCouponId, couponPolicy } = wanted
  const quoted = yield* quotedOf(attempt, items, "Reserve")
  const { order, moved, dropped } = yield* Effect.catchTag(
    place(attempt, wanted, quoted, userCouponId),
    "CouponNotUsable",
    (unusable) =>
      isDropped(unusable, couponPolicy)
        ? Effect.map(place(attempt, wanted, quoted, undefined), (without) => ({ ...without, dropped: unusable }))
        : Effect.fail(unusable)
  )
  yield* attempt.hold("order", order.orderId, { _tag: "Place", order })
  const { changes, events } = moved
  return {
    changes,
    events,
    answer: {
      orderId: order.orderId,
      status: "CREATED",
      totalAmount: order.totalAmount,
      discountAmount: order.discountAmount,
      payableAmount: payable(order),
      paymentDeadline: iso(deadlineOf(attempt)),
      coupon: couponAnswer(userCouponId, dropped)
    }
  }
})

const deadlineOf = ({ now }: Attempt) => now + Policy.order.paymentDeadlineMs

/** Prices an order, with a coupon if one is named, and has the buyer's wallet hold what it needs. */
const place = Effect.fnUntraced(function* (
  attempt: Attempt,
  { buyer, expectedTotal, shippingAddress }: Wanted,
  quoted: Parameters<typeof quote>[0],
  userCouponId: UserCouponId | undefined
) {
  const { id, now, hold } = attempt
  const coupon = userCouponId === undefined ? undefined : yield* couponOf(attempt, buyer, userCouponId)
  const price = yield* Effect.fromResult(quote(quoted, expectedTotal, coupon))
  const order = placed({
    orderId: orderId(id),
    userId: buyer,
    status: "CREATED",
    lines: price.lines,
    payments: [],
    totalAmount: price.total,
    discountAmount: price.discount,
    userCouponId,
    paidAmount: zero,
    createdAt: now,
    paymentDeadline: deadlineOf(attempt),
    shippingAddress
  })
  const moved = moves(undefined, order, coupon?.firstPurchaseOnly)
  if (moved.wallet !== undefined) yield* whenDecided(hold("wallet", buyer, moved.wallet))
  return { order, moved, dropped: undefined }
})

const couponAnswer = (wanted: UserCouponId | undefined, dropped: CouponNotUsable | undefined) => {
  if (wanted === undefined) return null
  return dropped === undefined ? { applied: true } : { applied: false, reason: dropped.reason }
}

/** Why something cannot become of an order. */
export type ChangeRefusal = OrderRefusal | ProductRefusal | WalletRefusal

const isUndecided = (error: unknown): error is OrderUndecided => error instanceof OrderUndecided
/** The coupon is the order's own: its wallet has not heard yet what became of it last. Or it is open what is there. */
const isUnheard = (error: unknown): error is CouponNotUsable | WalletUndecided =>
  error instanceof CouponNotUsable || error instanceof WalletUndecided

/** The order before and after, once nobody else is deciding about it. */
const holdOrder = ({ hold, now, waiters }: Attempt, id: OrderId, deed: Deed) =>
  waiters.ask(id, hold("order", id, { _tag: "Change", deed, at: now }), isUndecided)

/** Plans a deed: holds the order and everything it moves. */
const plan = Effect.fnUntraced(function* (
  attempt: Attempt,
  id: OrderId,
  deed: Deed
): Effect.fn.Return<
  { readonly after: Order; readonly balance: Money | undefined } & Pick<ReturnType<typeof moves>, "changes" | "events">,
  ChangeRefusal | Interruption
> {
  const { hold, holdAll, waiters } = attempt
  const { before, after } = yield* holdOrder(attempt, id, deed)
  const { products, wallet, changes, events } = moves(before, after)
  if (products.length > 0) yield* holdAll("product", products)
  const grant =
    wallet === undefined ? undefined : yield* waiters.ask(id, hold("wallet", after.userId, wallet), isUnheard)
  return { after, balance: grant?.balance, changes, events }
})

export interface ChangeRequest<A, E = never> {
  /** Without one, a repetition does the deed again, if the order allows it. */
  readonly request: Keyed | undefined
  readonly order: Permitted<OrderId>
  /** The ids of what it creates are made of the transaction's. */
  readonly deed: (id: TransactionId) => Deed
  /** How a kept answer is read again, and what is answered. */
  readonly schema: Schema.Codec<A, unknown>
  readonly answer: (changed: {
    readonly order: Order
    /** The wallet's, if it was asked for anything. */
    readonly balance: Money | undefined
    /** The database's clock. */
    readonly now: number
  }) => A
  /** What the disk may reject it for (`Transact.Run.explain`). */
  readonly explain?: Effect.Effect<void, E | Unavailable> | undefined
}

/** Money that no wallet takes is for a person to give back. */
const manually = (deed: Deed): Deed =>
  deed._tag === "Cancel" || deed._tag === "DecideRefund" ? { ...deed, isManual: true } : deed

/**
 * Does one deed to an order, with all it moves, in one transaction. Should the buyer have left, the money that would go
 * back is left to a person (F5, G12).
 */
export const change = <A, E = never>(
  wanted: ChangeRequest<A, E>
): Effect.Effect<Answer<A>, ChangeRefusal | E | Failure, Transact> =>
  Effect.catchTag(changeOnce(wanted), "UserNotFound", () =>
    changeOnce({ ...wanted, deed: (id) => manually(wanted.deed(id)) })
  )

const changeOnce = <A, E>({
  request,
  order: { of: id, by },
  deed,
  schema,
  answer,
  explain
}: ChangeRequest<A, E>): Effect.Effect<Answer<A>, ChangeRefusal | E | Failure, Transact> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run<A, ChangeRefusal | E>({
      request,
      by,
      answer: schema,
      explain,
      plan: (attempt) =>
        Effect.map(plan(attempt, id, deed(attempt.id)), ({ after, balance, changes, events }) => ({
          changes,
          events,
          answer: answer({ order: after, balance, now: attempt.now })
        }))
    })
  )

const Asked = Schema.Struct({ refundId: RefundId, status: RefundStatus, amount: Money })

/** Asks for money back that is too late to have by cancelling; its seller decides (C33). */
export const askRefund = ({
  request,
  order,
  items,
  reason
}: {
  readonly request: Keyed
  readonly order: Permitted<OrderId>
  /** `undefined`: all that is left. */
  readonly items: ReadonlyArray<CheckoutItem> | undefined
  readonly reason?: string | undefined
}) =>
  change({
    request,
    order,
    deed: (id) => ({ _tag: "AskRefund", refundId: refundId(id), items, reason }),
    schema: Schema.NullOr(Asked),
    answer: ({ order: { refunds } }) => {
      const last = refunds.at(-1)
      return last === undefined ? null : { refundId: last.refundId, status: last.status, amount: last.amount }
    }
  }).pipe(
    Effect.flatMap(({ answer, ...rest }) =>
      answer === null ? Effect.die("A refund asked for, and none is there") : Effect.succeed({ ...rest, answer })
    )
  )
