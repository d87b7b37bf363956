/**
 * A coupon: what it takes off a price, how many of it there are, and when it may be had and used. Decided by one actor,
 * which counts; ranks are the journal's, for they are the order of the commits (decision 10).
 *
 * `issued + held ≤ totalQuantity`, and what is exhausted stays so: while the last ones are held by steps that are not
 * decided, nobody is told that there are none. What a coupon takes off never changes; its condition does.
 */
import { Result, Schema } from "effect"
import { CouponId, ProductId, UserId } from "./Ids.ts"
import type { Held, Kind } from "./Kind.ts"
import { allocate, BasisPoints, between, least, Money, shareOf, sum, zero } from "./Money.ts"
import type { OrderLine } from "./Order.ts"
import { Policy } from "./Policy.ts"
import { type Product, StaleVersion } from "./Product.ts"
import { Tier } from "./Tier.ts"
import { CouponNotUsable, CouponUndecided } from "./UserCoupon.ts"

/** What a coupon takes off (C18). */
export const Discount = Schema.Union([
  Schema.TaggedStruct("FIXED", { amount: Money }),
  Schema.TaggedStruct("PERCENTAGE", { share: BasisPoints, most: Schema.UndefinedOr(Money) })
])
export type Discount = typeof Discount.Type

/** Set by people. CANCELLED is final. */
export const CouponCondition = Schema.Literals(["OPEN", "SUSPENDED", "CANCELLED"])
export type CouponCondition = typeof CouponCondition.Type

/** Seed 001's names; those that are not a condition follow from the numbers and the clock (C17). */
export const CouponStatus = Schema.Literals(["CREATED", "ACTIVE", "EXHAUSTED", "EXPIRED", "SUSPENDED", "CANCELLED"])
export type CouponStatus = typeof CouponStatus.Type

/** How one comes to a user: to whoever asks first, to whoever knows its code, or from who manages it (C-17, I12). */
export const IssueBy = Schema.Literals(["FIRST_COME", "CODE", "GRANT"])
export type IssueBy = typeof IssueBy.Type

/** What makes users get one by themselves (C-17). */
export const GrantOn = Schema.Literals(["REGISTRATION"])
export type GrantOn = typeof GrantOn.Type

/** In milliseconds since 1970; it ends before `until`. */
export const Window = Schema.Struct({
  from: Schema.UndefinedOr(Schema.Int),
  until: Schema.UndefinedOr(Schema.Int)
})
export type Window = typeof Window.Type

/** How many of one coupon there can be. */
export const CouponQuantity = between(1, Policy.coupon.quantityMax)
/** How many of one coupon a user can have. */
export const PerUserLimit = between(1, Policy.coupon.perUserMost)

export const Coupon = Schema.Struct({
  couponId: CouponId,
  /** Whose products it is for; `undefined`: anybody's. */
  sellerId: Schema.UndefinedOr(UserId),
  discount: Discount,
  /** The least total of an order it can be used in (C-13). */
  minOrderAmount: Money,
  /** What it is for; if none are named, for all (C-12). */
  productIds: Schema.Array(ProductId),
  categories: Schema.Array(Schema.String),
  /** Only for who has never bought anything (C-14). */
  firstPurchaseOnly: Schema.Boolean,
  /** Whom it is for; if none are named, all (C-16). Asked when one is issued. */
  tiers: Schema.Array(Tier),
  totalQuantity: CouponQuantity,
  perUserLimit: PerUserLimit,
  issueBy: Schema.Array(IssueBy),
  /** When it can be had, and when it can be used (G5). */
  issue: Window,
  validity: Window,
  condition: CouponCondition,
  issued: Schema.Int,
  /** Taken by transactions that are not settled. */
  held: Schema.Int,
  /** Counts edits, not issues. */
  version: Schema.Int,
  pending: Schema.UndefinedOr(Schema.Literals(["edit"]))
})
export type Coupon = typeof Coupon.Type

export const CouponEdit = Schema.Struct({ condition: CouponCondition })
export type CouponEdit = typeof CouponEdit.Type

