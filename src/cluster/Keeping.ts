/**
 * Keeps what is held: refreshes the leases in time, and asks the database where the store can no longer tell. See
 * Ownership for the rule.
 */
import { Effect, Exit, Latch, Metric } from "effect"
import type { PartitionId } from "../domain/Ids.ts"
import { type Estate, type Hooks, partitionsOf } from "./Estate.ts"
import { type Holding, judge } from "./Holdings.ts"
import { Leases } from "./Leases.ts"
import * as Monotonic from "./Monotonic.ts"

export interface Options {
  readonly self: string
  readonly ttlMs: number
  readonly estate: Estate
  /** Something was lost, or the store is back: there may be something to do. */
  readonly poke: () => void
}

export interface Keeping {
  readonly storeAnswers: () => boolean
  /** For how long the lease that ends first is valid; `undefined` without any. */
  readonly validForMs: () => number | undefined
  /** Asks now, instead of when it is time. */
  readonly hurry: () => void
  /** Never ends. */
  readonly keep: <E>(confirm: Hooks<E>["confirm"]) => Effect.Effect<never>
}

const leaseValid = Metric.gauge("sluice_lease_valid_ms", { description: "How long the lease that ends first is valid" })

/** However much there is in doubt. */
const leastPauseMs = 10

export const make = Effect.fnUntraced(function* ({ self, ttlMs, estate, poke }: Options) {
  const leases = yield* Leases
  const now = yield* Monotonic.now
  const { holdings } = estate
  const refreshEveryMs = ttlMs / 3
  const confirmEveryMs = ttlMs / 4
  /** Longer than all that is asked of the store at once may take, and too short for a lease to end meanwhile. */
  const answersWithinMs = 2 * refreshEveryMs
  /** An answer lets us go on until the next one has had its time. */
  const confirmedForMs = 2 * confirmEveryMs
  let storeAnswers = true
  const hurried = Latch.makeUnsafe()

  const idsOf = (shards: ReadonlyArray<string>): ReadonlySet<PartitionId> => new Set(partitionsOf(shards))
  const namesOf = (asked: ReadonlyArray<Holding>) => asked.map(({ id }) => String(id))
  const isCurrent = (holding: Holding) => holdings.isCurrent(holding)

  const keep = <E>(confirm: Hooks<E>["confirm"]) => {
    const confirmed = (asked: ReadonlyArray<Holding>): Effect.Effect<ReadonlySet<PartitionId> | undefined> =>
      asked.length === 0
        ? Effect.succeed(new Set())
        : confirm(asked.map(({ id }) => id)).pipe(
            Effect.timeout(confirmEveryMs),
            Effect.map((still) => new Set(still)),
            Effect.catchCause(() => Effect.succeed(undefined))
          )

    const withStore = Effect.gen(function* () {
      const sentAt = now()
      const asked = holdings.all
      const kept = idsOf(yield* leases.refresh(self, namesOf(asked)))
      const gone = asked.filter((holding) => !kept.has(holding.id) && isCurrent(holding))
      const retaken = gone.length === 0 ? new Set<PartitionId>() : idsOf(yield* leases.acquire(self, namesOf(gone)))
      const inDoubt = asked.filter(
        ({ id, claimed, doubtful }) => claimed && (retaken.has(id) || (doubtful && kept.has(id)))
      )
      const verdict = judge({ asked, kept, retaken, confirmed: yield* confirmed(inDoubt) })
      // What was given up meanwhile stays given up.
      const takenBack = gone.filter((holding) => retaken.has(holding.id) && !isCurrent(holding))
      if (takenBack.length > 0) yield* estate.release(takenBack.map(({ id }) => id))
      for (const holding of verdict.keep) holding.doubtful = false
      for (const holding of verdict.wait) holding.doubtful = true
      holdings.extend(verdict.keep, sentAt + ttlMs)
      const renewed = verdict.renew.filter(isCurrent).map(({ id }) => id)
      yield* estate.lose([...renewed, ...verdict.lose.filter(isCurrent).map(({ id }) => id)])
      estate.gain(renewed, sentAt)
      if (verdict.lose.length > 0) poke()
    })

    const withDatabase = Effect.gen(function* () {
      const sentAt = now()
      const asked = holdings.all.filter(({ claimed }) => claimed)
      const still = yield* confirmed(asked)
      if (still === undefined) return
      const current = asked.filter(isCurrent)
      holdings.extend(
        current.filter(({ id }) => still.has(id)),
        sentAt + confirmedForMs
      )
      yield* estate.lose(current.flatMap(({ id }) => (still.has(id) ? [] : [id])))
    })

    return Effect.gen(function* () {
      while (true) {
        const startedAt = now()
        hurried.closeUnsafe()
        const wasAway = !storeAnswers
        const both = [Effect.exit(withStore), wasAway ? withDatabase : Effect.void] as const
        const [store] = yield* Effect.all(both, { concurrency: 2 })
        // Whoever stood still has heard no answer, and the store was there for others: it is asked again, and not the
        // database, for whoever has the lease by now may claim at any moment.
        if (Exit.isFailure(store) && !wasAway && now() - startedAt > answersWithinMs) continue
        storeAnswers = Exit.isSuccess(store)
        if (!storeAnswers && !wasAway) yield* withDatabase
        if (storeAnswers && wasAway) poke()
        yield* Metric.update(leaseValid, validForMs() ?? 0)
        const pauseMs = (storeAnswers ? refreshEveryMs : confirmEveryMs) - (now() - startedAt)
        yield* Effect.sleep(leastPauseMs)
        yield* Effect.raceFirst(hurried.await, Effect.sleep(Math.max(pauseMs - leastPauseMs, 0)))
      }
    })
  }

  const validForMs = () => {
    const ends = holdings.all.map(({ validUntil }) => validUntil)
    return ends.length === 0 ? undefined : Math.max(Math.min(...ends) - now(), 0)
  }
  return {
    storeAnswers: () => storeAnswers,
    validForMs,
    hurry: () => void hurried.openUnsafe(),
    keep
  } satisfies Keeping
})
