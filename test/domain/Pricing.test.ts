import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { maxBalance, maxPrice, maxQuantity, pieces, won } from "../../src/domain/Money.ts"
import { Policy } from "../../src/domain/Policy.ts"
import { quote } from "../../src/domain/Pricing.ts"
import { product } from "./Samples.ts"

const item = (price: number, quantity: number) => ({
  product: product({ price: won(price) }),
  quantity: pieces(quantity)
})

describe("A quote", () => {
  it("is the sum of price × quantity, with each line's price as it was", () => {
    const { lines, total, payable } = Result.getOrThrow(quote([item(1500, 2), item(700, 3)], undefined))
    assert.deepStrictEqual(
      lines.map(({ unitPrice, quantity, amount }) => [unitPrice, quantity, amount]),
      [
        [1500, 2, 3000],
        [700, 3, 2100]
      ]
    )
    assert.deepStrictEqual([total, payable], [5100, 5100])
  })

  it("is refused when the buyer expected another total", () => {
    const refused = Result.getOrThrow(Result.flip(quote([item(1500, 2)], won(2999))))
    assert.deepInclude(refused, { _tag: "PriceChanged", expectedTotal: won(2999), total: won(3000) })
  })

  it("is exact for the largest order there can be", () => {
    const lines = Array.from({ length: Policy.order.linesMax }, () => item(maxPrice, maxQuantity))
    assert.strictEqual<number>(Result.getOrThrow(quote(lines, undefined)).total, maxBalance)
    assert.isTrue(Number.isSafeInteger(maxBalance))
  })
})
