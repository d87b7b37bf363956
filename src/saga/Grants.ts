/**
 * Coupons that users get by themselves (C-17), given by the system. What a user is owed was written in one commit with
 * the registration; any node grants it, soon afterwards, and again until it is granted or refused (decision 12).
 */
import { Effect, Layer, Schedule } from "effect"
import { permit } from "../domain/Authority.ts"
import { RequestKey } from "../domain/Ids.ts"
import { Coupons, type OwedCoupon } from "../persistence/Coupons.ts"
import { issue } from "./Coupons.ts"
import { digest } from "./Keys.ts"
import type { Keyed } from "./Transact.ts"

const atOnce = 100
const every = "1 second"

/** No user is called SYSTEM. The same grant is the same request, whichever node makes it. */
const requestOf = ({ userId, couponId }: OwedCoupon): Keyed => {
  const key = digest(`SYSTEM\nREGISTRATION\n${userId} ${couponId}`)
  return { key: RequestKey(key), bodyHash: key }
}

/** What says nothing about the coupon, and may be otherwise the next time. */
const undecided = ["Overloaded", "Unavailable", "TimedOut", "RequestInProgress", "CouponUndecided"] as const

const grant = (owed: OwedCoupon) =>
  Effect.flatMap(Coupons, ({ settleOwed }) =>
    issue({ wanted: permit(owed), request: requestOf(owed), issueBy: "GRANT" }).pipe(
      Effect.asVoid,
      Effect.matchEffect({
        onSuccess: () => settleOwed(owed),
        onFailure: (error) =>
          undecided.some((tag) => tag === error._tag)
            ? Effect.logDebug("An owed coupon waits", error)
            : Effect.andThen(Effect.logDebug("An owed coupon is refused", error), settleOwed(owed))
      })
    )
  )

/** Grants some of what is owed; tells how many were tried. */
export const grantOwed = Effect.gen(function* () {
  const owed = yield* (yield* Coupons).takeOwed(atOnce)
  yield* Effect.forEach(owed, grant, { concurrency: 10, discard: true })
  return owed.length
})

export const layer = Layer.effectDiscard(
  grantOwed.pipe(
    Effect.repeat({ while: (tried) => tried === atOnce }),
    Effect.catchCause((cause) => Effect.logWarning("Owed coupons have to wait", cause)),
    Effect.repeat(Schedule.spaced(every)),
    Effect.forkScoped
  )
)
