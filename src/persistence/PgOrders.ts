import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { OrderId, PaymentId, ProductId, UserCouponId, UserId, uuidOf } from "../domain/Ids.ts"
import { Money, Price, Quantity } from "../domain/Money.ts"
import { OrderStatus } from "../domain/Order.ts"
import { cursor, Orders } from "./Orders.ts"
import { nullable, query } from "./Queries.ts"

const Line = Schema.Struct({
  productId: ProductId,
  name: Schema.String,
  unitPrice: Price,
  quantity: Quantity,
  amount: Money,
  discount: Money
})
const Payment = Schema.Struct({ paymentId: PaymentId, method: Schema.Literals(["WALLET"]), amount: Money })

const orders = query(
  Schema.Struct({
    orderId: OrderId,
    userId: UserId,
    status: OrderStatus,
    lines: Schema.Array(Line),
    payments: Schema.Array(Payment),
    totalAmount: Money,
    discountAmount: Money,
    userCouponId: nullable(UserCouponId),
    paidAmount: Money,
    createdAt: Schema.Int
  })
)

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const select = sql`
      SELECT 'ord_' || order_id AS "orderId", 'usr_' || user_id AS "userId", status,
        (SELECT coalesce(json_agg(json_build_object('productId', 'prd_' || product_id, 'name', name,
            'unitPrice', unit_price, 'quantity', quantity, 'amount', amount, 'discount', discount) ORDER BY line), '[]')
          FROM order_lines l WHERE l.order_id = o.order_id) AS lines,
        (SELECT coalesce(json_agg(json_build_object('paymentId', 'pay_' || payment_id, 'method', method,
            'amount', amount) ORDER BY payment_id), '[]')
          FROM payments p WHERE p.order_id = o.order_id) AS payments,
        total_amount::float8 AS "totalAmount", discount_amount::float8 AS "discountAmount",
        'uco_' || user_coupon_id AS "userCouponId",
        paid_amount::float8 AS "paidAmount", round(extract(epoch FROM created_at) * 1000)::float8 AS "createdAt"
      FROM orders o`

    return Orders.of({
      get: Effect.fn("Orders.get")(function* (orderId) {
        const [found] = yield* orders(sql`${select} WHERE order_id = ${uuidOf(orderId)}`)
        return found
      }),

      list: Effect.fn("Orders.list")(function* (userId, request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`user_id = ${uuidOf(userId)}`]
        if (after !== undefined) conditions.push(sql`order_id < ${uuidOf(after)}`)
        const found = yield* orders(sql`
          ${select} WHERE ${sql.and(conditions)} ORDER BY order_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
