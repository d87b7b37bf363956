/** The simulator's command line; docs/simulator.md tells how to use it. */
import { performance } from "node:perf_hooks"
import process from "node:process"
import { parseArgs } from "node:util"
import { Counts } from "./Counts.ts"
import { table } from "./mutants/Table.ts"
import { describe, draw, attemptsLeast } from "./Options.ts"
import { explain, line } from "./Report.ts"
import { run } from "./Run.ts"

/** With fewer worlds a shape may never have come to what it should, by chance. */
const enoughSeeds = 100
const progressEveryMs = 1000

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    from: { type: "string", default: "1" },
    /** Goes on after a violation. */
    all: { type: "boolean", default: false },
    /** Runs every world twice: the same seed is the same run. */
    twice: { type: "boolean", default: false },
    /** Prints everything that happened. */
    trace: { type: "boolean", default: false },
    /** Prints the seed's world, for regressions.json. */
    world: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    /** Of the mutants: "1/2" and "2/2" are all of them, in two processes. */
    part: { type: "string", default: "1/1" },
    /** Mutants with this in their names. */
    only: { type: "string", default: "" }
  }
})

const one = (seed: number) => {
  const options = draw(seed)
  if (values.world) return console.log(JSON.stringify(options))
  console.log(`Seed ${seed}: ${describe(options)}\n`)
  const { history, violations, digest, steps, virtualMs } = run(options)
  if (values.trace) console.log(history.trace.events.map(line).join("\n"), "\n")
  const [first] = violations
  console.log(first === undefined ? "No violation." : explain(history, first))
  const attempts = history.requests.reduce((sum, request) => sum + request.attempts.length, 0)
  console.log(
    `\n${history.requests.length} requests in ${attempts} attempts, ${history.commits.length} transactions committed, ` +
      `${(virtualMs / 1000).toFixed(1)} virtual seconds, ${steps} steps, digest ${digest}`
  )
  process.exitCode = first === undefined ? 0 : 1
}

const many = (seedsMost: number, minutes: number) => {
  const first = Number(values.from)
  const began = performance.now()
  const counts = new Counts()
  let [seeds, attempts, failed, told, fewest] = [0, 0, 0, began, Infinity]
  const elapsedMs = () => performance.now() - began
  const progress = () => {
    const perMinute = Math.round((seeds / elapsedMs()) * 60_000)
    return `${seeds} seeds, ${perMinute} a minute, ${attempts} attempts, ${failed} with violations`
  }
  while (seeds < seedsMost && elapsedMs() < minutes * 60_000 && (failed === 0 || values.all)) {
    const options = draw(first + seeds++)
    const result = run(options)
    if (values.twice && run(options).digest !== result.digest) {
      failed++
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
  if (values.trace) console.log(counts.lines.join("\n"))
  console.log(`At least ${fewest} attempts in each while things went wrong`)
  if (barren.length > 0) console.log(`Never came to what they should: ${barren.join(", ")}`)
  process.exitCode = failed > 0 || barren.length > 0 || fewest < attemptsLeast ? 1 : 0
}

// Refusals are errors, and where they were made costs as much as making them. One seed tells.
if (values.seed === undefined) Error.stackTraceLimit = 0

if (values.mutants) {
  const [which = 1, of = 1] = values.part.split("/").map(Number)
  const caught = await table((text) => console.log(text), { part: [which, of], only: values.only })
  process.exitCode = caught ? 0 : 1
} else if (values.seed !== undefined) {
  one(Number(values.seed))
} else {
  const minutes = values.minutes === undefined ? Infinity : Number(values.minutes)
  many(Number(values.seeds ?? (minutes < Infinity ? Infinity : 100)), minutes)
}
