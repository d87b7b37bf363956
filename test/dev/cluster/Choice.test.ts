import { assert, describe, it } from "@effect/vitest"
import { choose, mayRepeat, type Reached } from "../../../dev/cluster/Choice.ts"

describe("A balancer", () => {
  it("asks those who are ready in turn", () => {
    const turns = [0, 1, 2, 3, 4, 5, 6]
    assert.deepStrictEqual(
      turns.map((turn) => choose(["a", "b", "c"], turn)),
      ["a", "b", "c", "a", "b", "c", "a"]
    )
    assert.strictEqual(choose(["b"], 17), "b")
    assert.isUndefined(choose([], 17))
  })

  const expected: ReadonlyArray<[method: string, keyed: boolean, reached: Reached, again: boolean]> = [
    ["POST", false, "Nobody", true],
    ["POST", true, "Nobody", true],
    ["GET", false, "Nobody", true],
    ["POST", false, "Node", false],
    ["PATCH", false, "Node", false],
    ["DELETE", false, "Node", false],
    ["POST", true, "Node", true],
    ["GET", false, "Node", true],
    ["HEAD", false, "Node", true],
    ["POST", true, "Answer", false],
    ["GET", false, "Answer", false]
  ]
  it.each(expected)("repeats %s (keyed: %s) that reached %s elsewhere: %s", (method, keyed, reached, again) =>
    assert.strictEqual(mayRepeat({ method, keyed, reached }), again)
  )
})
