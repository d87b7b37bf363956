import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Histogram } from "../../bench/load/Histogram.ts"

const micros = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60_000_000 }))

describe("a histogram of latencies", () => {
  it.effect.prop(
    "names percentiles that are never too low, and at most 1.6 % too high",
    [Schema.NonEmptyArray(micros)],
    ([values]) =>
      Effect.sync(() => {
        const histogram = new Histogram()
        for (const value of values) histogram.record(value)
        const sorted = values.toSorted((a, b) => a - b)
        for (const fraction of [0.5, 0.95, 0.99, 0.999, 1]) {
          const exact = sorted[Math.ceil(values.length * fraction) - 1] ?? Number.NaN
          assert.isAtLeast(histogram.percentile(fraction), exact)
          assert.isAtMost(histogram.percentile(fraction), exact * 1.016)
        }
        assert.strictEqual(histogram.max, sorted.at(-1))
      })
  )
})