/** `at` is the journal's clock, in milliseconds since 1970. */
export const CouponCommand = Schema.Union([
  Schema.TaggedStruct("Issue", { at: Schema.Finite, by: IssueBy }),
  /** Somebody uses one. Nothing is taken from the coupon; it says whether it still holds good, and what for. */
  Schema.TaggedStruct("Use", { at: Schema.Finite }),
  Schema.TaggedStruct("Edit", { version: Schema.Int, edit: CouponEdit })
])
export type CouponCommand = typeof CouponCommand.Type

/** The coupon as the hold found it. */
export const CouponGrant = Coupon
export type CouponGrant = Coupon

export class CouponNotFound extends Schema.TaggedError<CouponNotFound>()("CouponNotFound", {
  /** None, if it was not asked for by its id. */
  couponId: Schema.optionalKey(Schema.String)
}) {}

/** Final: there will never be another one (I1, I11). */
export class CouponExhausted extends Schema.TaggedError<CouponExhausted>()("CouponExhausted", {
  couponId: CouponId
}) {}

export class CouponNotIssuable extends Schema.TaggedError<CouponNotIssuable>()("CouponNotIssuable", {
  couponStatus: CouponStatus,
  /** Why an ACTIVE one is not: it is to be had in another way, or by users of another tier. */
  reason: Schema.optionalKey(Schema.Literals(["ISSUE_BY", "TIER"]))
}) {}

/** A new coupon that nobody could ever have, or use. */
export class CouponOver extends Schema.TaggedError<CouponOver>()("CouponOver", {
  /** The end that has passed. */
  end: Schema.Literals(["issueUntil", "validUntil"])
}) {}

export const CouponRefusal = Schema.Union([
  CouponNotFound,
  CouponExhausted,
  CouponNotIssuable,
  CouponNotUsable,
  CouponUndecided,
  StaleVersion
])
export type CouponRefusal = typeof CouponRefusal.Type

export const make = (coupon: Omit<Coupon, "issued" | "held" | "condition" | "version" | "pending">): Coupon => ({
  ...coupon,
  condition: "OPEN",
  issued: 0,
  held: 0,
  version: 1,
  pending: undefined
})

const before = ({ from }: Window, at: number) => from !== undefined && at < from
const after = ({ until }: Window, at: number) => until !== undefined && at >= until

/** Why a coupon need not be made any more. */
export const overAlready = ({ issue, validity }: Pick<Coupon, "issue" | "validity">, at: number) => {
  if (after(issue, at)) return new CouponOver({ end: "issueUntil" })
  return after(validity, at) ? new CouponOver({ end: "validUntil" }) : undefined
}

type Standing = Pick<Coupon, "condition" | "issued" | "totalQuantity" | "issue" | "validity">

/** Where it stands at a moment (C17, A27). What nobody could use any more is over, like what nobody can have. */
export const couponStatus = (
  { condition, issued, totalQuantity, issue, validity }: Standing,
  at: number
): CouponStatus => {
  if (condition === "CANCELLED") return "CANCELLED"
  if (issued >= totalQuantity) return "EXHAUSTED"
  if (after(issue, at) || after(validity, at)) return "EXPIRED"
  if (condition === "SUSPENDED") return "SUSPENDED"
  return before(issue, at) ? "CREATED" : "ACTIVE"
}

/** Whether users of a tier can have it (C-16). */
export const isForTier = ({ tiers }: Pick<Coupon, "tiers">, tier: Tier): boolean =>
  tiers.length === 0 || tiers.includes(tier)

/** Of those that were issued, how many were used (ST18): in basis points, rounded down. */
export const usageRate = ({ issued, used }: { readonly issued: number; readonly used: number }): number =>
  issued === 0 ? 0 : Math.floor((used * 10_000) / issued)

/** Why nobody can use it at a moment; `undefined` when one can. */
const unusableAt = ({ condition, validity }: Coupon, at: number) => {
  if (condition !== "OPEN") return condition
  if (before(validity, at)) return "NOT_STARTED"
  return after(validity, at) ? "EXPIRED" : undefined
}

