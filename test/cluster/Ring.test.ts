import { assert, describe, it } from "@effect/vitest"
import * as Ring from "../../src/cluster/Ring.ts"

describe("The ring", () => {
  const addresses = Array.from({ length: 12 }, (_, n) => `10.0.0.${n}:4000`)

  it("is the same in whatever order members are known", () => {
    assert.deepStrictEqual(Ring.assign(addresses, 64), Ring.assign(addresses.toReversed(), 64))
  })

  it("gives everybody a share, and nobody two more than another", () => {
    for (let count = 1; count <= addresses.length; count++) {
      const ring = Ring.assign(addresses.slice(0, count), 64)
      const shares = addresses.slice(0, count).map((address) => Ring.ofMember(ring, address).size)
      assert.strictEqual(
        shares.reduce((sum, share) => sum + share, 0),
        64
      )
      assert.isAtMost(Math.max(...shares) - Math.min(...shares), 1, shares.join())
    }
  })

  it("moves little beyond what a leaver had", () => {
    const before = Ring.assign(addresses, 64)
    const after = Ring.assign(addresses.slice(1), 64)
    const moved = before.filter((owner, id) => owner !== addresses[0] && owner !== after[id])
    assert.isAtMost(moved.length, 64 / 4)
  })

  it("gives nobody anything when there is nobody", () => assert.deepStrictEqual(Ring.assign([], 64), []))
})
