/**
 * A wallet: the one spendable balance of one user (C12), and the user's coupons, decided by one actor.
 *
 * Only committed money can be spent: `available = balance − held`. Money on its way in (a charge, a refund) counts
 * once it is committed; so does a coupon.
 */
import { Result, Schema } from "effect"
import { CouponId, UserCouponId, UserId } from "./Ids.ts"
import type { Kind } from "./Kind.ts"
import { maxBalance, Money, won } from "./Money.ts"
import { Policy } from "./Policy.ts"
import {
  CouponAlreadyIssued,
  couponFrom,
  CouponNotRevocable,
  CouponNotUsable,
  CouponUndecided,
  freeSlot,
  HeldStatus,
  unusable,
  UserCoupon,
  WalletFull
} from "./UserCoupon.ts"

export const Wallet = Schema.Struct({
  userId: UserId,
  balance: Money,
  /** Taken by transactions that are not settled. */
  held: Money,
  /** Given by transactions that are not settled. */
  incoming: Money,
  /** Purchases that are not settled, and orders that are not paid: each needs its buyer, also if it costs nothing. */
  purchases: Schema.Int,
  /** The user's orders, those that are cancelled left out: who has none has never bought anything (U14). */
  orders: Schema.Int,
  /** All the user ever had: they count against what one user may have. */
  coupons: Schema.Array(UserCoupon),
  closing: Schema.Boolean
})
export type Wallet = typeof Wallet.Type

export const WalletCommand = Schema.Union([
  /** A purchase: its money, and the coupon that made it cheaper, which may be for a first purchase only. */
  Schema.TaggedStruct("Take", {
    amount: Money,
    userCouponId: Schema.optional(UserCouponId),
    firstPurchaseOnly: Schema.optional(Schema.Boolean)
  }),
  Schema.TaggedStruct("Give", { amount: Money }),
  /**
   * What becomes of an order: money it takes or gives back, what its coupon is from now on, and whether it is one more,
   * or one less, that waits for its payment, or that there is at all.
   */
  Schema.TaggedStruct("Order", {
    take: Money,
    give: Money,
    opens: Schema.Int,
    counts: Schema.Int,
    /** Its coupon is for a first purchase only. */
    firstPurchaseOnly: Schema.Boolean,
    coupon: Schema.UndefinedOr(Schema.Struct({ userCouponId: UserCouponId, to: HeldStatus }))
  }),
  /** A coupon, of which one user may have `limit`. */
  Schema.TaggedStruct("Receive", { userCouponId: UserCouponId, couponId: CouponId, limit: Schema.Int }),
  /** A coupon is taken away; it still counts for how many its user may have. */
  Schema.TaggedStruct("Revoke", { userCouponId: UserCouponId }),
  /**
   * The user withdraws. Only a wallet that is empty and not in use can be closed, and once settled it is gone. Nothing is
   * bought with one that is being closed: orders that are not on disk by then never will be.
   */
  Schema.TaggedStruct("Close", {})
])
export type WalletCommand = typeof WalletCommand.Type

export const WalletGrant = Schema.Struct({
  /** The balance when this command and everything admitted before it has been committed. */
  balance: Money,
  /** Which of the coupons one user may have this one is. */
  slot: Schema.optional(Schema.Int)
})
export type WalletGrant = typeof WalletGrant.Type

/** A user has exactly one wallet (W7), so no wallet is no user. */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", {
  userId: Schema.String
}) {}

export class InsufficientBalance extends Schema.TaggedError<InsufficientBalance>()("InsufficientBalance", {
  balance: Money,
  required: Money,
  /** What became of the order that was to be paid: its payment ended it (seed 000 F4). */
  orderStatus: Schema.optionalKey(Schema.Literal("CANCELLED"))
}) {}

/** There is enough, but others hold some of it; or its user is leaving, and may yet be refused: ask again in a moment. */
export class WalletUndecided extends Schema.TaggedError<WalletUndecided>()("WalletUndecided", {}) {}

