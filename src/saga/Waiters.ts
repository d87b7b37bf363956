/** Who waits, on this node, for what others are deciding about an order: so many at a time, and nobody in vain for long. */
import { Effect, Schedule } from "effect"
import { Overloaded, Unavailable } from "../actors/Errors.ts"
import type { OrderId } from "../domain/Ids.ts"
import { CouponUndecided } from "../domain/UserCoupon.ts"
import { WalletUndecided } from "../domain/Wallet.ts"

/** More than the people and nodes that ever mean one order at once. */
export const waitersMost = 32
/**
 * A commit takes some ten milliseconds; whoever never says how it ended is asked about at the deadline. Five seconds in
 * all, and few questions.
 */
const patience = {
  schedule: Schedule.min([Schedule.exponential("10 millis", 1.5), Schedule.spaced("200 millis")]),
  times: 30
}

/** Asks, and asks again in a moment for as long as `isOpen`; fails with `Unavailable` when that takes too long. */
export const inAMoment = <A, E, X extends E, E2 = never>(
  asked: Effect.Effect<A, E>,
  isOpen: (error: unknown) => error is X,
  /** What is done about asking again, if it comes to that. */
  within: (again: Effect.Effect<A, E>) => Effect.Effect<A, E | E2> = (again) => again
) =>
  Effect.catchIf(asked, isOpen, () =>
    Effect.catchIf(within(Effect.retry(asked, { ...patience, while: isOpen })), isOpen, () =>
      Effect.fail(new Unavailable())
    )
  )

const isUndecided = (error: unknown): error is CouponUndecided | WalletUndecided =>
  error instanceof CouponUndecided || error instanceof WalletUndecided

/** While others hold coupons, or a wallet may be closed, it is open what there is: asks again in a moment. */
export const whenDecided = <A, E>(hold: Effect.Effect<A, E | CouponUndecided | WalletUndecided>) =>
  inAMoment(hold, isUndecided)

export class Waiters {
  readonly #waiting = new Map<OrderId, number>()

  /**
   * Asks, and asks again in a moment for as long as `isOpen`: never for what may take longer than a commit. Fails with
   * `Overloaded` when too many wait for this order.
   */
  ask<A, E, X extends E>(id: OrderId, asked: Effect.Effect<A, E>, isOpen: (error: unknown) => error is X) {
    return inAMoment(asked, isOpen, (again) => this.#among(id, again))
  }

  #among<A, E>(id: OrderId, waiting: Effect.Effect<A, E>): Effect.Effect<A, E | Overloaded> {
    return Effect.uninterruptibleMask((restore): Effect.Effect<A, E | Overloaded> => {
      const others = this.#waiting.get(id) ?? 0
      if (others >= waitersMost) return Effect.fail(new Overloaded())
      this.#waiting.set(id, others + 1)
      return Effect.ensuring(
        restore(waiting),
        Effect.sync(() => {
          const left = (this.#waiting.get(id) ?? 0) - 1
          if (left > 0) this.#waiting.set(id, left)
          else this.#waiting.delete(id)
        })
      )
    })
  }
}
