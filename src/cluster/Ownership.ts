/**
 * Which partitions are this node's. Leases and the ring decide it, and are a hint: the truth is the epoch in Postgres,
 * which whoever gains a partition raises before anything is read. So everything here may go wrong at the price of a
 * commit that is fenced, and is careful all the same, because reads are not fenced:
 *
 * - Wanted is what the ring of the living gives us. What is missing is acquired; the leases of the proven dead are broken
 *   first; what a living peer holds it is asked to hand over, and it gives what its own ring does not give to itself.
 *   What we hold and should not is kept, and served, until somebody comes for it.
 * - A partition is `mine` while its lease is valid, by our own clock, from before the question was sent.
 * - A refresh never takes back. What it finds missing is acquired if it is free, and kept if the database confirms that
 *   nobody has claimed it since; what is somebody else's by now is lost.
 * - Whoever is fenced doubts what it was fenced for: it is not `mine` until the store says that it is ours still, and then
 *   it is claimed again. So of two who both claim, one gives in.
 * - While the store is away, the database is asked at once and then every `confirmEveryMs`, and leases are valid for as
 *   long as it confirms. A store only we cannot reach is the price: until the next answer two nodes may believe they own
 *   a partition, and one of them can commit.
 * - Drain: say goodbye, give what is asked for, then drop the rest, release, unregister.
 */
import { Context, Effect, Fiber, Layer, Schedule, type Scope } from "effect"
import type { PartitionId } from "../domain/Ids.ts"
import * as Estate from "./Estate.ts"
import * as Keeping from "./Keeping.ts"
import { Leases, type Owner } from "./Leases.ts"
import { Membership } from "./Membership.ts"
import * as Monotonic from "./Monotonic.ts"
import { Peers } from "./Peers.ts"
import * as Placing from "./Placing.ts"
import * as Ring from "./Ring.ts"

export type Hooks<E> = Estate.Hooks<E>

export interface Options {
  readonly partitions: number
  /** How long a lease lasts, as the store knows it. */
  readonly ttlMs: number
  /** Whether this node takes partitions; one that does not routes to those that do, and nobody needs to know it. */
  readonly takesPartitions: boolean
  /** How long a drain waits for peers to come for what is ours. */
  readonly handOverMs: number
}

export interface Status {
  readonly members: ReadonlyArray<Owner>
  readonly wanted: number
  readonly held: number
  /** Wanted and not mine now. */
  readonly missing: number
  readonly storeAnswers: boolean
  /** For how long the lease that ends first is valid; `undefined` without any. */
  readonly validForMs: number | undefined
}

export class Ownership extends Context.Service<
  Ownership,
  {
    /** Takes part, until the scope closes; then it drains, unless it has. */
    readonly start: <E>(hooks: Hooks<E>) => Effect.Effect<void, never, Scope.Scope>
    /** Whether it may be answered from memory now. */
    readonly mine: (id: PartitionId) => boolean
    /** Where it should be asked for: a guess, and `undefined` if there is nobody. */
    readonly ownerOf: (id: PartitionId) => string | undefined
    /** Reads who holds what: when a guess was wrong. */
    readonly lookAgain: Effect.Effect<void>
    /** Somebody else has claimed these since we did: are they ours still? */
    readonly doubt: (ids: ReadonlyArray<PartitionId>) => void
    /** Whether partitions can be asked here or elsewhere, and those that should be ours are. */
    readonly ready: () => boolean
    readonly drain: Effect.Effect<void>
    readonly status: () => Status
  }
>()("sluice/cluster/Ownership") {
  static readonly layer = (options: Options): Layer.Layer<Ownership, never, Leases | Membership | Peers> =>
    Layer.effect(Ownership, make(options))
}

const lookEvery = "1 second"
/** Whoever looks again is waited for by a request. */
const lookMostMs = 100
const registerAgain = Schedule.max([Schedule.spaced("100 millis"), Schedule.recurs(3)])

