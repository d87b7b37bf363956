/** Charging a wallet: money comes in from outside (seed 003 §1.2). */
import { Effect, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import { UserId } from "../domain/Ids.ts"
import { gain, Money } from "../domain/Money.ts"
import { chargeable, type ChargeBelowMinimum, type InvalidAmount, type WalletRefusal } from "../domain/Wallet.ts"
import { type Answer, type Failure, type Keyed, Transact } from "./Transact.ts"
import { whenDecided } from "./Waiters.ts"

export interface ChargeRequest {
  readonly request: Keyed
  readonly user: Permitted<UserId>
  /** In won; anything a client may have sent. */
  readonly amount: number
}

export const ChargeAnswer = Schema.Struct({
  userId: UserId,
  /** The balance when this charge and everything admitted before it is committed. */
  balance: Money
})
export type ChargeAnswer = typeof ChargeAnswer.Type

export const charge = ({
  request,
  user: { of: userId, by },
  amount
}: ChargeRequest): Effect.Effect<
  Answer<ChargeAnswer>,
  InvalidAmount | ChargeBelowMinimum | WalletRefusal | Failure,
  Transact
> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      request,
      by,
      answer: ChargeAnswer,
      plan: Effect.fnUntraced(function* ({ hold }) {
        const money = yield* Effect.fromResult(chargeable(amount))
        const { balance } = yield* whenDecided(hold("wallet", userId, { _tag: "Give", amount: money }))
        return {
          changes: [{ _tag: "MoneyMoved", userId, delta: gain(money), reason: "CHARGE" }],
          events: [{ type: "BalanceCharged", entity: userId, payload: { amount: money } }],
          answer: { userId, balance }
        }
      })
    })
  )
