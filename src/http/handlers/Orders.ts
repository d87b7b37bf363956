import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { UserId } from "../../domain/Ids.ts"
import { type Order, type OrderView, statusView } from "../../domain/Order.ts"
import { Orders } from "../../persistence/Orders.ts"
import { checkout } from "../../saga/Checkout.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import type { Checkout } from "../api/Orders.ts"
import { replay } from "../api/Fields.ts"
import { keyed } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"

const shown = ({ userCouponId, ...order }: Order, view: OrderView | undefined) => {
  const status = view === undefined ? order.status : statusView(order.status, view)
  const createdAt = iso(order.createdAt)
  const coupon = userCouponId === undefined ? {} : { userCouponId }
  return { ...order, ...coupon, status, statusHistory: [{ status, at: createdAt }], createdAt }
}

/** What the engine's types allow, and a purchase rules out. */
const impossible = [
  "StaleVersion",
  "StockLimitExceeded",
  "BalanceLimitExceeded",
  "BalanceRemaining",
  "CouponNotFound",
  "CouponExhausted",
  "CouponNotIssuable",
  "CouponAlreadyIssued",
  "CouponNotRevocable",
  "CouponUndecided"
] as const

export const buy = (buyer: UserId, key: string, payload: typeof Checkout.Type) => {
  const { items, userCouponId, expectedTotal } = payload
  const request = keyed(buyer, "POST /checkout", key, payload)
  return Effect.catchTag(checkout({ request, buyer, items, userCouponId, expectedTotal }), impossible, Effect.die)
}

export const layer = HttpApiBuilder.group(
  Api,
  "orders",
  Effect.fnUntraced(function* (handlers) {
    const orders = yield* Orders

    return handlers.handleAll({
      checkout: ({ headers, payload }) =>
        Effect.flatMap(Policy.self, (buyer) => Effect.map(buy(buyer, headers["idempotency-key"], payload), replay)),

      list: Effect.fnUntraced(function* ({ query: { userId, limit, cursor, view } }) {
        const user = yield* userId === undefined ? Policy.self : Policy.visibleUser(userId)
        const { items, nextCursor } = yield* orders.list(user, { limit, cursor })
        return { items: items.map((order) => shown(order, view)), nextCursor }
      }),

      read: ({ params, query }) => Effect.map(Policy.visibleOrder(params.orderId), (order) => shown(order, query.view))
    })
  })
)
