import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Passing } from "../../src/actors/Passing.ts"

const Keys = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -40, maximum: 40 })))

describe("A map of what soon goes again", () => {
  it.prop("is a map", [Keys], ([keys]) => {
    const map = new Map<number, number>()
    const passing = new Passing<number, number>()
    // What is below 0 goes; and all of it often enough to move a few times.
    for (let round = 0; round < 30; round++) {
      keys.forEach((key, n) => {
        if (key < 0) return assert.strictEqual(passing.delete(-key), map.delete(-key))
        passing.set(key, round * n)
        map.set(key, round * n)
        assert.strictEqual(passing.get(key), map.get(key))
      })
    }
    assert.deepStrictEqual(passing.entries(), [...map])
    assert.deepStrictEqual([...passing.values()], [...map.values()])
  })

  it("is gone through as it was, whatever comes and goes meanwhile", () => {
    const passing = new Passing<number, string>()
    for (let key = 0; key < 100; key++) passing.set(key, "old")
    const seen = passing.entries().map(([key, value]) => {
      assert.isTrue(passing.delete(key))
      passing.set(key + 100, "new")
      return value
    })
    assert.deepStrictEqual(new Set(seen), new Set(["old"]))
    assert.lengthOf(seen, 100)
    assert.lengthOf(passing.entries(), 100)
  })
})
