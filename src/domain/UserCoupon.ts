/**
 * A coupon in a user's hands. It belongs to its user's wallet actor (design §4), so that one hold covers the money and
 * the coupon of a purchase.
 */
import { Schema } from "effect"
import { CouponId, UserCouponId } from "./Ids.ts"

/**
 * `ISSUED → HELD → USED → REFUNDED (→ HELD …)`, and `ISSUED | REFUNDED → EXPIRED | REVOKED` (A27). EXPIRED is never
 * written: it is what ISSUED and REFUNDED are called once the coupon is no longer valid, so nothing has to sweep.
 */
export const UserCouponStatus = Schema.Literals(["ISSUED", "HELD", "USED", "REFUNDED", "EXPIRED", "REVOKED"])
export type UserCouponStatus = typeof UserCouponStatus.Type

export const UserCoupon = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  /** Which of the coupons that one user may have of this kind, from 1. */
  slot: Schema.Int,
  status: UserCouponStatus,
  pending: Schema.UndefinedOr(Schema.Literals(["issue", "use", "revoke"]))
})
export type UserCoupon = typeof UserCoupon.Type

/**
 * What an order makes of the coupon it was made with: HELD until it is paid, USED, ISSUED again when it never was, and
 * REFUNDED, which can be used again, when it was cancelled (C16).
 */
export const HeldStatus = Schema.Literals(["HELD", "USED", "ISSUED", "REFUNDED"])
export type HeldStatus = typeof HeldStatus.Type

/** What a coupon has to be to become that. */
export const couponFrom: Record<HeldStatus, ReadonlyArray<UserCouponStatus>> = {
  HELD: ["ISSUED", "REFUNDED"],
  USED: ["ISSUED", "REFUNDED", "HELD"],
  ISSUED: ["HELD"],
  REFUNDED: ["USED"]
}

/** Why a coupon does not reduce the price of an order (D4, D5, D7). */
export const Unusable = Schema.Literals([
  /** There is none, or it is another user's. */
  "NOT_FOUND",
  /** Another order is using it, or it is being revoked. */
  "HELD",
  "USED",
  "REVOKED",
  "NOT_STARTED",
  "EXPIRED",
  "SUSPENDED",
  "CANCELLED",
  "MINIMUM_NOT_MET",
  /** The user has bought something, or is about to. */
  "FIRST_PURCHASE_ONLY",
  /** Nothing in the order is what the coupon is for. */
  "NOT_APPLICABLE"
])
export type Unusable = typeof Unusable.Type

export class CouponNotUsable extends Schema.TaggedError<CouponNotUsable>()("CouponNotUsable", {
  reason: Unusable
}) {}

/** Only what its user could use is taken away (C-20, A27). */
export class CouponNotRevocable extends Schema.TaggedError<CouponNotRevocable>()("CouponNotRevocable", {
  reason: Unusable
}) {}

/** The user has had as many of this coupon as one user may have (I4, C15). */
export class CouponAlreadyIssued extends Schema.TaggedError<CouponAlreadyIssued>()("CouponAlreadyIssued", {
  couponId: CouponId
}) {}

/** The user has as many coupons, those that were used left out, as a wallet takes: nobody fills another's memory. */
export class WalletFull extends Schema.TaggedError<WalletFull>()("WalletFull", {
  maximum: Schema.Int
}) {}

/** Whether there is one left is being decided by others: ask again in a moment. */
export class CouponUndecided extends Schema.TaggedError<CouponUndecided>()("CouponUndecided", {}) {}

/** Whether it can be used once, as far as its user decides. */
export const isSpendable = ({ status }: Pick<UserCoupon, "status">): boolean =>
  status === "ISSUED" || status === "REFUNDED"

/** What it is called at a moment, in milliseconds since 1970. */
export const statusAt = (status: UserCouponStatus, validUntil: number | undefined, now: number): UserCouponStatus =>
  isSpendable({ status }) && validUntil !== undefined && validUntil <= now ? "EXPIRED" : status

/** Why one cannot be used now; `undefined` when it can. */
export const unusable = (coupon: UserCoupon | undefined): Unusable | undefined => {
  if (coupon === undefined || coupon.pending === "issue") return "NOT_FOUND"
  if (coupon.pending !== undefined) return "HELD"
  switch (coupon.status) {
    case "ISSUED":
    case "REFUNDED":
      return undefined
    case "HELD":
    case "USED":
    case "EXPIRED":
    case "REVOKED":
      return coupon.status
  }
}

/** The lowest slot that is free. */
export const freeSlot = (coupons: ReadonlyArray<UserCoupon>, couponId: CouponId): number => {
  const taken = new Set(coupons.flatMap((coupon) => (coupon.couponId === couponId ? [coupon.slot] : [])))
  let slot = 1
  while (taken.has(slot)) slot++
  return slot
}

/** What a wallet can refuse only to whoever asks for a coupon. */
export const couponRefusals = [
  "CouponNotUsable",
  "CouponNotRevocable",
  "CouponAlreadyIssued",
  "CouponUndecided",
  "WalletFull"
] as const
