import { Schema, SchemaTransformation } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { CouponQuantity, CouponStatus, GrantOn, IssueBy, PerUserLimit } from "../../domain/Coupon.ts"
import { CouponId, OrderId, ProductId, UserCouponId, UserId } from "../../domain/Ids.ts"
import { between, maxPrice, Money } from "../../domain/Money.ts"
import { Policy } from "../../domain/Policy.ts"
import { Tier } from "../../domain/Tier.ts"
import { UserCouponStatus } from "../../domain/UserCoupon.ts"
import {
  ClaimedCouponId,
  ClaimedProductId,
  ClaimedUserCouponId,
  ClaimedUserId,
  created,
  example,
  IdempotencyKey,
  IfMatch,
  Line,
  Moment,
  OptionalIdempotencyKey,
  page,
  PageQuery,
  replayable,
  says,
  Timestamp,
  versioned
} from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, changing, keyed, ofVersion, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

const { nameMax, codeMax, reasonMax, productsMost, categoriesMost } = Policy.coupon

/** Codes are read out and typed: upper and lower case are the same, and are told in upper case. */
const toUpperCase = SchemaTransformation.toUpperCase()
const Code = Schema.String.check(
  Schema.isPattern(new RegExp(`^[A-Za-z0-9][A-Za-z0-9_-]{2,${codeMax - 1}}$`, "u"), {
    expected: `3 to ${codeMax} letters, digits, _ or -`
  })
).pipe(Schema.decode(toUpperCase))
const DiscountType = Schema.Literals(["FIXED", "PERCENTAGE"])
const Won = between(1, maxPrice).pipe(Schema.brand("Money"))

const terms = {
  name: Schema.String,
  discountType: DiscountType,
  discountValue: Schema.Finite.pipe(says("In won, or in percent.")),
  maxDiscount: Schema.NullOr(Money),
  minOrderAmount: Money.pipe(says("The least total of an order.")),
  firstPurchaseOnly: Schema.Boolean.pipe(says("Only for who has never bought anything.")),
  validFrom: Schema.NullOr(Timestamp),
  validUntil: Schema.NullOr(Timestamp)
}

const shown = {
  couponId: CouponId,
  ...terms,
  sellerId: Schema.NullOr(UserId).pipe(says("Whose products it is for; `null`: anybody's.")),
  productIds: Schema.Array(ProductId).pipe(says("What it is for; none: all.")),
  categories: Schema.Array(Schema.String),
  tiers: Schema.Array(Tier).pipe(says("Whom it is for; none: all.")),
  totalQuantity: Schema.Int,
  issuedQuantity: Schema.Int,
  perUserLimit: Schema.Int,
  issueBy: Schema.Array(IssueBy).pipe(
    says("How it can be had: by who comes first, by who knows its code, or from who manages it.")
  ),
  grantOn: Schema.NullOr(GrantOn).pipe(says("What makes users get one by themselves.")),
  issueFrom: Schema.NullOr(Timestamp),
  issueUntil: Schema.NullOr(Timestamp),
  status: CouponStatus,
  version: Schema.Int.pipe(says("Counts edits; also the ETag.")),
  createdAt: Timestamp
}

const sampleTerms = {
  name: "Welcome",
  discountType: "PERCENTAGE",
  discountValue: 10,
  maxDiscount: 20_000,
  minOrderAmount: 50_000,
  firstPurchaseOnly: false,
  validFrom: null,
  validUntil: Samples.last
} as const

const sample = {
  couponId: Samples.coupon,
  ...sampleTerms,
  sellerId: Samples.seller,
  productIds: [Samples.product],
  categories: [],
  tiers: [],
  totalQuantity: 100,
  issuedQuantity: 37,
  perUserLimit: 1,
  issueBy: ["FIRST_COME"],
  grantOn: null,
  issueFrom: Samples.made,
  issueUntil: null,
  status: "ACTIVE",
  version: 1,
  createdAt: Samples.made
} as const

export const Coupon = Schema.Struct(shown).annotate({ identifier: "Coupon" }).pipe(example(sample))

/** The code is for those who manage it, and for whom they tell. */
export const ManagedCoupon = Schema.Struct({ ...shown, code: Schema.String })
  .annotate({ identifier: "ManagedCoupon" })
  .pipe(example({ ...sample, code: "WELCOME-2026" }))

/** A rule that fields have among them, and which of them breaks it. */
const rule = <T>(field: string, expected: string, holds: (coupon: T) => boolean) =>
  Schema.makeFilter<T>((coupon) => holds(coupon) || { path: [field], issue: `Expected ${expected}` })

