/** What one node holds, and the ways to gain and to lose it: every change of `Holdings` that others must know of. */
import { Effect, Latch, Metric } from "effect"
import type { ClusterError } from "effect/cluster"
import { PartitionId } from "../domain/Ids.ts"
import { Holdings } from "./Holdings.ts"
import { Leases } from "./Leases.ts"
import * as Monotonic from "./Monotonic.ts"

/** Whoever keeps what lives in the partitions. */
export interface Hooks<E> {
  /** Leases gained: claim these, all at once. Ends when that is done, or failed and left to the first who asks. */
  readonly onGain: (ids: ReadonlyArray<PartitionId>) => Effect.Effect<void>
  /** Lost: from now on nothing may be answered from them. */
  readonly onLose: (ids: ReadonlyArray<PartitionId>) => void
  /** Those of the partitions that nobody else has claimed since we did, as the database says. */
  readonly confirm: (ids: ReadonlyArray<PartitionId>) => Effect.Effect<ReadonlyArray<PartitionId>, E>
}

export interface Options {
  readonly self: string
  /** How long a lease lasts, as the store knows it. */
  readonly ttlMs: number
  /** What may be gained now. */
  readonly wanted: () => ReadonlySet<PartitionId>
}

type Done = Effect.Effect<void, ClusterError.PersistenceError>

export interface Estate {
  readonly holdings: Holdings
  /** Who is told of losses. */
  tell: (lost: ReadonlyArray<PartitionId>) => void
  readonly gain: (ids: ReadonlyArray<PartitionId>, sentAt: number) => void
  readonly lose: (ids: Iterable<PartitionId>) => Effect.Effect<void>
  /** Takes those that are free. */
  readonly acquire: (ids: ReadonlyArray<PartitionId>) => Done
  /** Gives leases back to the store, held or not. */
  readonly release: (ids: ReadonlyArray<PartitionId>) => Done
  /** Has the gained claimed, all that are there at once; never ends. */
  readonly claimGained: (onGain: Hooks<never>["onGain"]) => Effect.Effect<never>
}

const gained = Metric.counter("sluice_partitions_gained", { description: "Leases gained", incremental: true })
const lost = Metric.counter("sluice_partitions_lost", { description: "Leases lost or given up", incremental: true })

export const partitionsOf = (shards: ReadonlyArray<string>): ReadonlyArray<PartitionId> =>
  shards.map((shard) => PartitionId(Number(shard)))

export const make = Effect.fnUntraced(function* ({ self, ttlMs, wanted }: Options) {
  const leases = yield* Leases
  const now = yield* Monotonic.now
  const holdings = new Holdings()
  const unclaimed = new Set<PartitionId>()
  const toClaim = Latch.makeUnsafe(false)

  const gain = (ids: ReadonlyArray<PartitionId>, sentAt: number) => {
    const fresh = holdings.add(ids, sentAt + ttlMs)
    for (const id of fresh) unclaimed.add(id)
    if (fresh.length > 0) toClaim.openUnsafe()
  }

  const release = (ids: ReadonlyArray<PartitionId>) =>
    Effect.forEach(ids, (id) => leases.release(self, String(id)), { concurrency: 64, discard: true })

  const claimOnce = (onGain: Hooks<never>["onGain"]) =>
    Effect.gen(function* () {
      toClaim.closeUnsafe()
      const claiming = [...unclaimed].flatMap((id) => holdings.get(id) ?? [])
      unclaimed.clear()
      if (claiming.length === 0) return
      yield* Metric.update(gained, claiming.length)
      yield* onGain(claiming.map(({ id }) => id))
      for (const holding of claiming) holding.claimed = true
    })

  const estate: Estate = {
    holdings,
    tell: () => undefined,
    gain,
    lose: (ids) =>
      Effect.suspend(() => {
        const gone = holdings.remove(ids)
        for (const id of gone) unclaimed.delete(id)
        if (gone.length > 0) estate.tell(gone)
        return Metric.update(lost, gone.length)
      }),
    acquire: Effect.fnUntraced(function* (ids) {
      if (ids.length === 0) return
      const sentAt = now()
      const got = partitionsOf(yield* leases.acquire(self, ids.map(String)))
      const { kept = [], surplus = [] } = Object.groupBy(got, (id) => (wanted().has(id) ? "kept" : "surplus"))
      gain(kept, sentAt)
      yield* release(surplus)
    }),
    release,
    claimGained: (onGain) =>
      toClaim.await.pipe(
        Effect.andThen(claimOnce(onGain)),
        Effect.catchCause((cause) => Effect.logWarning("Partitions could not be claimed", cause)),
        Effect.forever
      )
  }
  return estate
})
