/** Time that only goes forward: leases are measured by it, whatever becomes of the time of day. */
import { Clock, Effect } from "effect"

/** Milliseconds since some moment, by the clock that is there when it is made. */
export const now: Effect.Effect<() => number> = Effect.map(
  Clock.Clock,
  (clock) => () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
)
