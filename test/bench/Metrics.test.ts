import { assert, describe, it } from "@effect/vitest"
import { growth, observed, parse } from "../../bench/Metrics.ts"

const before = parse(`# HELP trips Round trips
# TYPE trips counter
trips{kind="commit"} 10
trips{kind="load"} 1
# TYPE size histogram
size_bucket{le="1"} 2
size_bucket{le="8"} 2
size_bucket{le="+Inf"} 2
size_sum 2
size_count 2
`)
const after = parse(`trips{kind="commit"} 15
trips{kind="load"} 1
trips{kind="find"} 2
size_bucket{le="1"} 3
size_bucket{le="8"} 5
size_bucket{le="+Inf"} 6
size_sum 42
size_count 6
`)

describe("the node's metrics", () => {
  it("grow by all samples of a name", () => {
    assert.strictEqual(growth(before, after, "trips"), 7)
    assert.strictEqual(growth(before, after, "trip"), undefined)
  })

  it("tell what a histogram observed in between", () => {
    assert.deepStrictEqual(observed(before, after, "size"), {
      count: 4,
      mean: 10,
      buckets: [
        { bound: "1", count: 1 },
        { bound: "8", count: 2 },
        { bound: "+Inf", count: 1 }
      ]
    })
    assert.strictEqual(observed(after, after, "size"), undefined)
  })
})