/** So many orders of the buyer's wait for their payment already, or are being decided. */
export class TooManyUnpaid extends Schema.TaggedError<TooManyUnpaid>()("TooManyUnpaid", {
  maximum: Schema.Int
}) {}

export class BalanceLimitExceeded extends Schema.TaggedError<BalanceLimitExceeded>()("BalanceLimitExceeded", {
  maximum: Money
}) {}

export class BalanceRemaining extends Schema.TaggedError<BalanceRemaining>()("BalanceRemaining", {
  balance: Money
}) {}

/** The user has bought or sold what is in an order that is neither completed nor cancelled. */
export class OrdersOpen extends Schema.TaggedError<OrdersOpen>()("OrdersOpen", {}) {}

/** Not a positive whole number of won, or more than one charge may bring. */
export class InvalidAmount extends Schema.TaggedError<InvalidAmount>()("InvalidAmount", {
  minimum: Money,
  maximum: Money
}) {}

export class ChargeBelowMinimum extends Schema.TaggedError<ChargeBelowMinimum>()("ChargeBelowMinimum", {
  minimum: Money
}) {}

export const WalletRefusal = Schema.Union([
  UserNotFound,
  InsufficientBalance,
  WalletUndecided,
  TooManyUnpaid,
  BalanceLimitExceeded,
  BalanceRemaining,
  OrdersOpen,
  CouponNotUsable,
  CouponNotRevocable,
  CouponAlreadyIssued,
  CouponUndecided,
  WalletFull
])
export type WalletRefusal = typeof WalletRefusal.Type

/** What may be charged (W5, W6, C13). */
export const chargeable = (amount: number): Result.Result<Money, InvalidAmount | ChargeBelowMinimum> => {
  const { minCharge, maxCharge } = Policy.wallet
  if (!Number.isSafeInteger(amount) || amount <= 0 || amount > maxCharge) {
    return Result.fail(new InvalidAmount({ minimum: minCharge, maximum: maxCharge }))
  }
  return amount < minCharge ? Result.fail(new ChargeBelowMinimum({ minimum: minCharge })) : Result.succeed(won(amount))
}

const none: ReadonlyArray<UserCoupon> = []

/** A wallet as it is on disk, with nothing in flight. */
export const make = (
  userId: UserId,
  balance: Money,
  coupons: ReadonlyArray<UserCoupon> = none,
  orders = 0,
  purchases = 0
): Wallet => ({
  userId,
  balance,
  held: won(0),
  incoming: won(0),
  purchases,
  orders,
  coupons,
  closing: false
})

export const available = (wallet: Wallet): Money => won(wallet.balance - wallet.held)

const expected = (wallet: Wallet): Money => won(wallet.balance + wallet.incoming - wallet.held)

const granted = (state: Wallet) => Result.succeed({ state, grant: { balance: expected(state) } })

/** Changes one coupon; `undefined` takes it away. */
const withCoupon = (
  coupons: ReadonlyArray<UserCoupon>,
  id: UserCouponId | undefined,
  change: (coupon: UserCoupon) => UserCoupon | undefined
) =>
  id === undefined
    ? coupons
    : coupons.flatMap((coupon) => (coupon.userCouponId === id ? (change(coupon) ?? []) : [coupon]))

/** A purchase that is not decided counts: of two at once, one is not the first. */
const isFirst = ({ orders, purchases }: Wallet) => orders + purchases === 0

const take = (
  wallet: Wallet,
  { amount, userCouponId, firstPurchaseOnly }: WalletCommand & { readonly _tag: "Take" }
) => {
  if (userCouponId !== undefined) {
    const reason = unusable(wallet.coupons.find((coupon) => coupon.userCouponId === userCouponId))
    if (reason !== undefined) return Result.fail(new CouponNotUsable({ reason }))
    if (firstPurchaseOnly === true && !isFirst(wallet)) {
      return Result.fail(new CouponNotUsable({ reason: "FIRST_PURCHASE_ONLY" }))
    }
  }
  return available(wallet) < amount
    ? Result.fail(new InsufficientBalance({ balance: available(wallet), required: amount }))
    : granted({
        ...wallet,
        held: won(wallet.held + amount),
        purchases: wallet.purchases + 1,
        coupons: withCoupon(wallet.coupons, userCouponId, (coupon) => ({ ...coupon, pending: "use" }))
      })
}

