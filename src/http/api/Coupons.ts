import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { CouponQuantity, CouponStatus, PerUserLimit } from "../../domain/Coupon.ts"
import { CouponId, OrderId, ProductId, UserCouponId, UserId } from "../../domain/Ids.ts"
import { maxPrice, Money } from "../../domain/Money.ts"
import { Policy } from "../../domain/Policy.ts"
import { UserCouponStatus } from "../../domain/UserCoupon.ts"
import {
  ClaimedCouponId,
  ClaimedProductId,
  ClaimedUserId,
  IdempotencyKey,
  IfMatch,
  Line,
  Moment,
  page,
  PageQuery,
  replayable,
  Timestamp,
  versioned
} from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, changing, keyed, problems, writing } from "./Problems.ts"

const { nameMax, codeMax, productsMost, categoriesMost } = Policy.coupon

const Code = Schema.String.check(
  Schema.isPattern(new RegExp(`^[A-Za-z0-9][A-Za-z0-9_-]{2,${codeMax - 1}}$`, "u"), {
    expected: `3 to ${codeMax} letters, digits, _ or -`
  })
)
const DiscountType = Schema.Literals(["FIXED", "PERCENTAGE"])
const Won = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxPrice })).pipe(Schema.brand("Money"))

const terms = {
  name: Schema.String,
  discountType: DiscountType,
  /** In won, or in percent. */
  discountValue: Schema.Finite,
  maxDiscount: Schema.NullOr(Money),
  /** The least total of an order. */
  minOrderAmount: Money,
  validFrom: Schema.NullOr(Timestamp),
  validUntil: Schema.NullOr(Timestamp)
}

const shown = {
  couponId: CouponId,
  ...terms,
  /** Whose products it is for; `null`: anybody's. */
  sellerId: Schema.NullOr(UserId),
  /** What it is for; none: all. */
  productIds: Schema.Array(ProductId),
  categories: Schema.Array(Schema.String),
  totalQuantity: Schema.Int,
  issuedQuantity: Schema.Int,
  perUserLimit: Schema.Int,
  issueFrom: Schema.NullOr(Timestamp),
  issueUntil: Schema.NullOr(Timestamp),
  status: CouponStatus,
  /** Counts edits; also the ETag. */
  version: Schema.Int,
  createdAt: Timestamp
}

export const Coupon = Schema.Struct(shown).annotate({ identifier: "Coupon" })

/** The code is for those who manage it, and for whom they tell. */
export const ManagedCoupon = Schema.Struct({ ...shown, code: Schema.String }).annotate({ identifier: "ManagedCoupon" })

const percentage = Schema.makeFilter(
  ({
    discountType,
    discountValue
  }: {
    readonly discountType: "FIXED" | "PERCENTAGE"
    readonly discountValue: number
  }) => discountType === "FIXED" || discountValue <= 100,
  { expected: "a discountValue of at most 100 for a PERCENTAGE" }
)
const cap = Schema.makeFilter(
  ({ discountType, maxDiscount }: { readonly discountType: "FIXED" | "PERCENTAGE"; readonly maxDiscount?: number }) =>
    discountType === "PERCENTAGE" || maxDiscount === undefined,
  { expected: "a maxDiscount for a PERCENTAGE only" }
)
const isWindow = (from: number | undefined, until: number | undefined) =>
  from === undefined || until === undefined || from < until
const windows = Schema.makeFilter(
  (each: {
    readonly issueFrom?: number
    readonly issueUntil?: number
    readonly validFrom?: number
    readonly validUntil?: number
  }) => isWindow(each.issueFrom, each.issueUntil) && isWindow(each.validFrom, each.validUntil),
  { expected: "windows that end after they begin" }
)

export const NewCoupon = Schema.Struct({
  /** One that cannot be guessed, if none is given. */
  code: Schema.optionalKey(Code),
  name: Line(1, nameMax),
  discountType: DiscountType,
  /** In won, or in whole percent. */
  discountValue: Won,
  maxDiscount: Schema.optionalKey(Won),
  totalQuantity: CouponQuantity,
  perUserLimit: Schema.optionalKey(PerUserLimit),
  minOrderAmount: Schema.optionalKey(Money),
  productIds: Schema.optionalKey(Schema.Array(ClaimedProductId).check(Schema.isMaxLength(productsMost))),
  categories: Schema.optionalKey(Schema.Array(Line(1, 50)).check(Schema.isMaxLength(categoriesMost))),
  issueFrom: Schema.optionalKey(Moment),
  issueUntil: Schema.optionalKey(Moment),
  validFrom: Schema.optionalKey(Moment),
  validUntil: Schema.optionalKey(Moment),
  /** Whose products it is for: one's own, unless somebody acts for a seller. */
  sellerId: Schema.optionalKey(ClaimedUserId)
})
  .check(percentage, cap, windows)
  .annotate({ identifier: "NewCoupon" })

