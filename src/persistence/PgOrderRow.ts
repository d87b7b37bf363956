/** An order as the database has it: what the repository shows and what the actor is loaded from. */
import { Schema, Struct } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import { UserCouponId } from "../domain/Ids.ts"
import { CancelReason, Order, Payment, Refund } from "../domain/Order.ts"
import { GatewayName, GatewayTransactionId, PaymentKey } from "../domain/Tender.ts"
import { nullable } from "./Queries.ts"

export const OrderRow = Schema.Struct({
  ...Order.fields,
  cancelReason: nullable(CancelReason),
  payments: Schema.Array(
    Schema.Struct({
      ...Struct.omit(Payment.fields, ["gateway", "paymentKey", "gatewayId", "dueAt"]),
      gateway: nullable(GatewayName),
      paymentKey: nullable(PaymentKey),
      gatewayId: nullable(GatewayTransactionId),
      dueAt: nullable(Schema.Finite)
    })
  ),
  refunds: Schema.Array(
    Schema.Struct({
      ...Struct.omit(Refund.fields, ["dueAt", "reason"]),
      dueAt: nullable(Schema.Finite),
      reason: nullable(Schema.String)
    })
  ),
  userCouponId: nullable(UserCouponId),
  paymentDeadline: nullable(Schema.Finite),
  paidAt: nullable(Schema.Finite),
  shippingAddress: nullable(Schema.String)
})

/** Everything of orders, of which `WHERE` says which: `o` is the order. */
export const select = (sql: SqlClient.SqlClient): Statement.Fragment => {
  const ms = (column: string) => sql`round(extract(epoch FROM ${sql(column)}) * 1000)::float8`
  return sql`
    SELECT 'ord_' || order_id AS "orderId", 'usr_' || user_id AS "userId", status, cancel_reason AS "cancelReason",
      (SELECT coalesce(json_agg(json_build_object('productId', 'prd_' || product_id, 'name', name,
          'unitPrice', unit_price, 'quantity', quantity, 'amount', amount, 'discount', discount,
          'cancelled', cancelled) ORDER BY line), '[]')
        FROM order_lines l WHERE l.order_id = o.order_id) AS lines,
      (SELECT coalesce(json_agg(json_build_object('paymentId', 'pay_' || payment_id, 'method', method,
          'amount', amount, 'status', p.status, 'refunded', refunded, 'gateway', gateway, 'paymentKey', payment_key,
          'gatewayId', gateway_id, 'dueAt', ${ms("p.due_at")}) ORDER BY payment_id, method), '[]')
        FROM payments p WHERE p.order_id = o.order_id) AS payments,
      (SELECT coalesce(json_agg(json_build_object('refundId', 'rfd_' || refund_id, 'amount', amount,
          'viaGateway', via_gateway, 'status', r.status, 'attempts', attempts, 'dueAt', ${ms("r.due_at")},
          'reason', reason, 'items', items, 'requestedAt', ${ms("requested_at")}) ORDER BY refund_id), '[]')
        FROM refunds r WHERE r.order_id = o.order_id) AS refunds,
      total_amount::float8 AS "totalAmount", discount_amount::float8 AS "discountAmount",
      'uco_' || user_coupon_id AS "userCouponId", paid_amount::float8 AS "paidAmount",
      ${ms("created_at")} AS "createdAt", ${ms("pay_until")} AS "paymentDeadline",
      CASE WHEN pay_until IS NULL THEN ${ms("created_at")} ELSE ${ms("paid_at")} END AS "paidAt",
      address AS "shippingAddress", version,
      (SELECT json_agg(json_strip_nulls(json_build_object('status', status, 'at', ms, 'note', note)) ORDER BY n) FROM (
        SELECT 1 AS n, CASE WHEN pay_until IS NULL THEN 'CONFIRMED' ELSE 'CREATED' END AS status,
          ${ms("o.created_at")} AS ms, NULL AS note
        UNION ALL
        SELECT 2, 'CONFIRMED', ${ms("o.paid_at")}, NULL WHERE o.pay_until IS NOT NULL AND o.paid_at IS NOT NULL
        UNION ALL
        SELECT n, h.status, ${ms("h.at")}, note FROM order_history h WHERE h.order_id = o.order_id
      ) every_status) AS history
    FROM orders o`
}
