/**
 * Peers: how the nodes of a cluster talk to one another.
 *
 * - Messages are at most once: an ask that got lost fails, and is never sent again. Whoever asked does not know then
 *   whether it was carried out, and has to ask for something that may happen twice, or to find out.
 * - To each peer a few messages are under way at most. What is asked meanwhile waits, in a bounded queue, and goes into
 *   the next message: the busier a peer, the larger its messages, and the cheaper each ask. Asks and tells of one node
 *   leave in order, and may overtake each other all the same.
 * - A connection is to one boot of a process. A peer is `Refused` when nobody listens where it did, or somebody else:
 *   it is dead then. Silence, a cut or a failed handshake say nothing.
 */
import { Context, type Effect, Schema } from "effect"
import type { PartitionId } from "../domain/Ids.ts"
import type { Owner } from "./Leases.ts"

/** No answer. */
export class PeerUnavailable extends Schema.TaggedError<PeerUnavailable>()("PeerUnavailable", {
  address: Schema.String,
  reason: Schema.Literals([
    /** There is no connection: nothing was sent. */
    "NotConnected",
    /** The queue is full: nothing was sent. */
    "Overloaded",
    /** The connection broke, or the peer failed: it may have been carried out. */
    "Lost",
    /** It may have been carried out, or be carried out yet. */
    "TimedOut"
  ])
}) {
  override get message() {
    return `${this.address} did not answer: ${this.reason}`
  }
}

export type Event =
  /** Nobody listens where it did: it is dead. */
  | { readonly _tag: "Refused"; readonly peer: Owner }
  /** There is a connection to it, the first or another one. */
  | { readonly _tag: "Back"; readonly peer: Owner }
  /** It said goodbye. */
  | { readonly _tag: "Left"; readonly peer: Owner }

/** What a node does for its peers. It must end within a bound of its own. */
export interface Handlers {
  /** Answers aligned with `asks`; all are values that JSON can express. */
  readonly ask: (asks: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<unknown>>
  readonly tell: (tells: ReadonlyArray<unknown>) => Effect.Effect<void>
  /** Gives up what `to` may have, and returns it. */
  readonly handOver: (to: Owner, partitions: ReadonlyArray<PartitionId>) => Effect.Effect<ReadonlyArray<PartitionId>>
}

export interface Options {
  /** How long a message may take. */
  readonly timeoutMs: number
  /** The most asks and tells waiting for one peer. */
  readonly queueSize: number
  /** The most of them in one message. */
  readonly batchSize: number
  /** The most messages under way to one peer. */
  readonly inFlight: number
}

export const defaults: Options = { timeoutMs: 2000, queueSize: 10_000, batchSize: 256, inFlight: 4 }

/** How long a word about ownership may take. */
export const handOverTimeoutMs = 500
export const goodbyeTimeoutMs = 200

export class Peers extends Context.Service<
  Peers,
  {
    readonly self: Owner
    /** Keeps a connection to each of these and to nobody else. */
    readonly watch: (peers: ReadonlyArray<Owner>) => Effect.Effect<void>
    /** Calls the listener for every event. */
    readonly listen: (listener: (event: Event) => void) => void
    /** Says what this node does for its peers; what it has not said yet fails. */
    readonly serve: (handlers: Partial<Handlers>) => void
    readonly ask: (address: string, ask: unknown) => Effect.Effect<unknown, PeerUnavailable>
    /** Says it and does not wait; `done` learns whether it was heard. Not heard, it may have been all the same. */
    readonly tell: (address: string, tell: unknown, done?: (heard: boolean) => void) => void
    /** Asks a peer for partitions it holds; returns those it gave up. */
    readonly handOver: (
      address: string,
      partitions: ReadonlyArray<PartitionId>
    ) => Effect.Effect<ReadonlyArray<PartitionId>, PeerUnavailable>
    /** Says goodbye to everybody there is a connection to. */
    readonly leave: Effect.Effect<void>
  }
>()("sluice/cluster/Peers") {}
