/** The simulator's command line; docs/simulator.md tells how to use it. */
import { NodeServices } from "@effect/platform-node"
import { Effect, Option, Runtime } from "effect"
import { Command } from "effect/cli"
import { performance } from "node:perf_hooks"
import process from "node:process"
import manifest from "../../package.json" with { type: "json" }
import { Counts } from "./Counts.ts"
import { type Asked, command } from "./Flags.ts"
import { table } from "./mutants/Table.ts"
import { attemptsLeast, describe, draw } from "./Options.ts"
import { agreement, explain, line } from "./Report.ts"
import { run } from "./Run.ts"

/** With fewer worlds a shape may never have come to what it should, by chance. */
const enoughSeeds = 100
const progressEveryMs = 1000

const one = (seed: number, { world, trace }: Asked) => {
  const options = draw(seed)
  if (world) return console.log(JSON.stringify(options))
  console.log(`Seed ${seed}: ${describe(options)}\n`)
  const { history, violations, digest, steps, virtualMs } = run(options)
  if (trace) console.log(history.trace.events.map(line).join("\n"), "\n")
  const [first] = violations
  console.log(first === undefined ? "No violation." : explain(history, first))
  const attempts = history.requests.reduce((sum, request) => sum + request.attempts.length, 0)
  console.log(
    `\n${history.requests.length} requests in ${attempts} attempts, ${history.commits.length} transactions committed, ` +
      `${(virtualMs / 1000).toFixed(1)} virtual seconds, ${steps} steps, digest ${digest}`
  )
  process.exitCode = first === undefined ? 0 : 1
}

const many = ({ twice, trace, ...asked }: Asked) => {
  const first = Option.getOrElse(asked.from, () => 1)
  const minutes = Option.getOrElse(asked.minutes, () => Infinity)
  const seedsMost = Option.getOrElse(asked.seeds, () => (minutes < Infinity ? Infinity : 100))
  const failedMost = asked.all ? Infinity : 1
  const began = performance.now()
  const counts = new Counts()
  let [seeds, attempts, failed, differed, told, fewest] = [0, 0, 0, 0, began, Infinity]
  const elapsedMs = () => performance.now() - began
  const progress = () => {
    const perMinute = Math.round((seeds / elapsedMs()) * 60_000)
    return `${seeds} seeds, ${perMinute} a minute, ${attempts} attempts, ${failed} with violations`
  }
  while (seeds < seedsMost && elapsedMs() < minutes * 60_000 && failed < failedMost) {
    const options = draw(first + seeds++)
    const result = run(options)
    if (twice && run(options).digest !== result.digest) {
      failed++
      differed++
      console.log(`Seed ${options.seed} was another run the second time\n`)
    }
    counts.add(result.counts)
    fewest = Math.min(fewest, result.attempts)
    attempts += result.history.requests.reduce((sum, request) => sum + request.attempts.length, 0)
    const [violation] = result.violations
    if (violation !== undefined) {
      failed++
      console.log(`${explain(result.history, violation)}\n`)
    }
    if (performance.now() - told > progressEveryMs) {
      told = performance.now()
      if (process.stdout.isTTY) process.stdout.write(`\r${progress()}`)
    }
  }
  console.log(`${process.stdout.isTTY ? "\r" : ""}${progress()}, ${(elapsedMs() / 1000).toFixed(1)} seconds`)
  const barren = seeds < enoughSeeds ? [] : counts.barren
  if (trace) console.log(counts.lines.join("\n"))
  if (twice) console.log(agreement(seeds, differed))
  console.log(`At least ${fewest} attempts in each while things went wrong`)
  if (barren.length > 0) console.log(`Never came to what they should: ${barren.join(", ")}`)
  process.exitCode = failed > 0 || barren.length > 0 || fewest < attemptsLeast ? 1 : 0
}

const work = async (asked: Asked) => {
  // Refusals are errors, and where they were made costs as much as making them. One seed tells.
  if (Option.isNone(asked.seed)) Error.stackTraceLimit = 0
  if (Option.isSome(asked.seed)) return one(asked.seed.value, asked)
  if (!asked.mutants) return many(asked)
  const part = Option.getOrElse(asked.part, () => [1, 1] as const)
  const caught = await table(console.log, { part, only: Option.getOrElse(asked.only, () => "") })
  process.exitCode = caught ? 0 : 1
}

// Not `runMain`: a world leaves no room for signals, so Ctrl-C must end the process as it is.
const exit = await command(work).pipe(
  Command.run({ version: manifest.version }),
  Effect.provide(NodeServices.layer),
  Effect.runPromiseExit
)
Runtime.defaultTeardown(exit, (code) => {
  if (code !== 0) process.exitCode = code
})