interface Off {
  readonly discountType: "FIXED" | "PERCENTAGE"
  readonly discountValue: number
  readonly maxDiscount?: number
}
const percentage = rule<Off>(
  "discountValue",
  "at most 100 for a PERCENTAGE",
  ({ discountType, discountValue }) => discountType === "FIXED" || discountValue <= 100
)
const cap = rule<Off>(
  "maxDiscount",
  "none for a FIXED discount",
  ({ discountType, maxDiscount }) => discountType === "PERCENTAGE" || maxDiscount === undefined
)
const grantable = rule<{ readonly grantOn?: GrantOn; readonly issueBy?: ReadonlyArray<IssueBy> }>(
  "issueBy",
  "GRANT among them for a grantOn",
  ({ grantOn, issueBy }) => grantOn === undefined || issueBy === undefined || issueBy.includes("GRANT")
)
const isWindow = (from: number | undefined, until: number | undefined) =>
  from === undefined || until === undefined || from < until
const issueWindow = rule<{ readonly issueFrom?: number; readonly issueUntil?: number }>(
  "issueUntil",
  "a time after issueFrom",
  ({ issueFrom, issueUntil }) => isWindow(issueFrom, issueUntil)
)
const validity = rule<{ readonly validFrom?: number; readonly validUntil?: number }>(
  "validUntil",
  "a time after validFrom",
  ({ validFrom, validUntil }) => isWindow(validFrom, validUntil)
)

export const NewCoupon = Schema.Struct({
  code: Schema.optionalKey(
    Code.pipe(says("One that cannot be guessed, if none is given. Upper and lower case are the same."))
  ),
  name: Line(1, nameMax),
  discountType: DiscountType,
  discountValue: Won.pipe(says("In won, or in whole percent.")),
  maxDiscount: Schema.optionalKey(Won),
  totalQuantity: CouponQuantity,
  perUserLimit: Schema.optionalKey(PerUserLimit),
  issueBy: Schema.optionalKey(
    Schema.Array(IssueBy)
      .check(Schema.isNonEmpty(), Schema.isUnique())
      .pipe(says("Unless told otherwise, FIRST_COME and GRANT."))
  ),
  minOrderAmount: Schema.optionalKey(Money),
  firstPurchaseOnly: Schema.optionalKey(Schema.Boolean),
  productIds: Schema.optionalKey(Schema.Array(ClaimedProductId).check(Schema.isMaxLength(productsMost))),
  categories: Schema.optionalKey(Schema.Array(Line(1, 50)).check(Schema.isMaxLength(categoriesMost))),
  grantOn: Schema.optionalKey(
    GrantOn.pipe(says("Everybody gets one who registers while it can be had. For an ADMIN to say."))
  ),
  tiers: Schema.optionalKey(
    Schema.Array(Tier).check(Schema.isUnique()).pipe(says("Only users of these tiers can have it."))
  ),
  issueFrom: Schema.optionalKey(Moment),
  issueUntil: Schema.optionalKey(Moment),
  validFrom: Schema.optionalKey(Moment),
  validUntil: Schema.optionalKey(Moment),
  sellerId: Schema.optionalKey(
    ClaimedUserId.pipe(says("Whose products it is for: one's own, unless somebody acts for a seller."))
  )
})
  .check(percentage, cap, issueWindow, validity, grantable)
  .annotate({ identifier: "NewCoupon" })
  .pipe(
    example({
      name: "Welcome",
      discountType: "PERCENTAGE",
      discountValue: 10,
      maxDiscount: 20_000,
      totalQuantity: 100,
      minOrderAmount: 50_000,
      productIds: [Samples.product],
      issueFrom: Samples.made
    })
  )

export const CouponChange = Schema.Struct({
  status: Schema.Literals(["ACTIVE", "SUSPENDED", "CANCELLED"]).pipe(says("CANCELLED is final."))
})
  .annotate({ identifier: "CouponChange" })
  .pipe(example({ status: "SUSPENDED" }))

export const IssueRequest = Schema.Struct({
  couponId: ClaimedCouponId,
  userId: Schema.optionalKey(ClaimedUserId)
})
  .annotate({ identifier: "IssueRequest" })
  .pipe(example({ couponId: Samples.coupon }))

export const GrantRequest = Schema.Struct({ couponId: ClaimedCouponId, userId: ClaimedUserId })
  .annotate({ identifier: "GrantRequest" })
  .pipe(example({ couponId: Samples.coupon, userId: Samples.buyer }))

export const ClaimRequest = Schema.Struct({ code: Line(1, codeMax).pipe(Schema.decode(toUpperCase)) })
  .annotate({ identifier: "ClaimRequest" })
  .pipe(example({ code: "WELCOME-2026" }))

