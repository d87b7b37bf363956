import { Effect, Schema, Struct } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { refundId, type RefundId, type UserId } from "../../domain/Ids.ts"
import {
  fulfilmentStatus,
  type Order,
  type OrderView,
  paymentOf,
  refundedAmount,
  refundsOf,
  statusView
} from "../../domain/Order.ts"
import { type Deed, underWay } from "../../domain/OrderLife.ts"
import { Directory } from "../../actors/Directory.ts"
import { Orders } from "../../persistence/Orders.ts"
import { checkout } from "../../saga/Checkout.ts"
import { askRefund, change, createOrder } from "../../saga/Orders.ts"
import { iso } from "../../saga/Time.ts"
import type { Keyed } from "../../saga/Transact.ts"
import { Api } from "../api/Api.ts"
import { type Checkout, type NewOrder, Order as Shown } from "../api/Orders.ts"
import { type ClaimedOrderId, replay } from "../api/Fields.ts"
import { keyed } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"

const shown = (order: Order, view?: OrderView): typeof Shown.Type => {
  const { status, cancelReason, userCouponId, shippingAddress, paymentDeadline, paidAt } = order
  const phase = status === "CREATED" ? (underWay(order) === undefined ? "PENDING" : "PROCESSING") : undefined
  const [payment, refund] = [paymentOf(order), order.refunds.at(-1)]
  return {
    orderId: order.orderId,
    userId: order.userId,
    status,
    ...(phase !== undefined && { phase }),
    ...(view !== undefined && { statusView: statusView(phase ?? status, view) }),
    ...(payment !== undefined && { paymentStatus: payment.status }),
    fulfilmentStatus: fulfilmentStatus(order),
    ...(refund !== undefined && { refundStatus: refund.status }),
    ...(cancelReason !== undefined && { cancelReason }),
    lines: order.lines,
    payments: order.payments.map(({ paymentId, method, amount, status: paymentStatus, refunded }) => ({
      paymentId,
      method,
      amount,
      status: paymentStatus,
      refunded
    })),
    refunds: order.refunds.map(({ refundId: id, status: refundStatus, amount, reason, requestedAt }) => ({
      refundId: id,
      status: refundStatus,
      amount,
      ...(reason !== undefined && { reason }),
      requestedAt: iso(requestedAt)
    })),
    totalAmount: order.totalAmount,
    discountAmount: order.discountAmount,
    ...(userCouponId !== undefined && { userCouponId }),
    paidAmount: order.paidAmount,
    refundedAmount: refundedAmount(order),
    ...(paymentDeadline !== undefined && { paymentDeadline: iso(paymentDeadline) }),
    ...(paidAt !== undefined && { paidAt: iso(paidAt) }),
    ...(shippingAddress !== undefined && { shippingAddress }),
    statusHistory: order.history.map((entry) => ({
      ...entry,
      ...(view !== undefined && { statusView: statusView(entry.status, view) }),
      at: iso(entry.at)
    })),
    createdAt: iso(order.createdAt)
  }
}

/** What the engine's types allow, and a purchase rules out. */
const impossible = [
  "StaleVersion",
  "StockLimitExceeded",
  "BalanceLimitExceeded",
  "WalletUndecided",
  "BalanceRemaining",
  "OrdersOpen",
  "CouponNotFound",
  "CouponExhausted",
  "CouponNotIssuable",
  "CouponAlreadyIssued",
  "CouponNotRevocable",
  "CouponUndecided",
  "WalletFull"
] as const

export const buy = (buyer: UserId, key: string, payload: typeof Checkout.Type) => {
  const { items, userCouponId, expectedTotal } = payload
  const request = keyed(buyer, "POST /checkout", key, payload)
  return Effect.catchTag(
    checkout({ request, buyer, items, userCouponId, expectedTotal }),
    [...impossible, "TooManyUnpaid"],
    Effect.die
  )
}