const order = (
  wallet: Wallet,
  { take: amount, give, opens, coupon, firstPurchaseOnly }: WalletCommand & { readonly _tag: "Order" }
) => {
  const { unpaidMost } = Policy.order
  if (opens > 0 && wallet.purchases >= unpaidMost) return Result.fail(new TooManyUnpaid({ maximum: unpaidMost }))
  if (coupon !== undefined) {
    const known = wallet.coupons.find(({ userCouponId }) => userCouponId === coupon.userCouponId)
    if (known === undefined || known.pending !== undefined || !couponFrom[coupon.to].includes(known.status)) {
      return Result.fail(new CouponNotUsable({ reason: unusable(known) ?? "HELD" }))
    }
    if (firstPurchaseOnly && !isFirst(wallet)) {
      return Result.fail(new CouponNotUsable({ reason: "FIRST_PURCHASE_ONLY" }))
    }
  }
  // An order ends for want of money (F4): not for money that may be given back in a moment.
  if (wallet.balance < amount) {
    return Result.fail(new InsufficientBalance({ balance: available(wallet), required: amount }))
  }
  if (available(wallet) < amount) return Result.fail(new WalletUndecided())
  return wallet.balance + wallet.incoming + give > maxBalance
    ? Result.fail(new BalanceLimitExceeded({ maximum: won(maxBalance) }))
    : granted({
        ...wallet,
        held: won(wallet.held + amount),
        incoming: won(wallet.incoming + give),
        purchases: wallet.purchases + 1,
        coupons: withCoupon(wallet.coupons, coupon?.userCouponId, (each) => ({ ...each, pending: "use" }))
      })
}

/** Those there are for certain. */
const received = (coupons: ReadonlyArray<UserCoupon>) => coupons.filter(({ pending }) => pending !== "issue").length

/** Exact, also when a user asks a hundred times at once: what is pending counts, but nobody is refused for it. */
const receive = (wallet: Wallet, { userCouponId, couponId, limit }: WalletCommand & { readonly _tag: "Receive" }) => {
  const had = wallet.coupons.filter((coupon) => coupon.couponId === couponId)
  if (received(had) >= limit) return Result.fail(new CouponAlreadyIssued({ couponId }))
  const unused = wallet.coupons.filter(({ status }) => status !== "USED")
  const { perWalletMost } = Policy.coupon
  if (received(unused) >= perWalletMost) return Result.fail(new WalletFull({ maximum: perWalletMost }))
  if (had.length >= limit || unused.length >= perWalletMost) return Result.fail(new CouponUndecided())
  const slot = freeSlot(had, couponId)
  const coupon: UserCoupon = { userCouponId, couponId, slot, status: "ISSUED", pending: "issue" }
  const state = { ...wallet, coupons: [...wallet.coupons, coupon] }
  return Result.succeed({ state, grant: { balance: expected(state), slot } })
}

const revoke = (wallet: Wallet, userCouponId: UserCouponId) => {
  const reason = unusable(wallet.coupons.find((coupon) => coupon.userCouponId === userCouponId))
  return reason === undefined
    ? granted({
        ...wallet,
        coupons: withCoupon(wallet.coupons, userCouponId, (coupon) => ({ ...coupon, pending: "revoke" }))
      })
    : Result.fail(new CouponNotRevocable({ reason }))
}