const isFor = ({ sellerId, productIds, categories }: Coupon, product: Product): boolean =>
  (sellerId === undefined || product.sellerId === sellerId) &&
  (productIds.length === 0 || productIds.includes(product.productId)) &&
  (categories.length === 0 || (product.category !== undefined && categories.includes(product.category)))

const discountOf = (discount: Discount, amount: Money): Money => {
  switch (discount._tag) {
    case "FIXED":
      return least(discount.amount, amount)
    case "PERCENTAGE":
      return least(shareOf(amount, discount.share), discount.most ?? amount)
  }
}

/** What a coupon takes off each line of an order (D2, D5, C14), in the order of the lines. */
export const discounts = (
  coupon: Coupon,
  items: ReadonlyArray<{ readonly product: Product; readonly line: Pick<OrderLine, "amount"> }>
): Result.Result<ReadonlyArray<Money>, CouponNotUsable> => {
  if (!items.some(({ product }) => isFor(coupon, product))) {
    return Result.fail(new CouponNotUsable({ reason: "NOT_APPLICABLE" }))
  }
  if (sum(items.map(({ line }) => line.amount)) < coupon.minOrderAmount) {
    return Result.fail(new CouponNotUsable({ reason: "MINIMUM_NOT_MET" }))
  }
  const amounts = items.map(({ product, line }) => (isFor(coupon, product) ? line.amount : zero))
  return Result.succeed(allocate(discountOf(coupon.discount, sum(amounts)), amounts))
}

const grant = (coupon: Coupon, change: Partial<Coupon>): Result.Result<Held<Coupon, Coupon>> =>
  Result.succeed({ state: { ...coupon, ...change }, grant: coupon })

const issue = (coupon: Coupon, { at, by }: CouponCommand & { readonly _tag: "Issue" }) => {
  const status = couponStatus(coupon, at)
  if (!coupon.issueBy.includes(by)) {
    return Result.fail(new CouponNotIssuable({ couponStatus: status, reason: "ISSUE_BY" }))
  }
  if (status === "EXHAUSTED") return Result.fail(new CouponExhausted({ couponId: coupon.couponId }))
  if (status !== "ACTIVE") return Result.fail(new CouponNotIssuable({ couponStatus: status }))
  return coupon.issued + coupon.held >= coupon.totalQuantity
    ? Result.fail(new CouponUndecided())
    : grant(coupon, { held: coupon.held + 1 })
}

export const CouponKind: Kind<CouponId, Coupon, CouponCommand, CouponGrant, CouponRefusal> = {
  hold: (couponId, coupon, command) => {
    if (coupon === undefined) return Result.fail(new CouponNotFound({ couponId }))
    switch (command._tag) {
      case "Issue":
        return issue(coupon, command)
      case "Use": {
        const reason = unusableAt(coupon, command.at)
        return reason === undefined ? grant(coupon, {}) : Result.fail(new CouponNotUsable({ reason }))
      }
      case "Edit":
        if (coupon.version !== command.version || coupon.pending === "edit") {
          return Result.fail(new StaleVersion({ version: coupon.version }))
        }
        return coupon.condition === "CANCELLED"
          ? Result.fail(new CouponNotIssuable({ couponStatus: "CANCELLED" }))
          : grant(coupon, { pending: "edit" })
    }
  },
  settle: (coupon, command) => {
    switch (command._tag) {
      case "Issue":
        return { ...coupon, issued: coupon.issued + 1, held: coupon.held - 1 }
      case "Use":
        return coupon
      case "Edit":
        return { ...coupon, ...command.edit, version: coupon.version + 1, pending: undefined }
    }
  },
  release: (coupon, command) => {
    switch (command._tag) {
      case "Issue":
        return { ...coupon, held: coupon.held - 1 }
      case "Use":
        return coupon
      case "Edit":
        return { ...coupon, pending: undefined }
    }
  }
}
