/**
 * A wallet: the one spendable balance of one user (C12), decided by one actor.
 *
 * Only committed money can be spent: `available = balance − held`. Money on its way in (a charge, a refund) counts
 * once it is committed.
 */
import { Result, Schema } from "effect"
import { UserId } from "./Ids.ts"
import type { Kind } from "./Kind.ts"
import { maxBalance, Money, won } from "./Money.ts"
import { Policy } from "./Policy.ts"

export const Wallet = Schema.Struct({
  userId: UserId,
  balance: Money,
  /** Taken by transactions that are not settled. */
  held: Money,
  /** Given by transactions that are not settled. */
  incoming: Money,
  /** Purchases that are not settled: one that costs nothing holds no money, and needs its buyer all the same. */
  purchases: Schema.Int,
  closing: Schema.Boolean
})
export type Wallet = typeof Wallet.Type

export const WalletCommand = Schema.Union([
  Schema.TaggedStruct("Take", { amount: Money }),
  Schema.TaggedStruct("Give", { amount: Money }),
  /** The user withdraws. Only a wallet that is empty and not in use can be closed, and once settled it is gone. */
  Schema.TaggedStruct("Close", {})
])
export type WalletCommand = typeof WalletCommand.Type

/** The balance when this command and everything admitted before it has been committed. */
export const WalletGrant = Schema.Struct({ balance: Money })
export type WalletGrant = typeof WalletGrant.Type

/** A user has exactly one wallet (W7), so no wallet is no user. */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", {
  userId: Schema.String
}) {}

export class InsufficientBalance extends Schema.TaggedError<InsufficientBalance>()("InsufficientBalance", {
  balance: Money,
  required: Money
}) {}

export class BalanceLimitExceeded extends Schema.TaggedError<BalanceLimitExceeded>()("BalanceLimitExceeded", {
  maximum: Money
}) {}

export class BalanceRemaining extends Schema.TaggedError<BalanceRemaining>()("BalanceRemaining", {
  balance: Money
}) {}

/** Not a positive whole number of won, or more than one charge may bring. */
export class InvalidAmount extends Schema.TaggedError<InvalidAmount>()("InvalidAmount", {
  maximum: Money
}) {}

export class ChargeBelowMinimum extends Schema.TaggedError<ChargeBelowMinimum>()("ChargeBelowMinimum", {
  minimum: Money
}) {}

export const WalletRefusal = Schema.Union([UserNotFound, InsufficientBalance, BalanceLimitExceeded, BalanceRemaining])
export type WalletRefusal = typeof WalletRefusal.Type

/** What may be charged (W5, W6, C13). */
export const chargeable = (amount: number): Result.Result<Money, InvalidAmount | ChargeBelowMinimum> => {
  const { minCharge, maxCharge } = Policy.wallet
  if (!Number.isSafeInteger(amount) || amount <= 0 || amount > maxCharge) {
    return Result.fail(new InvalidAmount({ maximum: maxCharge }))
  }
  return amount < minCharge ? Result.fail(new ChargeBelowMinimum({ minimum: minCharge })) : Result.succeed(won(amount))
}

/** A wallet as it is on disk, with nothing in flight. */
export const make = (userId: UserId, balance: Money): Wallet => ({
  userId,
  balance,
  held: won(0),
  incoming: won(0),
  purchases: 0,
  closing: false
})

export const available = (wallet: Wallet): Money => won(wallet.balance - wallet.held)

const expected = (wallet: Wallet): Money => won(wallet.balance + wallet.incoming - wallet.held)

const granted = (state: Wallet) => Result.succeed({ state, grant: { balance: expected(state) } })

export const WalletKind: Kind<UserId, Wallet, WalletCommand, WalletGrant, WalletRefusal> = {
  hold: (userId, wallet, command) => {
    if (wallet === undefined || wallet.closing) return Result.fail(new UserNotFound({ userId }))
    switch (command._tag) {
      case "Take":
        return available(wallet) < command.amount
          ? Result.fail(new InsufficientBalance({ balance: available(wallet), required: command.amount }))
          : granted({ ...wallet, held: won(wallet.held + command.amount), purchases: wallet.purchases + 1 })
      case "Give":
        return wallet.balance + wallet.incoming + command.amount > maxBalance
          ? Result.fail(new BalanceLimitExceeded({ maximum: won(maxBalance) }))
          : granted({ ...wallet, incoming: won(wallet.incoming + command.amount) })
      case "Close":
        return wallet.balance + wallet.incoming + wallet.purchases > 0
          ? Result.fail(new BalanceRemaining({ balance: won(wallet.balance + wallet.incoming) }))
          : granted({ ...wallet, closing: true })
    }
  },
  settle: (wallet, command) => {
    switch (command._tag) {
      case "Take":
        return {
          ...wallet,
          balance: won(wallet.balance - command.amount),
          held: won(wallet.held - command.amount),
          purchases: wallet.purchases - 1
        }
      case "Give":
        return {
          ...wallet,
          balance: won(wallet.balance + command.amount),
          incoming: won(wallet.incoming - command.amount)
        }
      case "Close":
        return undefined
    }
  },
  release: (wallet, command) => {
    switch (command._tag) {
      case "Take":
        return { ...wallet, held: won(wallet.held - command.amount), purchases: wallet.purchases - 1 }
      case "Give":
        return { ...wallet, incoming: won(wallet.incoming - command.amount) }
      case "Close":
        return { ...wallet, closing: false }
    }
  }
}