const close = (wallet: Wallet) => {
  const { balance, incoming, purchases, coupons } = wallet
  if (balance + incoming > 0) return Result.fail(new BalanceRemaining({ balance: won(balance + incoming) }))
  if (purchases > 0) return Result.fail(new OrdersOpen())
  return coupons.some(({ pending }) => pending !== undefined)
    ? Result.fail(new CouponUndecided())
    : granted({ ...wallet, closing: true })
}

export const WalletKind: Kind<UserId, Wallet, WalletCommand, WalletGrant, WalletRefusal> = {
  hold: (userId, wallet, command) => {
    if (wallet === undefined) return Result.fail(new UserNotFound({ userId }))
    if (wallet.closing) return Result.fail(new WalletUndecided())
    switch (command._tag) {
      case "Take":
        return take(wallet, command)
      case "Order":
        return order(wallet, command)
      case "Give":
        return wallet.balance + wallet.incoming + command.amount > maxBalance
          ? Result.fail(new BalanceLimitExceeded({ maximum: won(maxBalance) }))
          : granted({ ...wallet, incoming: won(wallet.incoming + command.amount) })
      case "Receive":
        return receive(wallet, command)
      case "Revoke":
        return revoke(wallet, command.userCouponId)
      case "Close":
        return close(wallet)
    }
  },
  settle: (wallet, command) => {
    switch (command._tag) {
      case "Take":
        return {
          ...wallet,
          balance: won(wallet.balance - command.amount),
          held: won(wallet.held - command.amount),
          purchases: wallet.purchases - 1,
          orders: wallet.orders + 1,
          coupons: withCoupon(wallet.coupons, command.userCouponId, (coupon) => ({
            ...coupon,
            status: "USED",
            pending: undefined
          }))
        }
      case "Order": {
        const { take: taken, give, opens, counts, coupon } = command
        return {
          ...wallet,
          balance: won(wallet.balance - taken + give),
          held: won(wallet.held - taken),
          incoming: won(wallet.incoming - give),
          purchases: wallet.purchases - 1 + opens,
          orders: wallet.orders + counts,
          coupons: withCoupon(wallet.coupons, coupon?.userCouponId, (each) => ({
            ...each,
            status: coupon?.to ?? each.status,
            pending: undefined
          }))
        }
      }
      case "Give":
        return {
          ...wallet,
          balance: won(wallet.balance + command.amount),
          incoming: won(wallet.incoming - command.amount)
        }
      case "Receive": {
        const { userCouponId } = command
        return {
          ...wallet,
          coupons: withCoupon(wallet.coupons, userCouponId, (coupon) => ({ ...coupon, pending: undefined }))
        }
      }
      case "Revoke":
        return {
          ...wallet,
          coupons: withCoupon(wallet.coupons, command.userCouponId, (coupon) => ({
            ...coupon,
            status: "REVOKED",
            pending: undefined
          }))
        }
      case "Close":
        return undefined
    }
  },
  release: (wallet, command) => {
    switch (command._tag) {
      case "Take":
        return {
          ...wallet,
          held: won(wallet.held - command.amount),
          purchases: wallet.purchases - 1,
          coupons: withCoupon(wallet.coupons, command.userCouponId, (coupon) => ({ ...coupon, pending: undefined }))
        }
      case "Order":
        return {
          ...wallet,
          held: won(wallet.held - command.take),
          incoming: won(wallet.incoming - command.give),
          purchases: wallet.purchases - 1,
          coupons: withCoupon(wallet.coupons, command.coupon?.userCouponId, (each) => ({
            ...each,
            pending: undefined
          }))
        }
      case "Give":
        return { ...wallet, incoming: won(wallet.incoming - command.amount) }
      case "Receive":
        return { ...wallet, coupons: withCoupon(wallet.coupons, command.userCouponId, () => undefined) }
      case "Revoke":
        return {
          ...wallet,
          coupons: withCoupon(wallet.coupons, command.userCouponId, (coupon) => ({ ...coupon, pending: undefined }))
        }
      case "Close":
        return { ...wallet, closing: false }
    }
  }
}
