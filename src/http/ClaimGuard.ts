/** Slows down whoever guesses the codes of coupons (I14). */
import { Context, Effect, Layer } from "effect"
import { CouponNotFound } from "../domain/Coupon.ts"
import type { UserId } from "../domain/Ids.ts"
import type { RateLimited } from "./api/Errors.ts"
import * as Guesses from "./Guesses.ts"

/** Users are made for nothing, so their address pays as well; many people may share one. */
const perMinute = { user: 10, address: 100 }

const payers = (userId: UserId, address: string): ReadonlyArray<Guesses.Payer> => [
  { key: `user ${userId}`, perMinute: perMinute.user },
  { key: `address ${address}`, perMinute: perMinute.address }
]

export class ClaimGuard extends Context.Service<
  ClaimGuard,
  {
    /** Runs a claim, unless too many named no coupon lately. */
    readonly guard: <A, E, R>(
      userId: UserId,
      address: string,
      claim: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | RateLimited, R>
    /**
     * To be paid by whoever names the code of a new coupon: it tells which codes there are already, and as they are
     * claimed. What is not taken is told as well, so it costs the same.
     */
    readonly naming: (userId: UserId, address: string) => Effect.Effect<void, RateLimited>
  }
>()("sluice/http/ClaimGuard") {
  static readonly layer = Layer.effect(
    ClaimGuard,
    Effect.map(
      Guesses.make((error) => error instanceof CouponNotFound),
      ({ pay, guess }) => ({
        guard: (userId, address, claim) => guess(payers(userId, address), claim),
        naming: (userId, address) => pay(payers(userId, address))
      })
    )
  )
}
