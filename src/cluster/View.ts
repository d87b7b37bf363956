/**
 * Who is there, as one node sees it. A pure rule:
 *
 * - A member is believed until the end the store promised at the last listing, listed or not: a store that was flushed
 *   has forgotten members that live.
 * - While the store does not answer, all ends are put off by a TTL: nobody can take a lease then either.
 * - Who refuses connections is dead, and who said goodbye is gone, at once and whatever the store says, until it is
 *   heard of no more. The refusal is about one boot of a process: the next one at that address is believed.
 */
import type { Member, Owner } from "./Leases.ts"

export interface Believed extends Owner {
  readonly until: number
}

export interface Gone extends Owner {
  readonly how: "Refused" | "Left"
  /** When it may be forgotten: by then the store lists neither it nor a lease of it. */
  readonly until: number
}

export interface View {
  /** By address. */
  readonly believed: ReadonlyMap<string, Believed>
  /** By nonce. */
  readonly gone: ReadonlyMap<string, Gone>
}

export type Observation =
  /** What the store said; it was asked at `sentAt`. */
  | { readonly _tag: "Listed"; readonly members: ReadonlyArray<Member>; readonly sentAt: number }
  | { readonly _tag: "NoAnswer"; readonly at: number }
  | { readonly _tag: "Refused" | "Left" | "Back"; readonly peer: Owner; readonly at: number }

export const empty: View = { believed: new Map(), gone: new Map() }

export const observe = (view: View, observation: Observation, ttlMs: number): View => {
  switch (observation._tag) {
    case "Listed":
      return listed(view, observation.members, observation.sentAt, ttlMs)
    case "NoAnswer": {
      const end = observation.at + ttlMs
      return {
        believed: mapValues(view.believed, (member) => ({ ...member, until: Math.max(member.until, end) })),
        gone: view.gone
      }
    }
    case "Back":
      return view.gone.get(observation.peer.nonce)?.how === "Refused"
        ? { ...view, gone: without(view.gone, observation.peer.nonce) }
        : view
    case "Refused":
    case "Left": {
      const { peer, at, _tag: how } = observation
      const believed =
        view.believed.get(peer.address)?.nonce === peer.nonce ? without(view.believed, peer.address) : view.believed
      const gone: Gone = { address: peer.address, nonce: peer.nonce, how, until: at + 2 * ttlMs }
      return { believed, gone: new Map(view.gone).set(peer.nonce, gone) }
    }
  }
}

const listed = (view: View, members: ReadonlyArray<Member>, sentAt: number, ttlMs: number): View => {
  const believed = new Map(Array.from(view.believed).filter(([, { until }]) => until > sentAt))
  const gone = new Map(Array.from(view.gone).filter(([, { until }]) => until > sentAt))
  for (const { address, nonce, remainingMs } of members) {
    const left = view.gone.get(nonce)
    if (left === undefined) believed.set(address, { address, nonce, until: sentAt + remainingMs })
    else gone.set(nonce, { ...left, until: sentAt + 2 * ttlMs })
  }
  return { believed, gone }
}

/** Whom to keep a connection to: whoever is there, and whoever might prove to be. */
export const worthWatching = ({ believed, gone }: View): ReadonlyArray<Owner> => {
  const departed = Array.from(gone.values()).filter(({ address }) => !believed.has(address))
  return [...believed.values(), ...departed].map(({ address, nonce }) => ({ address, nonce }))
}

const without = <V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> => {
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

const mapValues = <V>(map: ReadonlyMap<string, V>, change: (value: V) => V): ReadonlyMap<string, V> =>
  new Map(Array.from(map, ([key, value]) => [key, change(value)]))
