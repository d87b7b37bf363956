/**
 * `npm run chaos -- --minutes 10 --seed 7`: faults by chance on a cluster of three, while clients buy, charge and read. It
 * heals now and then, and everything must come to rest; at the end everything must add up. The seed decides which faults
 * come in which order; how long each thing takes is the machine's affair.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Random, Schedule } from "effect"
import { Command, Flag } from "effect/cli"
import { amount } from "../../dev/Flags.ts"
import manifest from "../../package.json" with { type: "json" }
import { breakable, clusterOn, type Member } from "./Cluster.ts"
import { agreed, audit, faults, watchEpochs } from "./Faults.ts"
import { workload } from "./Workload.ts"

const flags = {
  minutes: Flag.withDefault(amount("minutes", [0.01, 10_000], "How long (10)"), 10),
  seed: Flag.String("seed").pipe(
    Flag.withDescription("Which faults come in which order (another each time)"),
    Flag.withDefault(String(Date.now() % 100_000))
  )
}
const historyMost = 200

/** Events in two minutes; a thing that lasts is ended by `thaw`, `start` or `heal`. */
const weights = {
  kill: 2,
  stop: 2,
  start: 6,
  freeze: 2,
  thaw: 10,
  delay: 2,
  cut: 2,
  cutAfter: 2,
  silence: 1,
  flushRedis: 1,
  restartRedis: 1,
  oldReplica: 1,
  restartPostgres: 1,
  heal: 10
} as const
type Fault = keyof typeof weights
const names = [
  "kill",
  "stop",
  "start",
  "freeze",
  "thaw",
  "delay",
  "cut",
  "cutAfter",
  "silence",
  "flushRedis",
  "restartRedis",
  "oldReplica",
  "restartPostgres",
  "heal"
] as const satisfies ReadonlyArray<Fault>
const weightOfAll = names.reduce((sum, name) => sum + weights[name], 0)
const meanPauseMs = 120_000 / weightOfAll

const draw = Effect.gen(function* () {
  let left = yield* Random.nextBetween(0, weightOfAll)
  return names.find((name) => (left -= weights[name]) < 0) ?? "heal"
})

const chaos = Effect.fnUntraced(function* (minutes: number) {
  const ground = yield* breakable
  const nodes = yield* clusterOn(ground, 3, { REQUEST_TIMEOUT_MS: "3000" })
  const clients = yield* workload(nodes)
  const epochs = yield* watchEpochs(ground)
  const verbs = faults(ground, nodes, clients)
  const down = new Set<Member>()
  const frozen = new Set<Member>()
  let [events, rests] = [0, 0]

  const one = Effect.flatMap(Random.nextBetween(0, 3), (n) =>
    Effect.fromNullishOr(nodes.members[Math.floor(n)] ?? nodes.members[0])
  )
  /** A majority is left alone: with nobody up there is nothing to be seen. */
  const victim = Effect.filterOrFail(one, (member) => down.size + frozen.size === 0 && !down.has(member))
  const gone = (member: Member) => {
    down.add(member)
    clients.asleep.add(member)
  }
  const whom: {
    readonly [F in Fault]: Effect.Effect<unknown, unknown, Effect.Services<ReturnType<typeof clusterOn>>>
  } = {
    kill: Effect.flatMap(victim, (member) =>
      Effect.andThen(
        Effect.sync(() => gone(member)),
        verbs.kill(member)
      )
    ),
    stop: Effect.flatMap(victim, (member) =>
      Effect.andThen(
        Effect.sync(() => gone(member)),
        verbs.stop(member)
      )
    ),
    start: Effect.forEach(down, (member) =>
      Effect.tap(verbs.start(member), () =>
        Effect.sync(() => {
          down.delete(member)
          clients.asleep.delete(member)
        })
      )
    ),
    freeze: Effect.flatMap(victim, (member) =>
      Effect.andThen(
        Effect.sync(() => frozen.add(member)),
        verbs.freeze(member)
      )
    ),
    thaw: Effect.forEach(frozen, (member) =>
      Effect.andThen(
        Effect.sync(() => frozen.delete(member)),
        verbs.thaw(member)
      )
    ),
    delay: Effect.flatMap(one, (member) =>
      Effect.flatMap(Random.nextBetween(10, 500), (ms) => verbs.delay(member, ms % 2 < 1 ? "redis" : "postgres", ms))
    ),
    cut: Effect.flatMap(Effect.all([one, one, Random.nextBetween(0, 3)]), ([member, other, to]) =>
      verbs.cut(member, to < 1 ? "redis" : to < 2 || member === other ? "postgres" : other)
    ),
    cutAfter: Effect.flatMap(Effect.all([one, Random.nextBetween(1, 5000)]), ([member, bytes]) =>
      verbs.cutAfter(member, "postgres", Math.floor(bytes))
    ),
    silence: Effect.flatMap(one, (member) =>
      Effect.flatMap(Random.nextBetween(0, 3), (ways) =>
        ways < 1 ? verbs.silence(member) : verbs.silence(member, ways < 2 ? "there" : "back")
      )
    ),
    flushRedis: verbs.flushRedis,
    restartRedis: verbs.restartRedis,
    oldReplica: Effect.flatMap(verbs.oldReplica, (promote) => Effect.andThen(Effect.sleep("3 seconds"), promote)),
    restartPostgres: verbs.restartPostgres,
    heal: verbs.heal
  }
  /** Everything is there again, and everybody is soon of one mind. */
  const rest = Effect.gen(function* () {
    yield* verbs.heal
    yield* whom.thaw
    yield* whom.start
    yield* agreed(ground, nodes)
    yield* clients.more(30, "at rest")
    rests++
    if (clients.wrong.length + epochs.mistakes.length > 0) {
      yield* Effect.die(new Error([...clients.wrong, ...epochs.mistakes].join("\n")))
    }
  })

  const event = Effect.gen(function* () {
    const fault = yield* draw
    yield* Effect.ignore(whom[fault])
    events++
    yield* Effect.sleep(yield* Random.nextBetween(0, 2 * meanPauseMs))
    if (events % 12 === 0) yield* rest
  })
  yield* event.pipe(
    Effect.repeat(Schedule.during(`${minutes} minutes`)),
    Effect.andThen(rest),
    Effect.andThen(clients.stop),
    Effect.andThen(audit(ground, clients)),
    Effect.tapCause(() => Console.error(clients.lastWords(historyMost)))
  )
  yield* Console.log(
    `Adds up: ${events} events, ${rests} times at rest, ${clients.acknowledged()} purchases and charges, ` +
      `${clients.orders.size} orders, ${epochs.polls()} looks at the epochs, ${clients.stale.length} reads that were stale`
  )
})

Command.make("chaos", flags, ({ minutes, seed }) =>
  Console.log(`Seed ${seed}, ${minutes} minutes`).pipe(
    Effect.andThen(chaos(minutes)),
    Random.withSeed(seed),
    Effect.scoped
  )
).pipe(
  Command.withDescription("Faults by chance on a cluster of three, while clients buy, charge and read"),
  Command.run({ version: manifest.version }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
