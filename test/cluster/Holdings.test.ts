import { assert, describe, it } from "@effect/vitest"
import { Holdings, judge, type Verdict } from "../../src/cluster/Holdings.ts"
import { PartitionId } from "../../src/domain/Ids.ts"

const id = PartitionId(7)
const set = (is: boolean) => new Set(is ? [id] : [])

describe("What becomes of a lease", () => {
  const yes = true
  const no = false
  for (const [expected, kept, retaken, confirmed, claimed, doubtful] of [
    ["keep", yes, no, undefined, yes, no],
    ["keep", yes, no, undefined, no, no],
    ["lose", no, no, undefined, yes, no],
    ["lose", no, no, yes, yes, no],
    ["lose", no, no, undefined, yes, yes],
    ["keep", no, yes, yes, yes, no],
    ["renew", no, yes, no, yes, no],
    ["wait", no, yes, undefined, yes, no],
    // Not claimed yet: nothing was read of it.
    ["keep", no, yes, undefined, no, no],
    // Lost before, and taken again unconfirmed.
    ["wait", yes, no, undefined, yes, yes],
    ["keep", yes, no, yes, yes, yes],
    ["renew", yes, no, no, yes, yes]
  ] as const satisfies ReadonlyArray<
    readonly [keyof Verdict, boolean, boolean, boolean | undefined, boolean, boolean]
  >) {
    it(`is ${expected}, ${JSON.stringify({ kept, retaken, confirmed, claimed, doubtful })}`, () => {
      const holding = { id, validUntil: 0, claimed, doubtful }
      const verdict = judge({
        asked: [holding],
        kept: set(kept),
        retaken: set(retaken),
        confirmed: confirmed === undefined ? undefined : set(confirmed)
      })
      const none: Verdict = { keep: [], wait: [], renew: [], lose: [] }
      assert.deepStrictEqual(verdict, { ...none, [expected]: [holding] })
    })
  }
})

describe("Holdings", () => {
  it("are valid until their end, and never shortened", () => {
    const holdings = new Holdings()
    assert.deepStrictEqual(holdings.add([id], 100), [id])
    assert.deepStrictEqual(holdings.add([id], 900), [])
    assert.isTrue(holdings.isValid(id, 99.9))
    assert.isFalse(holdings.isValid(id, 100))
    holdings.extend(holdings.all, 200)
    holdings.extend(holdings.all, 150)
    assert.isTrue(holdings.isValid(id, 199))
  })

  it("that were given up and gained again are others: what is late about the first changes nothing", () => {
    const holdings = new Holdings()
    holdings.add([id], 100)
    const early = holdings.all
    assert.deepStrictEqual(holdings.remove([id, PartitionId(8)]), [id])
    holdings.add([id], 200)
    holdings.extend(early, 900)
    assert.isFalse(holdings.isValid(id, 200))
    assert.deepStrictEqual(
      early.map((holding) => holdings.isCurrent(holding)),
      [false]
    )
  })
})
