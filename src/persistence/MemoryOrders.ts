import { Effect, Layer } from "effect"
import { orderId, paymentId, productId, userCouponId, userId, uuidOf } from "../domain/Ids.ts"
import { pieces, won } from "../domain/Money.ts"
import type { Order } from "../domain/Order.ts"
import { MemoryTables, type OrderRecord } from "./MemoryTables.ts"
import { cursor, Orders } from "./Orders.ts"

const orderOf = ({ order, lines, payments }: OrderRecord): Order => ({
  orderId: orderId(order.order),
  userId: userId(order.user),
  status: order.status,
  lines: lines.map(({ product, name, price, quantity, discount }) => ({
    productId: productId(product),
    name,
    unitPrice: won(price),
    quantity: pieces(quantity),
    amount: won(price * quantity),
    discount: won(discount)
  })),
  payments: payments.map(({ payment, method, amount }) => ({
    paymentId: paymentId(payment),
    method,
    amount: won(amount)
  })),
  totalAmount: won(order.total),
  discountAmount: won(order.discount),
  userCouponId: order.userCoupon === null ? undefined : userCouponId(order.userCoupon),
  paidAmount: won(order.paid),
  createdAt: order.created
})

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const { orders } = yield* MemoryTables
    return Orders.of({
      get: (id) =>
        Effect.sync(() => {
          const record = orders.get(uuidOf(id))
          return record === undefined ? undefined : orderOf(record)
        }),

      list: Effect.fnUntraced(function* (user, request) {
        const after = yield* cursor.read(request)
        const found = Array.from(orders.values(), orderOf)
          .filter((order) => order.userId === user && (after === undefined || order.orderId < after))
          .toSorted((a, b) => (a.orderId < b.orderId ? 1 : -1))
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
