import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Orders, type WaitingRefund } from "../../persistence/Orders.ts"
import { change } from "../../saga/Orders.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import { FinishedRefund } from "../api/Refunds.ts"
import * as Policy from "../Policy.ts"
import { itsOwn } from "./Orders.ts"

const shown = ({ refundId, orderId, amount, reason, items, requestedAt }: WaitingRefund) => ({
  refundId,
  orderId,
  amount,
  ...(reason !== undefined && { reason }),
  items,
  requestedAt: iso(requestedAt)
})

/** What the engine's types allow, and this rules out. */
const impossible = [
  ...itsOwn,
  "UserNotFound",
  "BalanceLimitExceeded",
  "StockLimitExceeded",
  "InsufficientBalance",
  "OrderNotPayable",
  "TooManyPayments",
  "PaymentInProgress",
  "RefundInProgress",
  "AmountMismatch",
  "OrderNotCancellable",
  "CancelWindowClosed",
  "OrderStatusConflict",
  "RequestInProgress",
  "KeyReused"
] as const

export const layer = HttpApiBuilder.group(
  Api,
  "refunds",
  Effect.fnUntraced(function* (handlers) {
    const orders = yield* Orders

    return handlers.handleAll({
      list: Effect.fnUntraced(function* ({ query: { limit, cursor, status } }) {
        const asked = yield* Policy.anybodysRefunds({ limit, cursor, status })
        const { items, nextCursor } = yield* orders.waitingRefunds(asked)
        return { items: items.map((refund) => ({ ...shown(refund), viaGateway: refund.viaGateway })), nextCursor }
      }),

      requested: Effect.fnUntraced(function* ({ params, query: { limit, cursor } }) {
        const asked = yield* Policy.requestedRefunds(params.sellerId, { limit, cursor })
        const { items, nextCursor } = yield* orders.waitingRefunds(asked)
        return { items: items.map(shown), nextCursor }
      }),

      done: Effect.fnUntraced(function* ({ params: { refundId }, payload }) {
        const order = yield* Policy.anybodysOrder(payload.orderId)
        const answer = { refundId, status: "REFUNDED" as const }
        const deed = () => ({ _tag: "Refunded", refundId, byHand: true }) as const
        const isDone = Effect.map(orders.get(order.of), (found) =>
          found?.refunds.some((refund) => refund.refundId === refundId && refund.status === "REFUNDED")
        )
        yield* change({ request: undefined, order, deed, schema: FinishedRefund, answer: () => answer }).pipe(
          Effect.catchTag(impossible, Effect.die),
          Effect.catchTag("NotRefundable", (refusal) =>
            Effect.flatMap(isDone, (already) => (already ? Effect.void : Effect.fail(refusal)))
          )
        )
        return answer
      })
    })
  })
)
