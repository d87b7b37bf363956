import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { type Duration, Effect, Option, Queue, Schedule, Stream } from "effect"
import { chmodSync, readdirSync } from "node:fs"
import * as Child from "../../../dev/Child.ts"
import { variable } from "../../../dev/services/Attempt.ts"
import { freePort } from "../../../dev/services/Machine.ts"
import manifest from "../../../package.json" with { type: "json" }
import { type Answer, buy, call, expect, folder, keys, person, Stocked } from "../../chaos/Nodes.ts"

const runs = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const eventually = (condition: () => boolean, within: Duration.Input = "30 seconds") =>
  Effect.sync(condition).pipe(
    Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout(within)
  )

/** What npm runs: after `exec`, and `node`. */
const clusterArgs = manifest.scripts.cluster.split(" ").slice(2)

/** Starts it as npm does, with a folder of its own for whatever it leaves. */
const start = Effect.fnUntraced(function* (port: number) {
  const temporary = yield* folder
  chmodSync(temporary, 0o755)
  const typed = yield* Queue.bounded<string>(10)
  const program = yield* Child.start({
    args: [...clusterArgs, "--nodes", "3", "--port", String(port)],
    env: { PATH: Option.getOrElse(yield* variable("PATH"), () => ""), HOME: temporary, TMPDIR: temporary },
    input: Stream.fromQueue(typed)
  })
  const log: Array<string> = []
  yield* program.lines.pipe(
    Stream.runForEach((line) => Effect.sync(() => log.push(line))),
    Effect.ignore,
    Effect.forkScoped
  )
  const says = (text: string, since = 0) => eventually(() => log.slice(since).some((line) => line.includes(text)))
  return {
    ...program,
    temporary,
    log,
    says,
    /** Types a line, and waits for what is said then. */
    type: (line: string, answer: string) =>
      Effect.suspend(() => {
        const since = log.length
        return Effect.andThen(Queue.offer(typed, `${line}\n`), says(answer, since))
      })
  }
})

/** Until a node takes it, as a client should: with the same key. */
const insist = (attempt: Effect.Effect<Option.Option<Answer>>) =>
  attempt.pipe(
    Effect.repeat({
      until: Option.exists(({ status }) => status !== 503),
      schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "10 seconds" }))
    }),
    Effect.map(Option.map(({ status }) => status))
  )

it.live(
  "npm run cluster sells through a balancer, survives a node, and leaves nothing behind",
  () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const origin = `http://127.0.0.1:${port}`
      const cluster = yield* start(port)
      yield* Effect.raceFirst(
        cluster.says("start 2"),
        Effect.andThen(
          cluster.exitCode,
          Effect.flatMap(cluster.complaint, (complaint) =>
            Effect.fail(new Error([...cluster.log, complaint].join("\n")))
          )
        )
      )
      const told = (name: string) =>
        cluster.log.flatMap((line) => (line.startsWith(`  ${name}=`) ? [line.slice(name.length + 3)] : []))[0] ?? ""
      const api = told("API")
      const { userId } = yield* person(api, "mina", "BUYER")
      const shop = { productId: told("PRODUCT"), buyer: { userId, token: told("BUYER") } }
      const sold = Effect.map(expect(call(`${api}/products/${shop.productId}?fresh=true`), Stocked), (left) => left)
      const before = yield* sold
      const buyAll = (some: ReadonlyArray<string>) => Effect.forEach(some, (key) => insist(buy(api, shop, key)))
      const allSold = (count: number) => Array.from({ length: count }, () => Option.some(201))

      assert.deepStrictEqual(yield* buyAll(keys(20, "before")), allSold(20))
      yield* cluster.type("nodes", "node 3")
      const pids = cluster.log.flatMap((line) => /node \d.*pid (\d+)\b/.exec(line)?.slice(1).map(Number) ?? [])
      assert.lengthOf(pids.filter(runs), 3)
      const isOwner = (line: string) => /node \d.* partitions.*, the product/.test(line)
      assert.lengthOf(cluster.log.filter(isOwner), 1)

      yield* cluster.type("kill 2", "node 2 killed")
      assert.lengthOf(pids.filter(runs), 2)
      assert.deepStrictEqual(yield* buyAll(keys(20, "after")), allSold(20))
      // What was sold before the node died is known to those who are left.
      assert.deepStrictEqual(yield* buyAll(keys(20, "before")), allSold(20))
      assert.strictEqual((yield* sold).stock, before.stock - 40)
      yield* cluster.type("start 2", "node 2 is ready")

      process.kill(cluster.pid, "SIGINT")
      assert.strictEqual(yield* Effect.timeout(cluster.exitCode, "20 seconds"), 130)
      assert.deepStrictEqual(
        cluster.log.filter((line) => /│ (ended \(|stopped$)/.test(line)).map((line) => /node \d/.exec(line)?.[0]),
        ["node 2", "node 1", "node 2", "node 3"]
      )
      assert.deepStrictEqual(pids.filter(runs), [])
      assert.isTrue(Option.isNone(yield* call(origin)))
      assert.deepStrictEqual(
        readdirSync(cluster.temporary).filter((name) => name.startsWith("sluice-")),
        []
      )
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
  60_000
)
