/**
 * `npm run chaos:figures -- --runs 20`, with `--only kill`, `stop`, `join` or `freeze` if wanted: how long nothing of a product is sold when its owner is killed, stands still, or
 * is stopped, and how long a node takes to get its share; the worst of all runs, and whether it is as good as it must be.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { whole } from "../../dev/Flags.ts"
import manifest from "../../package.json" with { type: "json" }
import { breakable, buying, type Cluster, clusterOn, type Member, type Sale, sale } from "./Cluster.ts"
import { direct } from "./Links.ts"

const kinds = ["kill", "stop", "join", "freeze"] as const
type Kind = (typeof kinds)[number]

const flags = {
  runs: Flag.withDefault(whole("runs", [1, 10_000], "How often each (20)"), 20),
  only: Flag.optional(Flag.Literals("only", kinds).pipe(Flag.withDescription("One of them; else all")))
}

/** The longest time without a sale while something is done to the product's owner; clients ask the others. */
const gap = <E, R>(
  nodes: Cluster,
  shop: Sale,
  run: string,
  does: (owner: Member) => Effect.Effect<unknown, E, R>,
  undo: (owner: Member) => Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function* () {
    const owner = yield* nodes.ownerOf(shop)
    const others = nodes.members.filter((member) => member !== owner)
    const clients = yield* buying(nodes, shop, { prefix: run, at: (round) => others[round % others.length] })
    yield* clients.more(100)
    yield* clients.forgetGaps
    yield* does(owner)
    yield* clients.more(200)
    const longest = clients.longestGapMs()
    yield* clients.stop
    yield* undo(owner)
    yield* nodes.shared(nodes.members)
    return { ms: longest, failed: clients.failures.length }
  })

/** How long until a node that joins has its share, with clients at all the others. */
const joining = (nodes: Cluster, shop: Sale, run: string) =>
  Effect.gen(function* () {
    const before = nodes.members.slice()
    const clients = yield* buying(nodes, shop, { prefix: run, at: (round) => before[round % before.length] })
    const startedAt = performance.now()
    const joined = yield* nodes.join()
    yield* nodes.shared(nodes.members)
    const ms = performance.now() - startedAt
    yield* clients.stop
    yield* joined.node.signal("SIGTERM")
    yield* Effect.ignore(joined.node.exitCode)
    nodes.members.splice(nodes.members.indexOf(joined), 1)
    yield* nodes.shared(nodes.members)
    return { ms, failed: clients.failures.length }
  })

interface Run {
  readonly ms: number
  readonly failed: number
}

const show = (what: string, all: ReadonlyArray<Run>, mostMs: number, noErrors: boolean) => {
  if (all.length === 0) return Effect.void
  const sorted = all.map(({ ms }) => Math.round(ms)).toSorted((a, b) => a - b)
  const failed = all.reduce((sum, run) => sum + run.failed, 0)
  const good = (sorted.at(-1) ?? Infinity) <= mostMs && (!noErrors || failed === 0)
  return Console.log(
    `${good ? "reached" : "MISSED "} ${what}: worst ${sorted.at(-1)} ms of ${mostMs}, median ${sorted[sorted.length >> 1]}, ` +
      `${all.length} runs, ${failed} requests failed`
  )
}

const figures = Effect.fnUntraced(function* (runs: number, only: Option.Option<Kind>) {
  const { redis, urls } = yield* breakable
  const nodes = yield* clusterOn({ redis, place: direct(urls) }, 3)
  const shop = yield* sale(nodes, 1_000_000)
  const times = <E, R>(name: Kind, run: (name: string) => Effect.Effect<Run, E, R>) =>
    Effect.forEach(Array.from({ length: Option.getOrElse(only, () => name) === name ? runs : 0 }), (_, n) =>
      run(`${name}-${n}`)
    )
  const ended = (owner: Member, signal: "SIGKILL" | "SIGTERM") => owner.node.signal(signal)

  const killed = yield* times("kill", (name) => gap(nodes, shop, name, (owner) => ended(owner, "SIGKILL"), nodes.again))
  yield* show("kill -9", killed, 1500, false)
  const stopped = yield* times("stop", (name) =>
    gap(
      nodes,
      shop,
      name,
      (owner) => ended(owner, "SIGTERM"),
      (owner) => Effect.andThen(Effect.ignore(owner.node.exitCode), nodes.again(owner))
    )
  )
  yield* show("planned hand-over", stopped, 200, true)
  const joined = yield* times("join", (name) => joining(nodes, shop, name))
  yield* show("a node joins and has its share", joined, 15_000, true)
  const silent = yield* times("freeze", (name) =>
    gap(
      nodes,
      shop,
      name,
      (owner) => owner.node.signal("SIGSTOP"),
      (owner) => owner.node.signal("SIGCONT")
    )
  )
  yield* show("silence (SIGSTOP, TTL 4 s)", silent, 5000, false)
})

Command.make("chaos:figures", flags, ({ runs, only }) => Effect.scoped(figures(runs, only))).pipe(
  Command.withDescription("How long nothing is sold when a product's owner goes, and how long a node takes to join"),
  Command.run({ version: manifest.version }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
