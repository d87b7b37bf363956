import { assert, describe, it } from "@effect/vitest"
import { Lru } from "../../src/http/Lru.ts"

describe("A bounded map", () => {
  it("keeps what was used last", () => {
    const lru = new Lru<number, string>(2)
    for (const key of [1, 2, 3, 4]) lru.set(key, `value ${key}`)
    assert.deepStrictEqual(
      [3, 4].map((key) => lru.get(key)),
      ["value 3", "value 4"]
    )
  })

  it("forgets the rest, and never has more than twice its capacity", () => {
    const lru = new Lru<number, string>(10)
    for (let key = 0; key < 1000; key++) lru.set(key, "value")
    const kept = Array.from({ length: 1000 }, (_, key) => key).filter((key) => lru.get(key) !== undefined)
    assert.isTrue(kept.length <= 20)
    assert.isTrue(kept.every((key) => key >= 980))
  })

  it("keeps what is asked for again and again", () => {
    const lru = new Lru<string, number>(10)
    lru.set("wanted", 1)
    for (let key = 0; key < 1000; key++) {
      lru.set(`other ${key}`, key)
      assert.strictEqual(lru.get("wanted"), 1)
    }
  })
})
