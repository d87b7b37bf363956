/** Coupons, and what users have of them, to read; and how a coupon begins. */
import { Context, type Effect, Schema } from "effect"
import type { Audited, Permitted, Privilege } from "../domain/Authority.ts"
import type { Coupon, GrantOn } from "../domain/Coupon.ts"
import type { Money } from "../domain/Money.ts"
import { CouponId, type OrderId, UserCouponId, type UserId } from "../domain/Ids.ts"
import type { Transaction } from "../domain/Transaction.ts"
import type { UserCouponStatus } from "../domain/UserCoupon.ts"
import type { Rank } from "./Journal.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

/** A coupon as it is on disk, with what no actor keeps. */
export interface CouponEntry extends Omit<Coupon, "held" | "pending"> {
  readonly code: string
  readonly name: string
  /** What makes users get one by themselves. */
  readonly grantOn: GrantOn | undefined
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

export type NewCoupon = Coupon & Pick<CouponEntry, "code" | "name" | "grantOn"> & { readonly createdBy: UserId }

export interface UserCouponEntry extends Pick<
  CouponEntry,
  "couponId" | "name" | "discount" | "minOrderAmount" | "firstPurchaseOnly"
> {
  readonly userCouponId: UserCouponId
  readonly userId: UserId
  /** What it is called now: EXPIRED, when it can no longer be used. */
  readonly status: UserCouponStatus
  readonly rank: Rank
  readonly validity: Coupon["validity"]
  readonly orderId: OrderId | undefined
  readonly issuedAt: number
}

export interface UserCouponQuery extends PageRequest {
  readonly status: UserCouponStatus | undefined
}

/** What has become of those that were issued (ST18, D16). */
export interface CouponStatistics {
  /** All there ever were; the others are some of them. */
  readonly issued: number
  readonly used: number
  readonly held: number
  readonly refunded: number
  readonly revoked: number
  readonly expired: number
  /** What those that are used took off their orders. */
  readonly totalDiscount: Money
}

/** A coupon that a user is to get. */
export interface OwedCoupon {
  readonly userId: UserId
  readonly couponId: CouponId
}

/** How long whoever took what is owed has to grant it, before somebody else tries. */
export const owedForMs = 30_000

/** Another coupon has the code (C-3). */
export class CouponCodeTaken extends Schema.TaggedError<CouponCodeTaken>()("CouponCodeTaken", {
  couponCode: Schema.String
}) {}

export class Coupons extends Context.Service<
  Coupons,
  {
    /** Adds a coupon, and the event that tells of it, in one commit; `false` if the key was used before, by whatever. */
    readonly create: (
      coupon: NewCoupon,
      by: Privilege | undefined,
      once: Pick<Transaction, "key" | "answered">
    ) => Effect.Effect<boolean, CouponCodeTaken | Unavailable>
    readonly get: (couponId: CouponId) => Effect.Effect<CouponEntry | undefined, Unavailable>
    /** As of one moment; a coupon that is not there has none issued. */
    readonly statistics: (couponId: CouponId) => Effect.Effect<CouponStatistics, Unavailable>
    /** The coupon of a code, if it can be had by it now; it may be exhausted. */
    readonly claimable: (code: string) => Effect.Effect<CouponId | undefined, Unavailable>
    /** Those that who comes first can have now, newest first. */
    readonly issuable: (page: PageRequest) => Effect.Effect<Page<CouponEntry>, InvalidCursor | Unavailable>
    /** A seller's, whatever has become of them, newest first. */
    readonly ofSeller: (
      sellerId: Permitted<UserId>,
      page: PageRequest
    ) => Effect.Effect<Page<CouponEntry>, InvalidCursor | Unavailable>
    /** A user's, newest first. */
    readonly ofUser: (
      userId: UserId,
      query: UserCouponQuery
    ) => Effect.Effect<Page<UserCouponEntry>, InvalidCursor | Unavailable>
    /** Coupons that users are to get, who waited longest first. For a while nobody else is told of them. */
    readonly takeOwed: (limit: number) => Effect.Effect<ReadonlyArray<OwedCoupon>, Unavailable>
    /** It was granted, or never will be. */
    readonly settleOwed: (owed: OwedCoupon) => Effect.Effect<void, Unavailable>
  }
>()("sluice/persistence/Coupons") {}

/** How all implementations make pages. */
export const cursor = cursorOf(CouponId)
export const userCursor = cursorOf(UserCouponId)

/** What other systems are told of a new one. */
export const createdPayload = ({ code, name, sellerId, createdBy, discount, totalQuantity }: NewCoupon): string =>
  JSON.stringify({ code, name, sellerId, createdBy, discount, totalQuantity })

/** What the audit says of a new one. */
export const createdRecord = (
  { couponId, productIds, discount, totalQuantity, grantOn }: NewCoupon,
  by: Privilege | undefined
): Audited | undefined => {
  const automation = grantOn === undefined ? {} : { grantOn }
  return by && { ...by, entity: couponId, details: { productIds, discount, totalQuantity, ...automation } }
}