/** What only an order that is there can be refused for. */
const orderly = [
  "OrderNotFound",
  "OrderUndecided",
  "OrderNotPayable",
  "TooManyPayments",
  "PaymentInProgress",
  "RefundInProgress",
  "AmountMismatch",
  "OrderNotCancellable",
  "CancelWindowClosed",
  "NotRefundable",
  "OrderStatusConflict"
] as const

export const create = (buyer: UserId, key: string, payload: typeof NewOrder.Type) => {
  const { items, userCouponId, couponPolicy = "drop", expectedTotal, shippingAddress } = payload
  const request = keyed(buyer, "POST /orders", key, payload)
  return Effect.catchTag(
    createOrder({ request, buyer, items, userCouponId, couponPolicy, expectedTotal, shippingAddress }),
    [...impossible, ...orderly, "InsufficientBalance"],
    Effect.die
  )
}

/** What the engine's types allow, and what becomes of an order rules out: all it moves is its own. */
export const itsOwn = [
  "OrderUndecided",
  "ProductNotFound",
  "StockShortage",
  "ProductNotOnSale",
  "StaleVersion",
  "WalletUndecided",
  "TooManyUnpaid",
  "BalanceRemaining",
  "OrdersOpen",
  "CouponNotUsable",
  "CouponAlreadyIssued",
  "CouponNotRevocable",
  "CouponUndecided",
  "WalletFull"
] as const

/** And when it is not for paying. */
const unpaid = [...itsOwn, "InsufficientBalance", "OrderNotPayable", "TooManyPayments", "AmountMismatch"] as const
/** And without a key. */
const keyless = ["RequestInProgress", "KeyReused"] as const

/** An answer may be kept for longer than its buyer stays: the address is told as long as it is there, and not kept. */
const Kept = Schema.Struct(Struct.omit(Shown.fields, ["shippingAddress"]))
const kept = (order: Order): typeof Kept.Type => Struct.omit(shown(order), ["shippingAddress"])

/** Does a deed to an order; answers with what of it is for who asks to see, then. */
const become = (
  { order, seen, shippingAddress }: Policy.ChangeableOrder,
  deed: Parameters<typeof change>[0]["deed"],
  request?: Keyed
) =>
  change({ request, order, deed, schema: Kept, answer: ({ order: after }) => kept(seen(after)) }).pipe(
    Effect.catchTag(unpaid, Effect.die),
    Effect.map(({ answer, ...rest }) => ({
      ...rest,
      answer: { ...answer, ...(shippingAddress !== undefined && { shippingAddress }) }
    }))
  )

/** Again is no different from once: whoever asks for what has become of the order is told so. */
const orAsItIs =
  <X>({ order: { of: id }, seen }: Policy.ChangeableOrder, isDone: (order: Order) => boolean) =>
  (refusal: X) =>
    Effect.flatMap(Directory, ({ read }) => read("order", id)).pipe(
      Effect.flatMap((state) =>
        state !== undefined && isDone(state.order) ? Effect.succeed(shown(seen(state.order))) : Effect.fail(refusal)
      )
    )

const advance = (changeable: Policy.ChangeableOrder, to: (Deed & { readonly _tag: "Advance" })["to"]) =>
  become(changeable, () => ({ _tag: "Advance", to })).pipe(
    Effect.catchTag(
      [
        ...keyless,
        "PaymentInProgress",
        "RefundInProgress",
        "StockLimitExceeded",
        "NotRefundable",
        "OrderNotCancellable",
        "CancelWindowClosed"
      ],
      Effect.die
    ),
    Effect.map(({ answer }) => answer),
    Effect.catchTag(
      "OrderStatusConflict",
      orAsItIs(changeable, ({ status }) => status === to)
    )
  )

