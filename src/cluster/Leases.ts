/**
 * Leases: which process should own which shard, and which processes there are. A hint with a time to live, never the
 * truth: the truth is the epoch in Postgres, and so a lease may be lost, given twice or broken and nothing is sold twice.
 *
 * This is the storage `effect/cluster` asks of us, and two things more: a lease belongs to one boot of a process, not to
 * whoever listens at its address, and the leases of a process known to be dead may be broken at once.
 *
 * - `acquire` keeps what is ours and takes what is free; what another process holds is left alone.
 * - `refresh` prolongs what is still ours and never takes back what was lost, for somebody else may have owned it in
 *   between. It is also the process's heartbeat, whatever shards it names: a process without one is not listed.
 * - `release` and `releaseAll` give up what is ours, and only that.
 * - `register` ends the leases of earlier boots at the same address: two processes cannot listen at one.
 * - Every operation ends within a bound, and fails with a `PersistenceError` if it has no answer by then. It may have
 *   been carried out all the same; a lease nobody knows of ends by itself.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { ClusterError, RunnerStorage } from "effect/cluster"

/** One boot of a process. */
export interface Owner {
  /** Where it listens, `host:port`. */
  readonly address: string
  /** Tells it from earlier boots at the same address. */
  readonly nonce: string
}

/** A process that takes part, with what the cluster engine has to know about it. */
export interface Member extends Owner {
  readonly runner: string
  readonly healthy: boolean
  /** How long its last heartbeat still counts: until then it may be believed alive, should the store forget it. */
  readonly remainingMs: number
}

export interface Options {
  /** How long a lease, and a heartbeat, lasts unless it is refreshed. */
  readonly ttlMs: number
  /** How long an operation may take. */
  readonly operationTimeoutMs: number
}

export class Leases extends Context.Service<
  Leases,
  Omit<RunnerStorage.Encoded, "acquire"> & {
    /** Of this boot. */
    readonly nonce: string
    readonly acquire: (
      address: string,
      shards: ReadonlyArray<string>
    ) => Effect.Effect<Array<string>, ClusterError.PersistenceError>
    /** The processes with a heartbeat. */
    readonly members: Effect.Effect<ReadonlyArray<Member>, ClusterError.PersistenceError>
    /** Who holds which shard. */
    readonly holders: Effect.Effect<ReadonlyMap<string, Owner>, ClusterError.PersistenceError>
    /** Ends every lease of a process, and its membership; returns the shards that became free. */
    readonly breakLeases: (owner: Owner) => Effect.Effect<ReadonlyArray<string>, ClusterError.PersistenceError>
  }
>()("sluice/cluster/Leases") {}

/** What `effect/cluster` takes its shards from. */
export const layerRunnerStorage = Layer.effect(
  RunnerStorage.RunnerStorage,
  Effect.map(Leases, RunnerStorage.makeEncoded)
)

/** An owner as it is stored. */
export const format = ({ address, nonce }: Owner): string => `${address}/${nonce}`

export const parse = (owner: string): Owner => {
  const slash = owner.lastIndexOf("/")
  return { address: owner.slice(0, slash), nonce: owner.slice(slash + 1) }
}

/** Nobody answered in time. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { withinMs: Schema.Finite }) {
  override get message() {
    return `The lease store did not answer within ${this.withinMs} ms`
  }
}

export const failure = (cause: unknown) => new ClusterError.PersistenceError({ cause })

/** Gives an operation its bound. */
export const bounded = ({ operationTimeoutMs }: Options) =>
  Effect.timeoutOrElse({
    duration: operationTimeoutMs,
    orElse: () => Effect.fail(failure(new NoAnswer({ withinMs: operationTimeoutMs })))
  })
