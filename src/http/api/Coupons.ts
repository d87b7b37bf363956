import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { CouponQuantity, CouponStatus, GrantOn, IssueBy, PerUserLimit } from "../../domain/Coupon.ts"
import { CouponId, OrderId, ProductId, UserCouponId, UserId } from "../../domain/Ids.ts"
import { maxPrice, Money } from "../../domain/Money.ts"
import { Policy } from "../../domain/Policy.ts"
import { Tier } from "../../domain/Tier.ts"
import { UserCouponStatus } from "../../domain/UserCoupon.ts"
import {
  ClaimedCouponId,
  ClaimedProductId,
  ClaimedUserCouponId,
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

const { nameMax, codeMax, reasonMax, productsMost, categoriesMost } = Policy.coupon

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
  /** Only for who has never bought anything. */
  firstPurchaseOnly: Schema.Boolean,
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
  /** Whom it is for; none: all. */
  tiers: Schema.Array(Tier),
  totalQuantity: Schema.Int,
  issuedQuantity: Schema.Int,
  perUserLimit: Schema.Int,
  /** How it can be had: by who comes first, by who knows its code, or from who manages it. */
  issueBy: Schema.Array(IssueBy),
  /** What makes users get one by themselves. */
  grantOn: Schema.NullOr(GrantOn),
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
const grantable = Schema.makeFilter(
  ({ grantOn, issueBy }: { readonly grantOn?: GrantOn; readonly issueBy?: ReadonlyArray<IssueBy> }) =>
    grantOn === undefined || issueBy === undefined || issueBy.includes("GRANT"),
  { expected: "GRANT in issueBy for a grantOn" }
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
  /** Unless told otherwise, FIRST_COME and GRANT. */
  issueBy: Schema.optionalKey(Schema.Array(IssueBy).check(Schema.isNonEmpty(), Schema.isUnique())),
  minOrderAmount: Schema.optionalKey(Money),
  firstPurchaseOnly: Schema.optionalKey(Schema.Boolean),
  productIds: Schema.optionalKey(Schema.Array(ClaimedProductId).check(Schema.isMaxLength(productsMost))),
  categories: Schema.optionalKey(Schema.Array(Line(1, 50)).check(Schema.isMaxLength(categoriesMost))),
  /** Everybody gets one who registers while it can be had. For an ADMIN to say. */
  grantOn: Schema.optionalKey(GrantOn),
  /** Only users of these tiers can have it. */
  tiers: Schema.optionalKey(Schema.Array(Tier).check(Schema.isUnique())),
  issueFrom: Schema.optionalKey(Moment),
  issueUntil: Schema.optionalKey(Moment),
  validFrom: Schema.optionalKey(Moment),
  validUntil: Schema.optionalKey(Moment),
  /** Whose products it is for: one's own, unless somebody acts for a seller. */
  sellerId: Schema.optionalKey(ClaimedUserId)
})
  .check(percentage, cap, windows, grantable)
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

export const ClaimRequest = Schema.Struct({ code: Line(1, codeMax) }).annotate({ identifier: "ClaimRequest" })

export const Revocation = Schema.Struct({
  userId: ClaimedUserId,
  userCouponId: ClaimedUserCouponId,
  /** For those who look into it later; its user is not told. */
  reason: Line(1, reasonMax)
}).annotate({ identifier: "Revocation" })

export const RevokedCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: Schema.Literal("REVOKED"),
  reason: Schema.String,
  revokedAt: Timestamp
}).annotate({ identifier: "RevokedCoupon" })

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

export const CouponStatistics = Schema.Struct({
  couponId: CouponId,
  /** All that were ever issued; the others are some of them. */
  issued: Schema.Int,
  used: Schema.Int,
  held: Schema.Int,
  refunded: Schema.Int,
  revoked: Schema.Int,
  expired: Schema.Int,
  /** Used of issued, in basis points: 10,000 is all. */
  usageRate: Schema.Int,
  /** What those that are used took off their orders, in won. */
  totalDiscount: Money
}).annotate({ identifier: "CouponStatistics" })

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
        "SELLER_REQUIRED",
        "RATE_LIMITED"
      )
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "A SELLER's coupons are for the seller's own products; an ADMIN's without a sellerId are for anybody's. " +
          "A code of one's own choice costs a guess, like a wrong one of a claim: ten a minute."
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
    HttpApiEndpoint.get("statistics", "/coupons/:couponId/statistics", {
      params,
      success: CouponStatistics,
      error: problems(...asking, "COUPON_PERMISSION_DENIED", "USER_NOT_FOUND", "COUPON_NOT_FOUND")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "For who manages it."),
    HttpApiEndpoint.post("issueLimited", "/coupons/issue/limited", {
      headers: IdempotencyKey,
      payload: IssueRequest,
      success: replayable(IssuedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(...issuing, "FORBIDDEN")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "First come, first served. COUPON_EXHAUSTED is final."),
    HttpApiEndpoint.post("claim", "/coupons/claim", {
      headers: IdempotencyKey,
      payload: ClaimRequest,
      success: replayable(IssuedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(
        ...writing,
        ...keyed,
        "COUPON_NOT_FOUND",
        "USER_NOT_FOUND",
        "COUPON_EXHAUSTED",
        "COUPON_ALREADY_ISSUED",
        "RATE_LIMITED"
      )
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "COUPON_NOT_FOUND, if there is none to be had with this code now. Who guesses is slowed down."
      ),
    HttpApiEndpoint.post("issue", "/coupons/issue", {
      headers: IdempotencyKey,
      payload: GrantRequest,
      success: replayable(IssuedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(...issuing, "COUPON_PERMISSION_DENIED")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Gives one to somebody, out of the same quantity."),
    HttpApiEndpoint.post("revoke", "/coupons/revoke", {
      headers: IdempotencyKey,
      payload: Revocation,
      success: replayable(RevokedCoupon),
      error: problems(
        ...writing,
        ...keyed,
        "COUPON_PERMISSION_DENIED",
        "USER_NOT_FOUND",
        "COUPON_NOT_FOUND",
        "COUPON_NOT_REVOCABLE"
      )
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "It still counts for how many its user may have. One that is in use is not taken."
      ),
    HttpApiEndpoint.get("ofUser", "/coupons/user/:userId", {
      params: { userId: ClaimedUserId },
      query: { ...PageQuery, status: Schema.optionalKey(UserCouponStatus) },
      success: page(UserCoupon),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).middleware(Authenticated)
  )
  .annotate(OpenApi.Description, "Coupons: made by sellers, had by whoever comes first") {}
