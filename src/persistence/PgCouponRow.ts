/** A coupon's row, as the journal and the lists read it. */
import { Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { type Coupon, CouponCondition, type Discount, IssueBy } from "../domain/Coupon.ts"
import { CouponId, ProductId, UserId } from "../domain/Ids.ts"
import { basisPoints, Money, won } from "../domain/Money.ts"
import { Tier } from "../domain/Tier.ts"
import { nullable } from "./Queries.ts"

const Time = Schema.NullOr(Schema.Int)

export const Terms = {
  couponId: CouponId,
  discountType: Schema.Literals(["FIXED", "PERCENTAGE"]),
  discountValue: Schema.Int,
  maxDiscount: Schema.NullOr(Money),
  minOrderAmount: Money,
  firstPurchaseOnly: Schema.Boolean,
  validFrom: Time,
  validUntil: Time
}

export const CouponRow = Schema.Struct({
  ...Terms,
  sellerId: nullable(UserId),
  productIds: Schema.Array(ProductId),
  categories: Schema.Array(Schema.String),
  tiers: Schema.Array(Tier),
  totalQuantity: Schema.Int,
  perUserLimit: Schema.Int,
  issueBy: Schema.Array(IssueBy),
  issueFrom: Time,
  issueUntil: Time,
  condition: CouponCondition,
  issued: Schema.Int,
  version: Schema.Int
})

export const terms = (sql: SqlClient.SqlClient) => sql`
  'cpn_' || c.coupon_id AS "couponId", c.discount_type AS "discountType", c.discount_value::float8 AS "discountValue",
  c.max_discount::float8 AS "maxDiscount", c.min_order_amount::float8 AS "minOrderAmount",
  c.first_purchase_only AS "firstPurchaseOnly",
  round(extract(epoch FROM c.valid_from) * 1000)::float8 AS "validFrom",
  round(extract(epoch FROM c.valid_until) * 1000)::float8 AS "validUntil"`

export const columns = (sql: SqlClient.SqlClient) => sql`
  ${terms(sql)}, 'usr_' || c.seller_id AS "sellerId",
  ARRAY(SELECT 'prd_' || p FROM unnest(c.product_ids) p) AS "productIds", c.categories, c.tiers,
  c.total_quantity AS "totalQuantity", c.per_user_limit AS "perUserLimit", c.issue_by AS "issueBy",
  round(extract(epoch FROM c.issue_from) * 1000)::float8 AS "issueFrom",
  round(extract(epoch FROM c.issue_until) * 1000)::float8 AS "issueUntil", c.condition, c.issued, c.version`

export const windowOf = (from: number | null, until: number | null) => ({
  from: from ?? undefined,
  until: until ?? undefined
})

export const discountOf = (
  row: Pick<typeof CouponRow.Type, "discountType" | "discountValue" | "maxDiscount">
): Discount =>
  row.discountType === "FIXED"
    ? { _tag: "FIXED", amount: won(row.discountValue) }
    : { _tag: "PERCENTAGE", share: basisPoints(row.discountValue), most: row.maxDiscount ?? undefined }

export const couponOf = (row: typeof CouponRow.Type): Coupon => ({
  couponId: row.couponId,
  sellerId: row.sellerId,
  discount: discountOf(row),
  minOrderAmount: row.minOrderAmount,
  firstPurchaseOnly: row.firstPurchaseOnly,
  productIds: row.productIds,
  categories: row.categories,
  tiers: row.tiers,
  totalQuantity: row.totalQuantity,
  perUserLimit: row.perUserLimit,
  issueBy: row.issueBy,
  issue: windowOf(row.issueFrom, row.issueUntil),
  validity: windowOf(row.validFrom, row.validUntil),
  condition: row.condition,
  issued: row.issued,
  held: 0,
  version: row.version,
  pending: undefined
})
