import { Effect, Layer } from "effect"
import { uuidOf } from "../domain/Ids.ts"
import { dueAt } from "../domain/OrderLife.ts"
import { MemoryTables } from "./MemoryTables.ts"
import { cursor, type DueOrder, Orders, refundCursor } from "./Orders.ts"

const compare = (a: DueOrder, b: DueOrder) =>
  a.dueAt - b.dueAt || Number(a.orderId > b.orderId) - Number(a.orderId < b.orderId)

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const { orders } = yield* MemoryTables
    return Orders.of({
      get: (id) => Effect.sync(() => orders.get(uuidOf(id))),

      due: (by, limit, after) =>
        Effect.sync(() =>
          Array.from(orders.values())
            .flatMap((order) => {
              const at = dueAt(order)
              return at === undefined || at > by ? [] : [{ orderId: order.orderId, dueAt: at }]
            })
            .filter((due) => after === undefined || compare(due, after) > 0)
            .toSorted(compare)
            .slice(0, limit)
        ),

      ofPaymentKey: (key) =>
        Effect.sync(
          () =>
            Array.from(orders.values()).find(({ payments }) =>
              payments.some(({ paymentKey, status }) => paymentKey === key && status !== "FAILED")
            )?.orderId
        ),

      manualRefunds: Effect.fnUntraced(function* ({ of: request }) {
        const after = yield* refundCursor.read(request)
        const found = Array.from(orders.values())
          .flatMap(({ orderId, refunds }) =>
            refunds.flatMap(({ refundId, amount, viaGateway, status, requestedAt }) =>
              status === "MANUAL" ? [{ refundId, orderId, amount, viaGateway, requestedAt }] : []
            )
          )
          .filter(({ refundId }) => after === undefined || refundId > after)
          .toSorted((a, b) => (a.refundId < b.refundId ? -1 : 1))
        return refundCursor.page(found, request, (last) => last.refundId)
      }),

      hasOpen: (user) =>
        Effect.sync(() =>
          Array.from(orders.values()).some(
            ({ userId, status }) => userId === user && status !== "COMPLETED" && status !== "CANCELLED"
          )
        ),

      list: Effect.fnUntraced(function* (user, request) {
        const after = yield* cursor.read(request)
        const found = Array.from(orders.values())
          .filter((order) => order.userId === user && (after === undefined || order.orderId < after))
          .toSorted((a, b) => (a.orderId < b.orderId ? 1 : -1))
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
