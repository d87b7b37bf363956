/** Coupons, and what users have of them, to read; and how a coupon begins. */
import { Context, type Effect, Schema } from "effect"
import type { Audited, Privilege } from "../domain/Authority.ts"
import type { Coupon } from "../domain/Coupon.ts"
import { CouponId, type OrderId, UserCouponId, type UserId } from "../domain/Ids.ts"
import type { UserCouponStatus } from "../domain/UserCoupon.ts"
import type { Rank } from "./Journal.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

/** A coupon as it is on disk, with the texts no actor keeps. */
export interface CouponEntry extends Omit<Coupon, "held" | "pending"> {
  readonly code: string
  readonly name: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

export type NewCoupon = Coupon & Pick<CouponEntry, "code" | "name"> & { readonly createdBy: UserId }

export interface UserCouponEntry extends Pick<CouponEntry, "couponId" | "name" | "discount" | "minOrderAmount"> {
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

/** Another coupon has the code (C-3). */
export class CouponCodeTaken extends Schema.TaggedError<CouponCodeTaken>()("CouponCodeTaken", {
  couponCode: Schema.String
}) {}

export class Coupons extends Context.Service<
  Coupons,
  {
    /** Adds a coupon, and the event that tells of it, in one commit. */
    readonly create: (
      coupon: NewCoupon,
      by: Privilege | undefined
    ) => Effect.Effect<void, CouponCodeTaken | Unavailable>
    readonly get: (couponId: CouponId) => Effect.Effect<CouponEntry | undefined, Unavailable>
    /** Those that can be issued now, newest first. */
    readonly issuable: (page: PageRequest) => Effect.Effect<Page<CouponEntry>, InvalidCursor | Unavailable>
    /** A user's, newest first. */
    readonly ofUser: (
      userId: UserId,
      query: UserCouponQuery
    ) => Effect.Effect<Page<UserCouponEntry>, InvalidCursor | Unavailable>
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
  { couponId, productIds, discount, totalQuantity }: NewCoupon,
  by: Privilege | undefined
): Audited | undefined => by && { ...by, entity: couponId, details: { productIds, discount, totalQuantity } }
