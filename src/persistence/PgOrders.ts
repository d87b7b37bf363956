import { Effect, Layer, Schema, Struct } from "effect"
import { SqlClient } from "effect/sql"
import { OrderId, PaymentId, ProductId, uuidOf } from "../domain/Ids.ts"
import { Money } from "../domain/Money.ts"
import { partOf, Refund } from "../domain/Order.ts"
import { Policy } from "../domain/Policy.ts"
import { GatewayName, Method } from "../domain/Tender.ts"
import { cursor, Orders, paymentCursor, refundCursor } from "./Orders.ts"
import { OrderRow, select } from "./PgOrderRow.ts"
import { nullable, query } from "./Queries.ts"

const orders = query(OrderRow)
const parts = query(Schema.Struct({ ...OrderRow.fields, sold: Schema.Array(ProductId) }))
const ids = query(Schema.Struct({ orderId: OrderId }))
const due = query(Schema.Struct({ orderId: OrderId, dueAt: Schema.Finite }))
const refunds = query(
  Schema.Struct({
    ...Struct.pick(Refund.fields, ["refundId", "amount", "viaGateway", "items", "requestedAt"]),
    orderId: OrderId,
    reason: nullable(Schema.String)
  })
)

const stuckPayments = query(
  Schema.Struct({
    paymentId: PaymentId,
    orderId: OrderId,
    method: Method,
    gateway: GatewayName,
    amount: Money,
    paymentDeadline: Schema.Finite
  })
)

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return Orders.of({
      get: Effect.fn("Orders.get")(function* (orderId) {
        const [found] = yield* orders(sql`${select(sql)} WHERE order_id = ${uuidOf(orderId)}`)
        return found
      }),

      due: Effect.fn("Orders.due")(function* (by, limit, after) {
        const conditions = [sql`due_at <= to_timestamp(${by} / 1000.0)`]
        if (after !== undefined) {
          conditions.push(sql`(due_at, order_id) > (to_timestamp(${after.dueAt} / 1000.0), ${uuidOf(after.orderId)})`)
        }
        return yield* due(sql`
          SELECT 'ord_' || order_id AS "orderId", round(extract(epoch FROM due_at) * 1000)::float8 AS "dueAt"
          FROM orders WHERE ${sql.and(conditions)} ORDER BY due_at, order_id LIMIT ${limit}`)
      }),

      ofPaymentKey: Effect.fn("Orders.ofPaymentKey")(function* (key) {
        const [found] = yield* ids(sql`
          SELECT 'ord_' || order_id AS "orderId" FROM payments
          WHERE key_digest(payment_key) = key_digest(${key}) AND payment_key IS NOT NULL AND status <> 'FAILED'`)
        return found?.orderId
      }),

      waitingRefunds: Effect.fn("Orders.waitingRefunds")(function* ({ of: request }) {
        const after = yield* refundCursor.read(request)
        const { status, sellerId } = request
        // Literal, as in the conditions of the indexes.
        const conditions = [status === "MANUAL" ? sql`status = 'MANUAL'` : sql`status = 'REFUND_REQUESTED'`]
        if (after !== undefined) conditions.push(sql`refund_id > ${uuidOf(after)}`)
        if (sellerId !== undefined) {
          conditions.push(sql`NOT EXISTS (
            SELECT FROM json_to_recordset(items) i("productId" text)
            JOIN products p ON p.product_id = substr(i."productId", 5)::uuid
            WHERE p.seller_id <> ${uuidOf(sellerId)})`)
        }
        const found = yield* refunds(sql`
          SELECT 'rfd_' || refund_id AS "refundId", 'ord_' || order_id AS "orderId", amount::float8 AS amount,
            via_gateway::float8 AS "viaGateway", reason, items,
            round(extract(epoch FROM requested_at) * 1000)::float8 AS "requestedAt"
          FROM refunds WHERE ${sql.and(conditions)} ORDER BY refund_id LIMIT ${request.limit + 1}`)
        return refundCursor.page(found, request, (last) => last.refundId)
      }),

      stuckPayments: Effect.fn("Orders.stuckPayments")(function* ({ of: request }, at) {
        const after = yield* paymentCursor.read(request)
        const conditions = [
          sql`o.status = 'CREATED' AND o.due_at IS NOT NULL AND p.status = 'GATEWAY_REQUESTED'`,
          sql`o.pay_until <= to_timestamp(${at - Policy.payment.attemptTimeoutMs} / 1000.0)`
        ]
        if (after !== undefined) conditions.push(sql`p.payment_id > ${uuidOf(after)}`)
        const found = yield* stuckPayments(sql`
          SELECT 'pay_' || p.payment_id AS "paymentId", 'ord_' || p.order_id AS "orderId", p.method, p.gateway,
            p.amount::float8 AS amount, round(extract(epoch FROM o.pay_until) * 1000)::float8 AS "paymentDeadline"
          FROM orders o JOIN payments p USING (order_id)
          WHERE ${sql.and(conditions)} ORDER BY p.payment_id LIMIT ${request.limit + 1}`)
        return paymentCursor.page(found, request, (last) => last.paymentId)
      }),

      hasOpen: Effect.fn("Orders.hasOpen")(function* (userId) {
        const found = yield* ids(sql`
          SELECT 'ord_' || order_id AS "orderId" FROM orders
          WHERE user_id = ${uuidOf(userId)} AND status NOT IN ('COMPLETED', 'CANCELLED')
          UNION ALL
          SELECT 'ord_' || o.order_id FROM products p JOIN order_lines l USING (product_id) JOIN orders o USING (order_id)
          WHERE p.seller_id = ${uuidOf(userId)} AND o.status NOT IN ('COMPLETED', 'CANCELLED') LIMIT 1`)
        return found.length > 0
      }),

      list: Effect.fn("Orders.list")(function* (userId, request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`user_id = ${uuidOf(userId)}`]
        if (request.status !== undefined) conditions.push(sql`status = ${request.status}`)
        if (after !== undefined) conditions.push(sql`order_id < ${uuidOf(after)}`)
        const found = yield* orders(sql`
          ${select(sql)} WHERE ${sql.and(conditions)} ORDER BY order_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found, request, (last) => last.orderId)
      }),

      sold: Effect.fn("Orders.sold")(function* ({ of: seller }, request) {
        const after = yield* cursor.read(request)
        const before = after === undefined ? sql`true` : sql`l.order_id < ${uuidOf(after)}`
        const mine = sql`p.seller_id = ${uuidOf(seller)}`
        // Of each product the newest: what the page has is among them.
        const found = yield* parts(sql`
          SELECT each.*, (
            SELECT json_agg('prd_' || l.product_id ORDER BY l.line) FROM order_lines l JOIN products p USING (product_id)
            WHERE l.order_id = substr(each."orderId", 5)::uuid AND ${mine}) AS sold
          FROM (${select(sql)} WHERE order_id IN (
            SELECT DISTINCT newest.order_id FROM products p CROSS JOIN LATERAL (
              SELECT l.order_id FROM order_lines l WHERE l.product_id = p.product_id AND ${before}
              ORDER BY l.order_id DESC LIMIT ${request.limit + 1}) newest
            WHERE ${mine} ORDER BY newest.order_id DESC LIMIT ${request.limit + 1})) each
          ORDER BY each."orderId" DESC`)
        const items = found.flatMap(({ sold, ...order }) => {
          const theirs = new Set(sold)
          return partOf(order, ({ productId }) => theirs.has(productId)) ?? []
        })
        return cursor.page(items, request, (last) => last.orderId)
      })
    })
  })
)