export const CouponChange = Schema.Struct({
  /** CANCELLED is final. */
  status: Schema.Literals(["ACTIVE", "SUSPENDED", "CANCELLED"])
}).annotate({ identifier: "CouponChange" })

export const IssueRequest = Schema.Struct({
  couponId: ClaimedCouponId,
  userId: Schema.optionalKey(ClaimedUserId)
}).annotate({ identifier: "IssueRequest" })

export const GrantRequest = Schema.Struct({ couponId: ClaimedCouponId, userId: ClaimedUserId }).annotate({
  identifier: "GrantRequest"
})

export const IssuedCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: Schema.Literal("ISSUED"),
  /** The place among all issues of the coupon, from 1, without gaps. */
  rank: Schema.Int,
  issuedAt: Timestamp,
  validUntil: Schema.NullOr(Timestamp)
}).annotate({ identifier: "IssuedCoupon" })

export const UserCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: UserCouponStatus,
  rank: Schema.Int,
  ...terms,
  orderId: Schema.optionalKey(OrderId),
  issuedAt: Timestamp
}).annotate({ identifier: "UserCoupon" })

const params = { couponId: ClaimedCouponId }

const issuing = [
  ...writing,
  ...keyed,
  "COUPON_NOT_FOUND",
  "USER_NOT_FOUND",
  "COUPON_EXHAUSTED",
  "COUPON_ALREADY_ISSUED",
  "COUPON_NOT_ISSUABLE"
] as const

export class CouponsApi extends HttpApiGroup.make("coupons")
  .add(
    HttpApiEndpoint.post("create", "/coupons", {
      payload: NewCoupon,
      success: versioned(ManagedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(
        ...writing,
        ...asking,
        "COUPON_PERMISSION_DENIED",
        "COUPON_CODE_TAKEN",
        "PRODUCT_NOT_FOUND",
        "USER_NOT_FOUND",
        "NOT_A_SELLER",
        "SELLER_REQUIRED"
      )
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "A SELLER's coupons are for the seller's own products; an ADMIN's without a sellerId are for anybody's."
      ),
    HttpApiEndpoint.get("list", "/coupons", {
      query: PageQuery,
      success: page(Coupon),
      error: problems(...asking, "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(OpenApi.Description, "Coupons that can be had now, newest first."),
    HttpApiEndpoint.get("read", "/coupons/:couponId", {
      params,
      success: versioned(Coupon),
      error: problems(...asking, "COUPON_NOT_FOUND")
    }),
    HttpApiEndpoint.patch("edit", "/coupons/:couponId", {
      params,
      headers: IfMatch,
      payload: CouponChange,
      success: versioned(Coupon),
      error: problems(
        ...writing,
        ...changing,
        "COUPON_PERMISSION_DENIED",
        "USER_NOT_FOUND",
        "COUPON_NOT_FOUND",
        "COUPON_NOT_ISSUABLE",
        "PRECONDITION_REQUIRED",
        "STALE_VERSION"
      )
    }).middleware(Authenticated),
    HttpApiEndpoint.post("issueLimited", "/coupons/issue/limited", {
      headers: IdempotencyKey,
      payload: IssueRequest,
      success: replayable(IssuedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(...issuing, "FORBIDDEN")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "First come, first served. COUPON_EXHAUSTED is final."),
    HttpApiEndpoint.post("issue", "/coupons/issue", {
      headers: IdempotencyKey,
      payload: GrantRequest,
      success: replayable(IssuedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(...issuing, "COUPON_PERMISSION_DENIED")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Gives one to somebody, out of the same quantity."),
    HttpApiEndpoint.get("ofUser", "/coupons/user/:userId", {
      params: { userId: ClaimedUserId },
      query: { ...PageQuery, status: Schema.optionalKey(UserCouponStatus) },
      success: page(UserCoupon),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).middleware(Authenticated)
  )
  .annotate(OpenApi.Description, "Coupons: made by sellers, had by whoever comes first") {}