const make = Effect.fnUntraced(function* (options: Options) {
  const leases = yield* Leases
  const membership = yield* Membership
  const peers = yield* Peers
  const now = yield* Monotonic.now
  const self = peers.self.address
  const { ttlMs, partitions } = options
  /** Whether this node is on the ring. */
  let takes = false

  let ring: ReadonlyArray<string> = []
  /** As it is for those who think that we are gone. */
  let ringWithoutUs: ReadonlyArray<string> = []
  let wanted: ReadonlySet<PartitionId> = new Set()
  const turn = () => {
    const addresses = membership.others().map(({ address }) => address)
    ringWithoutUs = Ring.assign(addresses, partitions)
    ring = takes ? Ring.assign([...addresses, self], partitions) : ringWithoutUs
    wanted = takes ? Ring.ofMember(ring, self) : new Set()
  }

  const estate = yield* Estate.make({ self, ttlMs, wanted: () => wanted })
  const { holdings } = estate
  const missing = () => [...wanted].filter((id) => !holdings.has(id))
  const { poke, place, holderOf, look } = yield* Placing.make({ estate, missing })
  const { storeAnswers, validForMs, hurry, keep } = yield* Keeping.make({ self, ttlMs, estate, poke })

  turn()
  membership.onChange(() => {
    turn()
    poke()
  })
  yield* look.pipe(Effect.repeat(Schedule.spaced(lookEvery)), Effect.forkScoped)

  const handOver = Effect.fnUntraced(function* (to: Owner, asked: ReadonlyArray<PartitionId>) {
    // Whoever asks is there, also if the store has not told us yet.
    if (!membership.others().some(({ nonce }) => nonce === to.nonce)) yield* membership.sync
    const given = asked.filter((id) => !wanted.has(id))
    yield* estate.lose(given)
    // Also those that are not held: should a release have got lost, this one makes up for it.
    return yield* Effect.as(estate.release(given), given).pipe(Effect.orElseSucceed(() => []))
  })

  let loops: ReadonlyArray<Fiber.Fiber<unknown>> = []
  const drain = Effect.gen(function* () {
    if (!takes) return
    takes = false
    turn()
    if (membership.others().length > 0) {
      yield* peers.leave
      const given = Effect.repeat(Effect.sleep(5), { until: () => holdings.ids.length === 0 })
      yield* Effect.timeoutOption(given, options.handOverMs)
    }
    yield* Fiber.interruptAll(loops)
    yield* estate.lose(holdings.ids)
    yield* Effect.ignore(leases.releaseAll(self))
    yield* Effect.ignore(leases.unregister(self))
  })

  const start = <E>({ onGain, onLose, confirm }: Hooks<E>) =>
    Effect.gen(function* () {
      if (!options.takesPartitions) return
      estate.tell = onLose
      takes = true
      turn()
      peers.serve({ handOver })
      yield* Effect.addFinalizer(() => drain)
      // Should the store be away, the first refresh it answers registers as well.
      yield* leases.register(self, "{}", true).pipe(Effect.retry(registerAgain), Effect.ignore)
      loops = yield* Effect.forEach([estate.claimGained(onGain), keep(confirm), place], (loop) =>
        Effect.forkScoped(loop)
      )
    })

  const ownerOf = (id: PartitionId) => {
    if (holdings.isValid(id, now())) return self
    const holder = holderOf(id)
    const lives = membership.others().some(({ nonce }) => nonce === holder?.nonce)
    if (lives) return holder?.address
    // Without the store nothing comes to us; what was ours may be with somebody else.
    return ring[id] !== self || storeAnswers() ? ring[id] : ringWithoutUs[id]
  }

  const status = (): Status => {
    const at = now()
    const others = membership.others()
    return {
      members: takes ? [peers.self, ...others] : others,
      wanted: wanted.size,
      held: holdings.ids.length,
      missing: [...wanted].filter((id) => !holdings.isValid(id, at)).length,
      storeAnswers: storeAnswers(),
      validForMs: validForMs()
    }
  }

  return Ownership.of({
    start,
    mine: (id) => holdings.isValid(id, now()),
    ownerOf,
    lookAgain: Effect.asVoid(Effect.timeoutOption(look, lookMostMs)),
    doubt: (ids) => {
      holdings.doubt(ids)
      hurry()
    },
    ready: () => {
      const at = now()
      return ring.length > 0 && (wanted.size === 0 || holdings.ids.some((id) => holdings.isValid(id, at)))
    },
    drain,
    status
  })
})
