/**
 * What nodes hear of each other: every message is a call over the network, with a fate of its own. A connection is to one
 * boot of a process. When that ends, whoever watches it is refused, unless its whole machine is gone: then there is
 * silence.
 */
import { Effect, Exit } from "effect"
import type { Owner } from "../../src/cluster/Leases.ts"
import type { Carrier, Station } from "../../src/cluster/MemoryPeers.ts"
import { PeerUnavailable } from "../../src/cluster/Peers.ts"
import type { Host, Link, Network } from "./Network.ts"

const openTimeoutMs = 1000
const reconnectEveryMs = 200
/** Whoever sends a message has a bound of its own. */
const patienceMs = 10_000

export class PeerNetwork implements Carrier {
  readonly #network: Network
  readonly #link: Link
  readonly #hostOf: (address: string) => Host
  readonly #stations = new Map<string, Station>()

  constructor(network: Network, link: Link, hostOf: (address: string) => Host) {
    this.#network = network
    this.#link = link
    this.#hostOf = hostOf
  }

  readonly start = (station: Station): void => void this.#stations.set(station.owner.address, station)

  readonly stop = ({ owner }: Station): void => {
    if (this.#stationOf(owner) !== undefined) this.#stations.delete(owner.address)
  }

  /** Connects, and again whenever the connection is gone, for as long as the peer is watched. */
  readonly meet = (from: Station, peer: Owner): void => {
    const { process } = this.#hostOf(from.owner.address)
    const isWatched = () => from.watched.get(peer.address)?.nonce === peer.nonce
    const again = () => process.after(reconnectEveryMs, () => this.meet(from, peer))
    if (!isWatched()) return
    this.#network.call<boolean>({
      link: { ...this.#link, doubled: 0, replyLost: 0 },
      from: this.#hostOf(from.owner.address),
      to: this.#hostOf(peer.address),
      patienceMs: openTimeoutMs,
      serve: (reply) => reply(this.#stationOf(peer) !== undefined),
      done: (delivery) => {
        if (!isWatched()) return
        const met = delivery._tag === "Replied" && delivery.value
        // Who refuses is taken for dead, so only the dead do.
        const isThere = !met && this.#stationOf(peer) !== undefined
        if (delivery._tag === "Lost" || isThere) return void again()
        from.inbox.emit({ _tag: met ? "Back" : "Refused", peer })
        if (met) this.#hostOf(peer.address).process.onDeath(again)
        else again()
      }
    })
  }

  readonly carry = <A, E>(
    from: Owner,
    to: string,
    serve: (station: Station) => Effect.Effect<A, E>
  ): Effect.Effect<A, PeerUnavailable> =>
    Effect.callback((resume) => {
      const known = this.#stationOf(from)?.watched.get(to)
      const unavailable = (reason: PeerUnavailable["reason"]) =>
        resume(Effect.fail(new PeerUnavailable({ address: to, reason })))
      if (known === undefined) return unavailable("NotConnected")
      this.#network.call<Exit.Exit<A, E> | undefined>({
        link: this.#link,
        from: this.#hostOf(from.address),
        to: this.#hostOf(to),
        patienceMs,
        serve: (reply) => {
          const station = this.#stationOf(known)
          if (station === undefined) reply(undefined)
          else this.#hostOf(to).process.fork(serve(station)).addObserver(reply)
        },
        done: (delivery) => {
          if (delivery._tag === "Lost") return unavailable("Lost")
          if (delivery._tag === "Refused" || delivery.value === undefined) return unavailable("NotConnected")
          return Exit.isSuccess(delivery.value) ? resume(Effect.succeed(delivery.value.value)) : unavailable("Lost")
        }
      })
    })

  /** The station of this very boot, if it is there. */
  #stationOf({ address, nonce }: Owner): Station | undefined {
    const station = this.#stations.get(address)
    return station?.owner.nonce === nonce ? station : undefined
  }
}
