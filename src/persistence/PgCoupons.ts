import { Effect, Layer, Schema, Struct } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { GrantOn } from "../domain/Coupon.ts"
import { CouponId, OrderId, UserCouponId, UserId, uuidOf } from "../domain/Ids.ts"
import { Money, zero } from "../domain/Money.ts"
import { UserCouponStatus } from "../domain/UserCoupon.ts"
import {
  CouponCodeTaken,
  type CouponEntry,
  Coupons,
  createdPayload,
  createdRecord,
  cursor,
  owedForMs,
  userCursor
} from "./Coupons.ts"
import { Rank } from "./Journal.ts"
import { columns, couponOf, CouponRow, discountOf, Terms, terms, windowOf } from "./PgCouponRow.ts"
import * as PgAudit from "./PgAudit.ts"
import { nullable, query, storable } from "./Queries.ts"

const creations = query(Schema.Struct({ verdict: Schema.Literals(["CREATED", "CODE_TAKEN"]) }))
const isCodeTaken = ({ reason }: SqlError.SqlError) =>
  reason._tag === "UniqueViolation" && reason.constraint === "coupons_code_key"

const owed = query(Schema.Struct({ userId: UserId, couponId: CouponId }))
const couponIds = query(Schema.Struct({ couponId: CouponId }))

const Entry = Schema.Struct({
  ...CouponRow.fields,
  code: Schema.String,
  name: Schema.String,
  grantOn: nullable(GrantOn),
  createdAt: Schema.Int
})
const entries = query(Entry)

const statistics = query(
  Schema.Struct({
    issued: Schema.Int,
    used: Schema.Int,
    held: Schema.Int,
    refunded: Schema.Int,
    revoked: Schema.Int,
    expired: Schema.Int,
    totalDiscount: Money
  })
)
const noneIssued = { issued: 0, used: 0, held: 0, refunded: 0, revoked: 0, expired: 0, totalDiscount: zero }

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

const entryOf = ({ code, name, grantOn, createdAt, ...row }: typeof Entry.Type): CouponEntry => ({
  ...Struct.omit(couponOf(row), ["held", "pending"]),
  code,
  name,
  grantOn,
  createdAt
})

