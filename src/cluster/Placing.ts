/** Gets what is missing: breaks the leases of the dead, takes what is free, asks the living for what they hold. */
import { Effect, Latch } from "effect"
import type { PartitionId } from "../domain/Ids.ts"
import type { Estate } from "./Estate.ts"
import { Leases, type Owner } from "./Leases.ts"
import { Membership } from "./Membership.ts"
import * as Monotonic from "./Monotonic.ts"
import { Peers } from "./Peers.ts"

export interface Options {
  readonly estate: Estate
  readonly missing: () => ReadonlyArray<PartitionId>
}

export interface Placing {
  /** There may be something to do. */
  readonly poke: () => void
  /** Never ends. */
  readonly place: Effect.Effect<never>
  /** Who held a partition when the store was last asked. */
  readonly holderOf: (id: PartitionId) => Owner | undefined
  /** Asks the store who holds what, unless it just was. */
  readonly look: Effect.Effect<void>
}

const tickMs = 1000
/** Often at first, for what is missing may come any moment. */
const retryMs = 20
const eagerRetries = 25
const retryLaterMs = 100
const lookEveryMs = 20

export const make = Effect.fnUntraced(function* ({ estate, missing }: Options) {
  const leases = yield* Leases
  const membership = yield* Membership
  const peers = yield* Peers
  const now = yield* Monotonic.now
  const scope = yield* Effect.scope
  const poked = Latch.makeUnsafe(true)
  /** Whose leases have been broken, by nonce. */
  let broken: ReadonlySet<string> = new Set()
  let holders: ReadonlyMap<string, Owner> = new Map()
  let lookedAt = -Infinity
  const pulling = new Set<string>()

  const breakDead = Effect.gen(function* () {
    const dead = membership.dead()
    for (const owner of dead) if (!broken.has(owner.nonce)) yield* leases.breakLeases(owner)
    broken = new Set(dead.map(({ nonce }) => nonce))
  })

  const look = Effect.gen(function* () {
    lookedAt = now()
    holders = yield* leases.holders
  })

  /** Asks whoever holds them, each peer once at a time. It is not waited for: one that is silent keeps nobody else up. */
  const pull = (ids: ReadonlyArray<PartitionId>) => {
    const held = ids.flatMap((id) => {
      const holder = holders.get(String(id))
      const busy = holder === undefined || holder.nonce === peers.self.nonce || pulling.has(holder.address)
      return busy ? [] : [{ id, address: holder.address }]
    })
    return Effect.forEach(
      Map.groupBy(held, ({ address }) => address),
      ([address, theirs]) => {
        pulling.add(address)
        const ask = peers.handOver(
          address,
          theirs.map(({ id }) => id)
        )
        return ask.pipe(
          Effect.flatMap(estate.acquire),
          Effect.ignore,
          Effect.ensuring(Effect.sync(() => pulling.delete(address))),
          Effect.forkIn(scope)
        )
      },
      { discard: true }
    )
  }

  /** Returns whether nothing is missing any more. */
  const step = Effect.gen(function* () {
    if (missing().length === 0) return true
    yield* breakDead
    yield* estate.acquire(missing())
    if (missing().length === 0) return true
    yield* look
    yield* pull(missing())
    return missing().length === 0
  }).pipe(Effect.orElseSucceed(() => false))

  const place = Effect.gen(function* () {
    let tries = 0
    while (true) {
      const complete = yield* step
      const eager = !complete && ++tries < eagerRetries
      yield* eager
        ? Effect.sleep(retryMs)
        : Effect.raceFirst(poked.await, Effect.sleep(complete ? tickMs : retryLaterMs))
      if (complete || poked.isOpen()) tries = 0
      poked.closeUnsafe()
    }
  })

  return {
    poke: () => void poked.openUnsafe(),
    place,
    holderOf: (id) => holders.get(String(id)),
    look: Effect.suspend(() => (now() - lookedAt < lookEveryMs ? Effect.void : Effect.ignore(look)))
  } satisfies Placing
})
