/** What can be done to the nodes while they run: a word and a number per line. */
import { Effect, Schema } from "effect"
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

export interface Nodes {
  readonly members: ReadonlyArray<Member>
  readonly healthOf: (name: string) => Health
  /** How many partitions a node owns, by name. */
  readonly shares: Effect.Effect<ReadonlyMap<string, number>, ServiceUnavailable>
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
    const owned = yield* Effect.orElseSucceed(shares, () => new Map<string, number>())
    for (const { name, port, state } of members) {
      const share = `${owned.get(name) ?? "?"} partitions`
      say(name, `${healthOf(name).padEnd(8)}  http://127.0.0.1:${port}  ${share.padEnd(13)}  ${state()}`)
    }
  }).pipe(Effect.catch(({ message }) => Effect.sync(() => say("cluster", message))))

const Cluster = Schema.Struct({
  partitions: Schema.Array(Schema.Struct({ owner: Schema.NullOr(Schema.String) }))
})

/** Where partitions are, as an administrator is told; the owner's address says whose they are. */
export const sharesOf = (api: string, token: string, addresses: ReadonlyMap<string, string>) =>
  Effect.map(Shop.ask(`${api}/admin/cluster`, Cluster, { token }), ({ partitions }) => {
    const names = Array.from(
      addresses,
      ([name, address]) => [name, partitions.filter(({ owner }) => owner === address).length] as const
    )
    return new Map(names)
  })