export const Revocation = Schema.Struct({
  userId: ClaimedUserId,
  userCouponId: ClaimedUserCouponId,
  reason: Line(1, reasonMax).pipe(says("For those who look into it later; its user is not told."))
})
  .annotate({ identifier: "Revocation" })
  .pipe(example({ userId: Samples.buyer, userCouponId: Samples.userCoupon, reason: "Several accounts of one person" }))

export const RevokedCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: Schema.Literal("REVOKED"),
  reason: Schema.String,
  revokedAt: Timestamp
})
  .annotate({ identifier: "RevokedCoupon" })
  .pipe(
    example({
      userCouponId: Samples.userCoupon,
      couponId: Samples.coupon,
      userId: Samples.buyer,
      status: "REVOKED",
      reason: "Several accounts of one person",
      revokedAt: Samples.later
    })
  )

export const IssuedCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: Schema.Literal("ISSUED"),
  rank: Schema.Int.pipe(says("The place among all issues of the coupon, from 1, without gaps.")),
  issuedAt: Timestamp,
  validUntil: Schema.NullOr(Timestamp)
})
  .annotate({ identifier: "IssuedCoupon" })
  .pipe(
    example({
      userCouponId: Samples.userCoupon,
      couponId: Samples.coupon,
      userId: Samples.buyer,
      status: "ISSUED",
      rank: 37,
      issuedAt: Samples.made,
      validUntil: Samples.last
    })
  )

export const UserCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: UserCouponStatus,
  rank: Schema.Int,
  ...terms,
  orderId: Schema.optionalKey(OrderId),
  issuedAt: Timestamp
})
  .annotate({ identifier: "UserCoupon" })
  .pipe(
    example({
      userCouponId: Samples.userCoupon,
      couponId: Samples.coupon,
      userId: Samples.buyer,
      status: "ISSUED",
      rank: 37,
      ...sampleTerms,
      issuedAt: Samples.made
    })
  )

export const CouponStatistics = Schema.Struct({
  couponId: CouponId,
  issued: Schema.Int.pipe(says("All that were ever issued; the others are some of them.")),
  used: Schema.Int,
  held: Schema.Int,
  refunded: Schema.Int,
  revoked: Schema.Int,
  expired: Schema.Int,
  usageRate: Schema.Int.pipe(says("Used of issued, in basis points: 10,000 is all.")),
  totalDiscount: Money.pipe(says("What those that are used took off their orders, in won."))
})
  .annotate({ identifier: "CouponStatistics" })
  .pipe(
    example({
      couponId: Samples.coupon,
      issued: 100,
      used: 61,
      held: 2,
      refunded: 1,
      revoked: 0,
      expired: 0,
      usageRate: 6100,
      totalDiscount: 732_000
    })
  )

const params = { couponId: ClaimedCouponId }

const issuing = [
  ...writing,
  ...keyed,
  "COUPON_NOT_FOUND",
  "USER_NOT_FOUND",
  "COUPON_EXHAUSTED",
  "COUPON_ALREADY_ISSUED",
  "WALLET_FULL",
  "COUPON_NOT_ISSUABLE"
] as const

export class CouponsApi extends HttpApiGroup.make("coupons")
  .add(
    HttpApiEndpoint.post("create", "/coupons", {
      headers: OptionalIdempotencyKey,
      payload: NewCoupon,
      success: created(ManagedCoupon.pipe(HttpApiSchema.status(201))),
      error: problems(
        ...writing,
        ...keyed,
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
    }).annotate(
      OpenApi.Description,
      "For everybody, without its code, which GET /sellers/{sellerId}/coupons tells; its ETag is what an edit names as If-Match."
    ),
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
        ...ofVersion
      )
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Suspended or cancelled, it can neither be had nor used. CANCELLED is final."),
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
        "WALLET_FULL",
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
    HttpApiEndpoint.get("ofSeller", "/sellers/:sellerId/coupons", {
      params: { sellerId: ClaimedUserId },
      query: PageQuery,
      success: page(ManagedCoupon),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "A seller's coupons with their codes, whatever has become of them, newest first. For the seller and whoever manages for the seller."
      ),
    HttpApiEndpoint.get("ofUser", "/coupons/user/:userId", {
      params: { userId: ClaimedUserId },
      query: { ...PageQuery, status: Schema.optionalKey(UserCouponStatus) },
      success: page(UserCoupon),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Newest first; one's own, or anybody's for an ADMIN.")
  )
  .annotate(OpenApi.Description, "Coupons: made by sellers, had by whoever comes first") {}