export const layer = Layer.effect(
  Coupons,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const entry = sql`
      ${columns(sql)}, c.code, c.name, c.grant_on AS "grantOn", round(extract(epoch FROM c.created_at) * 1000)::float8 AS "createdAt"`
    const time = (ms: number | undefined) => sql`to_timestamp(${ms === undefined ? null : ms / 1000}::float8)`

    const open = sql`condition = 'OPEN'
      AND coalesce(issue_from <= now(), true) AND coalesce(least(issue_until, valid_until) > now(), true)`

    const status = sql`CASE WHEN u.status IN ('ISSUED', 'REFUNDED') AND c.valid_until <= now() THEN 'EXPIRED'
      ELSE u.status END`

    return Coupons.of({
      create: Effect.fn("Coupons.create")(function* (coupon, by, { key, answered }) {
        const { code, name, discount, issue, validity } = coupon
        const value = discount._tag === "FIXED" ? discount.amount : discount.share
        const most = discount._tag === "FIXED" ? null : (discount.most ?? null)
        const id = uuidOf(coupon.couponId)
        // Whoever repeats a request waits here for the first. A code that is taken fails all of it, the key too.
        const created = sql`
          WITH once AS (
            INSERT INTO transactions (key, id, fences, body_hash, answer)
            VALUES (${key}, ${id}, '', ${answered?.bodyHash ?? null}, ${answered?.answer ?? null})
            ON CONFLICT (key) DO NOTHING RETURNING id
          ), added AS (
            INSERT INTO coupons AS c (coupon_id, seller_id, code, name, discount_type, discount_value, max_discount,
              min_order_amount, first_purchase_only, product_ids, categories, tiers, total_quantity, per_user_limit, issue_by, grant_on, issue_from, issue_until,
              valid_from, valid_until, created_by)
            SELECT id, ${coupon.sellerId === undefined ? null : uuidOf(coupon.sellerId)}::uuid,
              ${code}, ${name}, ${discount._tag}, ${value}::bigint, ${most}::bigint, ${coupon.minOrderAmount}::bigint,
              ${coupon.firstPurchaseOnly}::boolean,
              ${`{${coupon.productIds.map(uuidOf).join(",")}}`}::uuid[],
              ARRAY(SELECT json_array_elements_text(${JSON.stringify(coupon.categories)}::json)),
              ${`{${coupon.tiers.join(",")}}`}::text[],
              ${coupon.totalQuantity}::int, ${coupon.perUserLimit}::smallint,
              ${`{${coupon.issueBy.join(",")}}`}::text[], ${coupon.grantOn ?? null}, ${time(issue.from)},
              ${time(issue.until)}, ${time(validity.from)}, ${time(validity.until)}, ${uuidOf(coupon.createdBy)}::uuid
            FROM once RETURNING coupon_id
          ), audited AS (${PgAudit.insert(sql, createdRecord(coupon, by), "added")})
          INSERT INTO outbox (transaction_id, type, entity, payload)
            SELECT coupon_id, 'CouponCreated', 'cpn_' || coupon_id, ${createdPayload(coupon)}::json FROM added
            RETURNING 'CREATED' AS verdict`
        const [first] = yield* creations(
          Effect.catchIf(created, isCodeTaken, () => Effect.succeed([{ verdict: "CODE_TAKEN" }]))
        )
        if (first?.verdict === "CODE_TAKEN") return yield* new CouponCodeTaken({ couponCode: code })
        return first !== undefined
      }),

      get: Effect.fn("Coupons.get")(function* (couponId) {
        const [found] = yield* entries(sql`SELECT ${entry} FROM coupons c WHERE coupon_id = ${uuidOf(couponId)}`)
        return found === undefined ? undefined : entryOf(found)
      }),

      statistics: Effect.fn("Coupons.statistics")(function* (couponId) {
        const [found = noneIssued] = yield* statistics(sql`
          SELECT count(*)::float8 AS issued,
            count(*) FILTER (WHERE status = 'USED')::float8 AS used,
            count(*) FILTER (WHERE status = 'HELD')::float8 AS held,
            count(*) FILTER (WHERE status = 'REFUNDED')::float8 AS refunded,
            count(*) FILTER (WHERE status = 'REVOKED')::float8 AS revoked,
            count(*) FILTER (WHERE status = 'EXPIRED')::float8 AS expired,
            coalesce(sum(discount), 0)::float8 AS "totalDiscount"
          FROM (
            SELECT ${status} AS status, o.discount_amount AS discount
            FROM user_coupons u JOIN coupons c USING (coupon_id)
            LEFT JOIN orders o ON o.order_id = u.order_id AND u.status = 'USED'
            WHERE u.coupon_id = ${uuidOf(couponId)}
          ) each`)
        return found
      }),

      takeOwed: Effect.fn("Coupons.takeOwed")((limit) =>
        owed(sql`
          UPDATE owed_coupons o SET due = now() + ${owedForMs} * interval '1 millisecond'
          FROM (
            SELECT user_id, coupon_id FROM owed_coupons WHERE due <= now()
            ORDER BY due, user_id LIMIT ${limit} FOR UPDATE SKIP LOCKED
          ) waiting
          WHERE o.user_id = waiting.user_id AND o.coupon_id = waiting.coupon_id
          RETURNING 'usr_' || o.user_id AS "userId", 'cpn_' || o.coupon_id AS "couponId"`)
      ),

      settleOwed: Effect.fn("Coupons.settleOwed")(function* ({ userId, couponId }) {
        yield* owed(sql`
          DELETE FROM owed_coupons WHERE user_id = ${uuidOf(userId)} AND coupon_id = ${uuidOf(couponId)}`)
      }),

      claimable: Effect.fn("Coupons.claimable")(function* (code) {
        if (!storable(code)) return undefined
        const [found] = yield* couponIds(sql`
          SELECT 'cpn_' || coupon_id AS "couponId" FROM coupons
          WHERE code = ${code} AND 'CODE' = ANY (issue_by) AND ${open}`)
        return found?.couponId
      }),

      issuable: Effect.fn("Coupons.issuable")(function* (request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`'FIRST_COME' = ANY (issue_by) AND had_until > now()`, open]
        if (after !== undefined) conditions.push(sql`coupon_id < ${uuidOf(after)}`)
        const found = yield* entries(sql`
          SELECT ${entry} FROM coupons c WHERE ${sql.and(conditions)}
          ORDER BY coupon_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found.map(entryOf), request, (last) => last.couponId)
      }),

      ofSeller: Effect.fn("Coupons.ofSeller")(function* ({ of: seller }, request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`seller_id = ${uuidOf(seller)}`]
        if (after !== undefined) conditions.push(sql`coupon_id < ${uuidOf(after)}`)
        const found = yield* entries(sql`
          SELECT ${entry} FROM coupons c WHERE ${sql.and(conditions)}
          ORDER BY coupon_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found.map(entryOf), request, (last) => last.couponId)
      }),

      ofUser: Effect.fn("Coupons.ofUser")(function* (userId, request) {
        const after = yield* userCursor.read(request)
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
