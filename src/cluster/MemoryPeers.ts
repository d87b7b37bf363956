/**
 * Peers in memory: many nodes in one process, for tests and the simulator, under the clock that is there. Messages are
 * texts here too, so nobody shares what another may change. A network of its own can be slow, cut and refuse.
 */
import { Effect, FiberSet, Latch, Layer, Scope } from "effect"
import { Inbox } from "./Inbox.ts"
import type { Owner } from "./Leases.ts"
import * as Outbox from "./Outbox.ts"
import { defaults, goodbyeTimeoutMs, handOverTimeoutMs, type Options, Peers, PeerUnavailable } from "./Peers.ts"

export interface Station {
  readonly owner: Owner
  readonly inbox: Inbox
  /** Whom it watches, by address. */
  readonly watched: Map<string, Owner>
  /** Frozen, it takes messages and does nothing. */
  readonly gate: Effect.Effect<void>
  readonly stopped: Latch.Latch
}

/** What carries messages between the stations of a cluster. */
export interface Carrier {
  readonly start: (station: Station) => void
  readonly stop: (station: Station) => void
  /** Tries to connect, for whoever watches a peer; the station hears what came of it. */
  readonly meet: (from: Station, peer: Owner) => void
  /** Carries a question there and the answer back. */
  readonly carry: <A, E>(
    from: Owner,
    to: string,
    serve: (station: Station) => Effect.Effect<A, E>
  ) => Effect.Effect<A, PeerUnavailable>
}

export class Network implements Carrier {
  /** How long a message takes, one way. */
  latencyMs = 0
  readonly #stations = new Map<string, Station>()
  readonly #cuts = new Set<string>()

  /** Nothing gets from one address to the other, and nobody is told; the other way is another matter. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
  }

  heal(): void {
    this.#cuts.clear()
    for (const from of this.#stations.values()) for (const peer of from.watched.values()) this.meet(from, peer)
  }

  start(station: Station): void {
    this.#stations.set(station.owner.address, station)
    for (const from of this.#stations.values()) {
      const peer = from.watched.get(station.owner.address)
      if (peer !== undefined) this.meet(from, peer)
    }
  }

  /** Whoever watches it finds that nobody listens there. */
  stop({ owner, stopped }: Station): void {
    stopped.openUnsafe()
    if (this.#stations.get(owner.address)?.owner.nonce !== owner.nonce) return
    this.#stations.delete(owner.address)
    for (const from of this.#stations.values()) {
      if (from.watched.get(owner.address)?.nonce === owner.nonce) this.meet(from, owner)
    }
  }

  meet(from: Station, peer: Owner): void {
    if (!this.#open(from.owner.address, peer.address)) return
    const there = this.#stations.get(peer.address)?.owner.nonce === peer.nonce
    from.inbox.emit({ _tag: there ? "Back" : "Refused", peer })
  }

  carry<A, E>(
    from: Owner,
    to: string,
    serve: (station: Station) => Effect.Effect<A, E>
  ): Effect.Effect<A, PeerUnavailable> {
    const lost: Effect.Effect<never, PeerUnavailable> = Effect.fail(
      new PeerUnavailable({ address: to, reason: "Lost" })
    )
    const way = (one: string, other: string) =>
      Effect.sleep(this.latencyMs).pipe(
        Effect.andThen(Effect.suspend(() => (this.#cuts.has(`${one}>${other}`) ? Effect.never : Effect.void)))
      )
    return Effect.suspend(() => {
      const station = this.#stations.get(to)
      if (station === undefined) return Effect.fail(new PeerUnavailable({ address: to, reason: "NotConnected" }))
      return way(from.address, to).pipe(
        Effect.andThen(station.gate),
        Effect.andThen(serve(station)),
        Effect.catch(() => lost),
        Effect.tap(() => way(to, from.address)),
        // Whoever stops takes what it was asked with it.
        Effect.raceFirst(Effect.andThen(station.stopped.await, lost))
      )
    })
  }

  #open(one: string, other: string): boolean {
    return !this.#cuts.has(`${one}>${other}`) && !this.#cuts.has(`${other}>${one}`)
  }
}

/** One boot of a process; it stops when the scope closes. */
export const make = (
  network: Carrier,
  self: Owner,
  given: Partial<Options> & { readonly gate?: Effect.Effect<void> } = {}
): Effect.Effect<Peers["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const options = { ...defaults, ...given }
    const inbox = new Inbox()
    const station: Station = {
      owner: self,
      inbox,
      watched: new Map(),
      gate: given.gate ?? Effect.void,
      stopped: Latch.makeUnsafe(false)
    }
    const outboxes = new Map<string, Outbox.Outbox>()
    yield* Effect.acquireRelease(
      Effect.sync(() => network.start(station)),
      () => Effect.sync(() => network.stop(station))
    )
    const scope = yield* Effect.scope
    const timeout = (address: string, duration: number) =>
      Effect.timeoutOrElse({
        duration,
        orElse: () => Effect.fail(new PeerUnavailable({ address, reason: "TimedOut" }))
      })
    const outboxOf = Effect.fnUntraced(function* (address: string) {
      const known = outboxes.get(address)
      if (known !== undefined) return known
      const fork = yield* FiberSet.makeRuntime()
      const carry = (message: string, arrived: (outcome: Outbox.Outcome) => void) => {
        const carried = network
          .carry(self, address, (there) => there.inbox.deliver(message))
          .pipe(
            Effect.mapError(({ reason }) => reason),
            Effect.result
          )
        fork(Effect.map(carried, arrived))
      }
      const afterThis = (run: () => void) => fork(Effect.andThen(Effect.yieldNow, Effect.sync(run)))
      const outbox = yield* Outbox.make(address, options, carry, afterThis)
      outboxes.set(address, outbox)
      return outbox
    })

    return Peers.of({
      self,
      listen: inbox.listen,
      serve: inbox.serve,
      watch: (peers) =>
        Effect.gen(function* () {
          const wanted = new Map(peers.map((peer) => [peer.address, peer]))
          for (const address of station.watched.keys()) if (!wanted.has(address)) station.watched.delete(address)
          for (const peer of wanted.values()) {
            if (station.watched.get(peer.address)?.nonce === peer.nonce) continue
            station.watched.set(peer.address, peer)
            yield* Scope.provide(outboxOf(peer.address), scope)
            network.meet(station, peer)
          }
        }),
      ask: (address, value) =>
        Effect.suspend(() => {
          const outbox = station.watched.has(address) ? outboxes.get(address) : undefined
          return outbox === undefined
            ? Effect.fail(new PeerUnavailable({ address, reason: "NotConnected" }))
            : outbox.ask(value)
        }),
      tell: (address, value, done = () => undefined) => {
        const outbox = outboxes.get(address)
        if (outbox === undefined) done(false)
        else outbox.tell(value, done)
      },
      handOver: (address, partitions) =>
        network
          .carry(self, address, ({ inbox: there }) => there.handOver(self, partitions))
          .pipe(timeout(address, handOverTimeoutMs)),
      leave: Effect.suspend(() =>
        Effect.forEach(
          [...station.watched.keys()],
          (address) =>
            network
              .carry(self, address, ({ inbox: there }) => Effect.sync(() => there.emit({ _tag: "Left", peer: self })))
              .pipe(timeout(address, goodbyeTimeoutMs), Effect.ignore),
          { concurrency: 16, discard: true }
        )
      )
    })
  })

/** For a node that has no peers. */
export const layerAlone = (self: Owner): Layer.Layer<Peers> => Layer.effect(Peers, make(new Network(), self))
