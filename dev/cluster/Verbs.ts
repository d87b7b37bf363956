/** What can be done to the nodes while they run: a word and a number per line. */
import { Effect, Record, Schema } from "effect"
import { partitionOf } from "../../src/actors/Placement.ts"
import type { KindName } from "../../src/domain/Actors.ts"
import type { ServiceUnavailable } from "../services/Attempt.ts"
import type { Health } from "./Balancer.ts"
import { say } from "./Log.ts"
import type { Member } from "./Member.ts"
import * as Shop from "./Shop.ts"

const verbs = ["kill", "stop", "start", "freeze", "thaw"] as const
type Verb = (typeof verbs)[number]

export type Order =
  | { readonly _tag: "Verb"; readonly verb: Verb; readonly number: number }
  | { readonly _tag: "Nodes" | "Nothing" | "Unknown" }

export const parse = (line: string): Order => {
  const [word = "", number = "", ...more] = line.trim().split(/\s+/)
  if (word === "") return { _tag: "Nothing" }
  if (word === "nodes" && number === "") return { _tag: "Nodes" }
  const verb = verbs.find((known) => known === word)
  if (verb === undefined || !/^\d+$/.test(number) || more.length > 0) return { _tag: "Unknown" }
  return { _tag: "Verb", verb, number: Number(number) }
}

export const help = "kill N, stop N, start N, freeze N, thaw N: what to do to node N; nodes: how they are"

/** What a node owns. */
export interface Share {
  readonly partitions: number
  /** Of the actors of the walk-through, by the names people know them by. */
  readonly actors: ReadonlyArray<string>
}

export interface Nodes {
  readonly members: ReadonlyArray<Member>
  readonly healthOf: (name: string) => Health
  /** By the node's name. */
  readonly shares: Effect.Effect<ReadonlyMap<string, Share>, ServiceUnavailable>
}

const done: Record<Verb, string> = {
  kill: "killed: it could say nothing to anybody",
  stop: "stopped: it finished its requests and gave its partitions away",
  start: "started",
  freeze: "frozen: it stands still, and does not know it",
  thaw: "thawed"
}

/** Does what the line says; what cannot be done is said, too. */
export const obey = (line: string, { members, healthOf, shares }: Nodes): Effect.Effect<void> =>
  Effect.gen(function* () {
    const order = parse(line)
    if (order._tag === "Nothing") return
    if (order._tag === "Unknown") return say("cluster", help)
    if (order._tag === "Verb") {
      const member = members[order.number - 1]
      if (member === undefined) return say("cluster", `There are nodes 1 to ${members.length}`)
      yield* member[order.verb]
      return say("cluster", `${member.name} ${done[order.verb]}`)
    }
    const owned = yield* Effect.orElseSucceed(shares, () => new Map<string, Share>())
    for (const { name, port, state } of members) {
      const { partitions = "?", actors = [] } = owned.get(name) ?? {}
      const share = [`${partitions} partitions`, ...actors].join(", ")
      say(name, `${healthOf(name).padEnd(8)}  http://127.0.0.1:${port}  ${state().padEnd(11)}  ${share}`)
    }
  }).pipe(Effect.catch(({ message }) => Effect.sync(() => say("cluster", message))))

const Cluster = Schema.Struct({
  partitions: Schema.Array(Schema.Struct({ partition: Schema.Int, owner: Schema.NullOr(Schema.String) }))
})

/** Some actors, by the names people know them by. */
export type Actors = Readonly<Record<string, readonly [kind: KindName, id: string]>>

/** Where partitions are, as an administrator is told; the owner's address says whose they are. */
export const sharesOf = (api: string, token: string, addresses: ReadonlyMap<string, string>, actors: Actors) =>
  Effect.map(Shop.ask(`${api}/admin/cluster`, Cluster, { token }), ({ partitions }) => {
    const shareOf = (address: string): Share => {
      const owned = new Set(partitions.flatMap(({ partition, owner }) => (owner === address ? partition : [])))
      const isOwned = ([kind, id]: Actors[string]) => owned.has(partitionOf(kind, id, partitions.length))
      return { partitions: owned.size, actors: Object.keys(Record.filter(actors, isOwned)) }
    }
    return new Map(Array.from(addresses, ([name, address]) => [name, shareOf(address)] as const))
  })
