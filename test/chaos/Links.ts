/** Proxies between the nodes of a cluster and everything they reach: each of its own, so that any of them can be broken. */
import { Effect, type Scope } from "effect"
import { freePort } from "../../dev/services/Machine.ts"
import { Link, proxy } from "./Proxy.ts"

/** Where a place in the cluster finds everything, whatever process is in it. */
export interface Place {
  readonly env: Record<string, string>
  /** Peers find somebody listening, or nobody, as they would without a proxy. */
  readonly reachable: Effect.Effect<unknown>
  readonly unreachable: Effect.Effect<void>
}

export interface Links {
  readonly place: (address: string) => Effect.Effect<Place, unknown, Scope.Scope>
  /** From an address to another one, or to a service. */
  readonly link: (from: string, to: string) => Link
  /** All there are. */
  readonly all: () => ReadonlyArray<Link>
}

const portOf = (url: string) => Number(new URL(url).port)
const withPort = (url: string, port: number) => Object.assign(new URL(url), { hostname: "127.0.0.1", port }).href

/** A node says who it is when it connects to another (see SocketPeers): two bytes with its length before it. */
const sender = (first: Buffer | string): string => {
  const bytes = Buffer.from(first.toString("latin1"), "latin1")
  const at = bytes.indexOf("sluice/")
  return at < 2 ? "unknown" : bytes.toString("latin1", at, at + bytes.readUInt16BE(at - 2)).slice("sluice/".length)
}

export const links = (urls: { readonly postgres: string; readonly redis: string }): Links => {
  const known = new Map<string, Link>()
  const link = (from: string, to: string) => {
    const name = `${from}>${to}`
    const found = known.get(name) ?? new Link(name)
    known.set(name, found)
    return found
  }
  return {
    link,
    all: () => [...known.values()],
    place: Effect.fnUntraced(function* (address) {
      const [listen, postgres, redis] = [yield* freePort, yield* freePort, yield* freePort]
      yield* proxy(postgres, portOf(urls.postgres), () => link(address, "postgres"))
      yield* proxy(redis, portOf(urls.redis), () => link(address, "redis"))
      const peers = yield* proxy(portOf(`tcp://${address}`), listen, (first) => link(sender(first), address))
      return {
        env: {
          DATABASE_URL: withPort(urls.postgres, postgres),
          REDIS_URL: withPort(urls.redis, redis),
          CLUSTER_LISTEN: `127.0.0.1:${listen}`
        },
        reachable: peers.start,
        unreachable: peers.stop
      }
    })
  }
}

/** Without proxies. */
export const direct = (urls: { readonly postgres: string; readonly redis: string }): Links["place"] =>
  Effect.fnUntraced(function* () {
    const place: Place = {
      env: { DATABASE_URL: urls.postgres, REDIS_URL: urls.redis },
      reachable: Effect.void,
      unreachable: Effect.void
    }
    return yield* Effect.succeed(place)
  })
