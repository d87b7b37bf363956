import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { OrderId, RefundId, uuidOf } from "../domain/Ids.ts"
import { Money } from "../domain/Money.ts"
import { cursor, Orders, refundCursor } from "./Orders.ts"
import { OrderRow, select } from "./PgOrderRow.ts"
import { query } from "./Queries.ts"

const orders = query(OrderRow)
const ids = query(Schema.Struct({ orderId: OrderId }))
const due = query(Schema.Struct({ orderId: OrderId, dueAt: Schema.Finite }))
const refunds = query(
  Schema.Struct({
    refundId: RefundId,
    orderId: OrderId,
    amount: Money,
    viaGateway: Money,
    requestedAt: Schema.Finite
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

      manualRefunds: Effect.fn("Orders.manualRefunds")(function* ({ of: request }) {
        const after = yield* refundCursor.read(request)
        const conditions = [sql`status = 'MANUAL'`]
        if (after !== undefined) conditions.push(sql`refund_id > ${uuidOf(after)}`)
        const found = yield* refunds(sql`
          SELECT 'rfd_' || refund_id AS "refundId", 'ord_' || order_id AS "orderId", amount::float8 AS amount,
            via_gateway::float8 AS "viaGateway", round(extract(epoch FROM requested_at) * 1000)::float8 AS "requestedAt"
          FROM refunds WHERE ${sql.and(conditions)} ORDER BY refund_id LIMIT ${request.limit + 1}`)
        return refundCursor.page(found, request, (last) => last.refundId)
      }),

      hasOpen: Effect.fn("Orders.hasOpen")(function* (userId) {
        const found = yield* ids(sql`
          SELECT 'ord_' || order_id AS "orderId" FROM orders
          WHERE user_id = ${uuidOf(userId)} AND status NOT IN ('COMPLETED', 'CANCELLED') LIMIT 1`)
        return found.length > 0
      }),

      list: Effect.fn("Orders.list")(function* (userId, request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`user_id = ${uuidOf(userId)}`]
        if (after !== undefined) conditions.push(sql`order_id < ${uuidOf(after)}`)
        const found = yield* orders(sql`
          ${select(sql)} WHERE ${sql.and(conditions)} ORDER BY order_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
