import { Effect, Layer } from "effect"
import { type ProductId, type UserId, uuidOf } from "../domain/Ids.ts"
import { partOf } from "../domain/Order.ts"
import { dueAt, stuck } from "../domain/OrderLife.ts"
import { MemoryTables } from "./MemoryTables.ts"
import { cursor, type DueOrder, Orders, paymentCursor, refundCursor } from "./Orders.ts"

const compare = (a: DueOrder, b: DueOrder) =>
  a.dueAt - b.dueAt || Number(a.orderId > b.orderId) - Number(a.orderId < b.orderId)

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const { orders, products } = yield* MemoryTables
    const isOf = (seller: UserId) => (line: { readonly productId: ProductId }) =>
      products.get(uuidOf(line.productId))?.seller === uuidOf(seller)
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

      waitingRefunds: Effect.fnUntraced(function* ({ of: request }) {
        const after = yield* refundCursor.read(request)
        const { status, sellerId } = request
        const found = Array.from(orders.values())
          .flatMap(({ orderId, refunds }) =>
            refunds
              .filter((refund) => refund.status === status)
              .map(({ refundId, amount, viaGateway, reason, items, requestedAt }) => {
                return { refundId, orderId, amount, viaGateway, reason, items, requestedAt }
              })
          )
          .filter(({ refundId }) => after === undefined || refundId > after)
          .filter(({ items }) => sellerId === undefined || items.every(isOf(sellerId)))
          .toSorted((a, b) => (a.refundId < b.refundId ? -1 : 1))
        return refundCursor.page(found, request, (last) => last.refundId)
      }),

      stuckPayments: Effect.fnUntraced(function* ({ of: request }, at) {
        const after = yield* paymentCursor.read(request)
        const found = Array.from(orders.values())
          .flatMap((order) => {
            const payment = stuck(order, at)
            if (payment?.gateway === undefined) return []
            const { paymentId, method, gateway, amount } = payment
            return [
              {
                paymentId,
                orderId: order.orderId,
                method,
                gateway,
                amount,
                paymentDeadline: order.paymentDeadline ?? 0
              }
            ]
          })
          .filter(({ paymentId }) => after === undefined || paymentId > after)
          .toSorted((a, b) => (a.paymentId < b.paymentId ? -1 : 1))
        return paymentCursor.page(found, request, (last) => last.paymentId)
      }),
      hasOpen: (user) =>
        Effect.sync(() =>
          Array.from(orders.values()).some(
            ({ userId, status, lines }) =>
              (userId === user || lines.some(isOf(user))) && status !== "COMPLETED" && status !== "CANCELLED"
          )
        ),

      list: Effect.fnUntraced(function* (user, request) {
        const after = yield* cursor.read(request)
        const found = Array.from(orders.values())
          .filter(({ userId, orderId }) => userId === user && (after === undefined || orderId < after))
          .filter(({ status }) => request.status === undefined || request.status === status)
          .toSorted((a, b) => (a.orderId < b.orderId ? 1 : -1))
        return cursor.page(found, request, (last) => last.orderId)
      }),

      sold: Effect.fnUntraced(function* ({ of: seller }, request) {
        const after = yield* cursor.read(request)
        const found = Array.from(orders.values())
          .filter(({ orderId }) => after === undefined || orderId < after)
          .flatMap((order) => partOf(order, isOf(seller)) ?? [])
          .toSorted((a, b) => (a.orderId < b.orderId ? 1 : -1))
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
