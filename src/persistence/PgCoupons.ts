import { Effect, Layer, Schema, Struct } from "effect"
import { SqlClient } from "effect/sql"
import { OrderId, UserCouponId, UserId, uuidOf } from "../domain/Ids.ts"
import { UserCouponStatus } from "../domain/UserCoupon.ts"
import {
  CouponCodeTaken,
  type CouponEntry,
  Coupons,
  createdPayload,
  createdRecord,
  cursor,
  userCursor
} from "./Coupons.ts"
import { Rank } from "./Journal.ts"
import { columns, couponOf, CouponRow, discountOf, Terms, terms, windowOf } from "./PgCouponRow.ts"
import * as PgAudit from "./PgAudit.ts"
import { nullable, query } from "./Queries.ts"

const ids = query(Schema.Struct({ coupon_id: Schema.String }))

const Entry = Schema.Struct({
  ...CouponRow.fields,
  code: Schema.String,
  name: Schema.String,
  createdAt: Schema.Int
})
const entries = query(Entry)

const userEntries = query(
  Schema.Struct({
    ...Terms,
    name: Schema.String,
    userCouponId: UserCouponId,
    userId: UserId,
    status: UserCouponStatus,
    rank: Schema.Int,
    orderId: nullable(OrderId),
    issuedAt: Schema.Int
  })
)

const entryOf = ({ code, name, createdAt, ...row }: typeof Entry.Type): CouponEntry => ({
  ...Struct.omit(couponOf(row), ["held", "pending"]),
  code,
  name,
  createdAt
})

export const layer = Layer.effect(
  Coupons,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const entry = sql`
      ${columns(sql)}, c.code, c.name, round(extract(epoch FROM c.created_at) * 1000)::float8 AS "createdAt"`
    const time = (ms: number | undefined) => sql`to_timestamp(${ms === undefined ? null : ms / 1000}::float8)`

    return Coupons.of({
      create: Effect.fn("Coupons.create")(function* (coupon, by) {
        const { code, name, discount, issue, validity } = coupon
        const value = discount._tag === "FIXED" ? discount.amount : discount.share
        const most = discount._tag === "FIXED" ? null : (discount.most ?? null)
        const added = yield* ids(sql`
          WITH added AS (
            INSERT INTO coupons AS c (coupon_id, seller_id, code, name, discount_type, discount_value, max_discount,
              min_order_amount, product_ids, categories, total_quantity, per_user_limit, issue_from, issue_until,
              valid_from, valid_until, created_by)
            VALUES (${uuidOf(coupon.couponId)}, ${coupon.sellerId === undefined ? null : uuidOf(coupon.sellerId)},
              ${code}, ${name}, ${discount._tag}, ${value}, ${most}, ${coupon.minOrderAmount},
              ${`{${coupon.productIds.map(uuidOf).join(",")}}`}::uuid[],
              ARRAY(SELECT json_array_elements_text(${JSON.stringify(coupon.categories)}::json)),
              ${coupon.totalQuantity}, ${coupon.perUserLimit}, ${time(issue.from)}, ${time(issue.until)},
              ${time(validity.from)}, ${time(validity.until)}, ${uuidOf(coupon.createdBy)})
            ON CONFLICT (code) DO NOTHING RETURNING coupon_id
          ), audited AS (${PgAudit.insert(sql, createdRecord(coupon, by), "added")})
          INSERT INTO outbox (transaction_id, type, entity, payload)
            SELECT coupon_id, 'CouponCreated', 'cpn_' || coupon_id, ${createdPayload(coupon)}::json FROM added
            RETURNING transaction_id AS coupon_id`)
        if (added.length === 0) yield* new CouponCodeTaken({ couponCode: code })
      }),

      get: Effect.fn("Coupons.get")(function* (couponId) {
        const [found] = yield* entries(sql`SELECT ${entry} FROM coupons c WHERE coupon_id = ${uuidOf(couponId)}`)
        return found === undefined ? undefined : entryOf(found)
      }),

      issuable: Effect.fn("Coupons.issuable")(function* (request) {
        const after = yield* cursor.read(request)
        const conditions = [
          sql`condition = 'OPEN' AND issued < total_quantity`,
          sql`coalesce(issue_from <= now(), true) AND coalesce(issue_until > now(), true)`
        ]
        if (after !== undefined) conditions.push(sql`coupon_id < ${uuidOf(after)}`)
        const found = yield* entries(sql`
          SELECT ${entry} FROM coupons c WHERE ${sql.and(conditions)}
          ORDER BY coupon_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found.map(entryOf), request, (last) => last.couponId)
      }),

      ofUser: Effect.fn("Coupons.ofUser")(function* (userId, request) {
        const after = yield* userCursor.read(request)
        const status = sql`CASE WHEN u.status IN ('ISSUED', 'REFUNDED') AND c.valid_until <= now() THEN 'EXPIRED'
          ELSE u.status END`
        const conditions = [sql`u.user_id = ${uuidOf(userId)}`]
        if (request.status !== undefined) conditions.push(sql`${status} = ${request.status}`)
        if (after !== undefined) conditions.push(sql`u.user_coupon_id < ${uuidOf(after)}`)
        const found = yield* userEntries(sql`
          SELECT ${terms(sql)}, c.name, 'uco_' || u.user_coupon_id AS "userCouponId", 'usr_' || u.user_id AS "userId",
            ${status} AS status, u.rank, 'ord_' || u.order_id AS "orderId",
            round(extract(epoch FROM u.issued_at) * 1000)::float8 AS "issuedAt"
          FROM user_coupons u JOIN coupons c USING (coupon_id) WHERE ${sql.and(conditions)}
          ORDER BY u.user_coupon_id DESC LIMIT ${request.limit + 1}`)
        const items = found.map(({ discountType, discountValue, maxDiscount, validFrom, validUntil, ...row }) => ({
          ...row,
          rank: Rank(row.rank),
          discount: discountOf({ discountType, discountValue, maxDiscount }),
          validity: windowOf(validFrom, validUntil)
        }))
        return userCursor.page(items, request, (last) => last.userCouponId)
      })
    })
  })
)
