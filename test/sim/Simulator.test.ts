import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { Counts } from "./Counts.ts"
import { draw, Options, attemptsLeast } from "./Options.ts"
import { explain } from "./Report.ts"
import { type Result, run } from "./Run.ts"

const Regressions = Schema.fromJsonString(Schema.Array(Schema.Struct({ found: Schema.String, options: Options })))

/** Worlds in which something was wrong once. */
const regressions = Schema.decodeUnknownSync(Regressions)(
  readFileSync(new URL("regressions.json", import.meta.url), "utf8")
)

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

/** What went wrong first, if anything did. */
const failureOf = ({ history, violations: [first] }: Result) =>
  first === undefined ? undefined : explain(history, first)

describe("The simulator", () => {
  it("gives the same run for the same seed, bit for bit", () => {
    for (const seed of seeds(1, 30)) {
      const [once, again] = [run(draw(seed)), run(draw(seed))]
      assert.deepStrictEqual([again.digest, again.steps, again.virtualMs], [once.digest, once.steps, once.virtualMs])
      assert.deepStrictEqual(again.history.trace.events, once.history.trace.events)
    }
  }, 120_000)

  it("gives another run for another seed", () => {
    assert.strictEqual(new Set(seeds(1, 20).map((seed) => run(draw(seed)).digest)).size, 20)
  }, 120_000)
})

describe("The engine", () => {
  it("keeps its promises in every world, and every shape of request is put to the test", () => {
    const counts = new Counts()
    for (const seed of seeds(1, 300)) {
      const result = run(draw(seed))
      assert.isUndefined(failureOf(result))
      assert.isAtLeast(result.attempts, attemptsLeast)
      counts.add(result.counts)
    }
    assert.deepStrictEqual(counts.barren, [])
  }, 300_000)

  it.each(regressions)("no longer fails: $found", ({ options }) => assert.isUndefined(failureOf(run(options))), 120_000)
})
