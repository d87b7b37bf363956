/**
 * Leases in memory: for one node without Redis, and for many nodes in one process, in tests and in the simulator. They
 * know their owners and end by the clock, as those in Redis do.
 */
import { Clock, Effect, Latch, Layer } from "effect"
import type { ClusterError } from "effect/cluster"
import { SecureRandom } from "effect/crypto"
import { bounded, format, Leases, type Member, type Options, type Owner } from "./Leases.ts"

interface Lease {
  readonly owner: Owner
  readonly end: number
}

type Registered = Omit<Member, "remainingMs">

interface Heartbeat {
  readonly member: Registered
  readonly end: number
}

const same = (one: Owner | undefined, other: Owner) => one !== undefined && format(one) === format(other)

/** What the processes of a cluster share. */
export class Store {
  readonly #leases = new Map<string, Lease>()
  readonly #members = new Map<string, Heartbeat>()
  #machines = 0
  /** While it is closed nobody is answered. */
  readonly answers = Latch.makeUnsafe(true)

  /** Loses everything. */
  flush(): void {
    this.#leases.clear()
    this.#members.clear()
  }

  /** Returns how to go back to what it is now. */
  snapshot(): () => void {
    const [leases, members] = [[...this.#leases], [...this.#members]]
    return () => {
      this.flush()
      for (const [shard, lease] of leases) this.#leases.set(shard, lease)
      for (const [address, heartbeat] of members) this.#members.set(address, heartbeat)
    }
  }

  forget(now: number): void {
    for (const [shard, { end }] of this.#leases) if (end <= now) this.#leases.delete(shard)
    for (const [address, { end }] of this.#members) if (end <= now) this.#members.delete(address)
  }

  register(member: Registered, end: number): number {
    this.#free((owner) => owner.address === member.address && owner.nonce !== member.nonce)
    this.#members.set(member.address, { member, end })
    return ++this.#machines
  }

  unregister(owner: Owner): void {
    if (same(this.#members.get(owner.address)?.member, owner)) this.#members.delete(owner.address)
  }

  setHealth(address: string, healthy: boolean): void {
    const heartbeat = this.#members.get(address)
    if (heartbeat !== undefined) {
      this.#members.set(address, { ...heartbeat, member: { ...heartbeat.member, healthy } })
    }
  }

  members(now: number): ReadonlyArray<Member> {
    return Array.from(this.#members.values(), ({ member, end }) => ({ ...member, remainingMs: end - now }))
  }

  holders(): ReadonlyMap<string, Owner> {
    return new Map(Array.from(this.#leases, ([shard, { owner }]) => [shard, owner]))
  }

  acquire(owner: Owner, shards: ReadonlyArray<string>, end: number): Array<string> {
    const ours = shards.filter((shard) => {
      const lease = this.#leases.get(shard)
      return lease === undefined || same(lease.owner, owner)
    })
    for (const shard of ours) this.#leases.set(shard, { owner, end })
    return ours
  }

  refresh(owner: Owner, shards: ReadonlyArray<string>, end: number, registered: Registered | undefined): Array<string> {
    const member = this.#members.get(owner.address)?.member ?? registered
    if (member !== undefined && same(member, owner)) this.#members.set(owner.address, { member, end })
    return this.acquire(
      owner,
      shards.filter((shard) => same(this.#leases.get(shard)?.owner, owner)),
      end
    )
  }

  release(owner: Owner, shard: string): void {
    if (same(this.#leases.get(shard)?.owner, owner)) this.#leases.delete(shard)
  }

  releaseAll(owner: Owner): ReadonlyArray<string> {
    return this.#free((holder) => same(holder, owner))
  }

  #free(isOne: (owner: Owner) => boolean): ReadonlyArray<string> {
    const freed = Array.from(this.#leases).flatMap(([shard, { owner }]) => (isOne(owner) ? [shard] : []))
    for (const shard of freed) this.#leases.delete(shard)
    return freed
  }
}

/** Has the store carry an operation out, `end` being when a lease given now ends; and whatever may go wrong with that. */
export type Ask = <A>(operation: (store: Store, end: number) => A) => Effect.Effect<A, ClusterError.PersistenceError>

const asking =
  (store: Store, options: Options): Ask =>
  (operation) =>
    store.answers.await.pipe(
      Effect.andThen(Clock.currentTimeMillis),
      Effect.map((now) => {
        store.forget(now)
        return operation(store, now + options.ttlMs)
      }),
      bounded(options)
    )

/** One boot of a process that shares the store. */
export const make = (store: Store, nonce: string, options: Options): Leases["Service"] =>
  over(asking(store, options), nonce, options)

/** One boot of a process, to which the store is wherever it asks. */
export const over = (ask: Ask, nonce: string, { ttlMs }: Pick<Options, "ttlMs">): Leases["Service"] => {
  const registered = new Map<string, Registered>()
  const members = ask((store, end) => store.members(end - ttlMs))
  return Leases.of({
    nonce,
    getRunners: Effect.map(members, (all) => all.map(({ runner, healthy }) => [runner, healthy])),
    register: (address, runner, healthy) => {
      const member = { address, nonce, runner, healthy }
      registered.set(address, member)
      return ask((store, end) => store.register(member, end))
    },
    unregister: (address) => {
      registered.delete(address)
      return ask((store) => store.unregister({ address, nonce }))
    },
    setRunnerHealth: (address, healthy) => ask((store) => store.setHealth(address, healthy)),
    acquire: (address, shards) => ask((store, end) => store.acquire({ address, nonce }, shards, end)),
    refresh: (address, shards) =>
      ask((store, end) => store.refresh({ address, nonce }, shards, end, registered.get(address))),
    release: (address, shard) => ask((store) => store.release({ address, nonce }, shard)),
    releaseAll: (address) => Effect.asVoid(ask((store) => store.releaseAll({ address, nonce }))),
    members,
    holders: ask((store) => store.holders()),
    breakLeases: (owner) =>
      ask((store) => {
        store.unregister(owner)
        return store.releaseAll(owner)
      })
  })
}

/** For one process alone. */
export const layer = (options: Options): Layer.Layer<Leases, never, SecureRandom.SecureRandom> =>
  Layer.effect(
    Leases,
    Effect.gen(function* () {
      const random = yield* SecureRandom.SecureRandom
      return make(new Store(), yield* random.uuidV7(), options)
    })
  )