const decideRefund = (sold: Policy.ChangeableOrder, id: RefundId, approved: boolean) =>
  become(sold, () => ({ _tag: "DecideRefund", refundId: id, approved })).pipe(
    Effect.catchTag(
      [
        ...keyless,
        "PaymentInProgress",
        "RefundInProgress",
        "OrderStatusConflict",
        "OrderNotCancellable",
        "CancelWindowClosed"
      ],
      Effect.die
    ),
    Effect.map(({ answer }) => answer),
    Effect.catchTag(
      "NotRefundable",
      orAsItIs(sold, (order) =>
        refundsOf(order).some(({ refundId: known, status }) => known === id && (status !== "FAILED") === approved)
      )
    )
  )

export const layer = HttpApiBuilder.group(
  Api,
  "orders",
  Effect.fnUntraced(function* (handlers) {
    const orders = yield* Orders
    const directory = yield* Effect.context<Directory>()
    const changeable = (claimed: ClaimedOrderId) => Effect.provideContext(Policy.changeableOrder(claimed), directory)

    return handlers.handleAll({
      checkout: ({ headers, payload }) =>
        Effect.flatMap(Policy.self, (buyer) => Effect.map(buy(buyer, headers["idempotency-key"], payload), replay)),

      create: ({ headers, payload }) =>
        Effect.flatMap(Policy.self, (buyer) => Effect.map(create(buyer, headers["idempotency-key"], payload), replay)),

      cancel: Effect.fnUntraced(function* ({ params, headers, payload }) {
        const who = yield* Policy.self
        const cancellable = yield* Policy.cancellableOrder(params.orderId)
        const { order, reason } = cancellable
        const { items, reason: note } = payload
        const request = keyed(who, `PUT /orders/${order.of}/cancel`, headers["idempotency-key"], payload)
        const cancelled = become(
          cancellable,
          (id) => ({ _tag: "Cancel", refundId: refundId(id), reason, items, note }),
          request
        )
        return replay(yield* Effect.catchTag(cancelled, ["NotRefundable", "OrderStatusConflict"], Effect.die))
      }),

      progress: ({ params, payload }) =>
        Effect.flatMap(Policy.soldOrder(params.orderId), (sold) => advance(sold, payload.status)),

      confirm: ({ params }) => Effect.flatMap(changeable(params.orderId), (own) => advance(own, "COMPLETED")),

      refund: Effect.fnUntraced(function* ({ headers, payload }) {
        const who = yield* Policy.self
        const { order } = yield* changeable(payload.orderId)
        const request = keyed(who, "POST /refunds", headers["idempotency-key"], payload)
        const asked = askRefund({ request, order, items: payload.items, reason: payload.reason })
        return replay(
          yield* Effect.catchTag(
            asked,
            [
              ...unpaid,
              "StockLimitExceeded",
              "PaymentInProgress",
              "OrderNotCancellable",
              "CancelWindowClosed",
              "OrderStatusConflict"
            ],
            Effect.die
          )
        )
      }),

      decideRefund: ({ params: { orderId, refundId: id }, payload: { approved } }) =>
        Effect.flatMap(Policy.soldOrder(orderId), (sold) => decideRefund(sold, id, approved)),

      list: Effect.fnUntraced(function* ({ query: { userId, status, limit, cursor, view } }) {
        const user = yield* userId === undefined ? Policy.self : Policy.visibleUser(userId)
        const { items, nextCursor } = yield* orders.list(user, { limit, cursor, status })
        return { items: items.map((order) => shown(order, view)), nextCursor }
      }),

      sold: Effect.fnUntraced(function* ({ params, query: { limit, cursor, view } }) {
        const seller = yield* Policy.visibleSeller(params.sellerId)
        const { items, nextCursor } = yield* orders.sold(seller, { limit, cursor })
        return { items: items.map((order) => shown(order, view)), nextCursor }
      }),

      read: ({ params, query }) => Effect.map(Policy.visibleOrder(params.orderId), (order) => shown(order, query.view))
    })
  })
)
