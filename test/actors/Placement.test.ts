import { assert, describe, it } from "@effect/vitest"
import { partitionOf } from "../../src/actors/Placement.ts"
import { PartitionId } from "../../src/domain/Ids.ts"
import { uuid } from "../domain/Samples.ts"

describe("Placement", () => {
  it("is part of the data: it never changes", () => {
    assert.deepStrictEqual(
      [1, 2].map((n) => partitionOf("wallet", `usr_${uuid(n)}`, 64)),
      [29, 36].map((n) => PartitionId(n))
    )
    assert.strictEqual<number>(partitionOf("product", `prd_${uuid(1)}`, 64), 25)
  })

  it("spreads actors evenly", () => {
    const counts = Array.from({ length: 64 }, () => 0)
    for (let n = 0; n < 64_000; n++) {
      const partition = partitionOf("wallet", `usr_${uuid(n)}`, 64)
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    assert.isTrue(Math.min(...counts) > 800 && Math.max(...counts) < 1200, counts.join(" "))
  })
})
