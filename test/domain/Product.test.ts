import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { maxStock, pieces, won } from "../../src/domain/Money.ts"
import { available, type Product, type ProductCommand, ProductKind, stockStatus } from "../../src/domain/Product.ts"
import { product, sneaker } from "./Samples.ts"

const take = (quantity: number): ProductCommand => ({ _tag: "Take", quantity: pieces(quantity) })
const reserve = (quantity: number): ProductCommand => ({ _tag: "Reserve", quantity: pieces(quantity) })
const sell = (quantity: number): ProductCommand => ({ _tag: "Sell", quantity: pieces(quantity) })
const free = (quantity: number): ProductCommand => ({ _tag: "Free", quantity: pieces(quantity) })
const giveBack = (quantity: number): ProductCommand => ({ _tag: "Return", quantity: pieces(quantity) })
const adjust = (delta: number, version = 1): ProductCommand => ({ _tag: "Adjust", version, delta })
const reprice = (price: number, version = 1): ProductCommand => ({ _tag: "Edit", version, edit: { price: won(price) } })
const create: ProductCommand = { _tag: "Create", product: product() }

const hold = (state: Product | undefined, command: ProductCommand) => ProductKind.hold(sneaker, state, command)

const refusal = (state: Product | undefined, command: ProductCommand) =>
  Result.match(hold(state, command), { onSuccess: () => "granted", onFailure: (error) => error._tag })

describe("A product", () => {
  it.each<[string, Product | undefined, ProductCommand, string]>([
    ["sells what it has", product(), take(10), "granted"],
    ["does not sell more than it has", product(), take(11), "StockShortage"],
    ["does not sell what is held", product({ reserved: pieces(5) }), take(6), "StockShortage"],
    ["is not sold while in preparation", product({ saleStatus: "PREPARING" }), take(1), "ProductNotOnSale"],
    ["is not sold while suspended", product({ saleStatus: "SUSPENDED" }), take(1), "ProductNotOnSale"],
    ["is not sold once discontinued", product({ saleStatus: "DISCONTINUED" }), take(1), "ProductNotOnSale"],
    ["that does not exist is not sold", undefined, take(1), "ProductNotFound"],
    ["is not sold before its creation is committed", product({ pending: "creation" }), take(1), "ProductNotFound"],
    ["is reserved as far as there is something", product(), reserve(10), "granted"],
    ["is not reserved beyond", product({ reserved: pieces(1) }), reserve(10), "StockShortage"],
    ["is not reserved while suspended", product({ saleStatus: "SUSPENDED" }), reserve(1), "ProductNotOnSale"],
    ["that was reserved is sold, also once suspended", product({ saleStatus: "SUSPENDED" }), sell(1), "granted"],
    ["that was reserved is freed, also once discontinued", product({ saleStatus: "DISCONTINUED" }), free(1), "granted"],
    ["comes back, also once discontinued", product({ saleStatus: "DISCONTINUED" }), giveBack(1), "granted"],
    [
      "does not come back beyond what a stock can be",
      product({ onHand: pieces(maxStock) }),
      giveBack(1),
      "StockLimitExceeded"
    ],
    ["that does not exist does not come back", undefined, giveBack(1), "ProductNotFound"],
    ["is edited at the version the editor saw", product(), reprice(900), "granted"],
    ["is not edited at another version", product({ version: 2 }), reprice(900), "StaleVersion"],
    ["is not edited while another edit is pending", product({ pending: "edit" }), reprice(900), "StaleVersion"],
    ["is sold while an edit is pending", product({ pending: "edit" }), take(1), "granted"],
    ["gives up the pieces nobody holds", product({ reserved: pieces(4) }), adjust(-6), "granted"],
    ["holds as many pieces as it can have", product({ onHand: pieces(maxStock - 1) }), adjust(1), "granted"],
    ["does not hold more", product({ onHand: pieces(maxStock) }), adjust(1), "StockLimitExceeded"],
    ["does not give up pieces that are held", product({ reserved: pieces(4) }), adjust(-7), "StockShortage"]
  ])("%s", (_, state, command, expected) => assert.strictEqual(refusal(state, command), expected))

  it("tells a buyer who came too late how many are left", () => {
    const held = hold(product({ reserved: pieces(8) }), take(3))
    assert.deepInclude(Result.getOrThrow(Result.flip(held)), { productId: sneaker, available: 2 })
  })

  it.each<[string, Parameters<typeof stockStatus>[0], string]>([
    ["plenty", product({ onHand: pieces(11) }), "AVAILABLE"],
    ["ten or fewer", product({ onHand: pieces(10) }), "LOW_STOCK"],
    ["all of them held", product({ reserved: pieces(10) }), "RESERVED"],
    ["none", product({ onHand: pieces(0) }), "OUT_OF_STOCK"],
    ["discontinued", product({ saleStatus: "DISCONTINUED" }), "DISCONTINUED"]
  ])("shows %s as its stock status", (_, state, expected) => assert.strictEqual(stockStatus(state), expected))

  it("shows nothing of a creation, an edit or a restock before it is settled", () => {
    for (const command of [reprice(900), adjust(5)]) {
      const { state } = Result.getOrThrow(hold(product(), command))
      assert.deepStrictEqual({ ...state, pending: undefined, incoming: pieces(0) }, product())
    }
    assert.strictEqual(refusal(Result.getOrThrow(hold(undefined, create)).state, take(1)), "ProductNotFound")
  })

  const numbers = ({ onHand, reserved }: Product) => [onHand, reserved].map(Number)
  it.each<[string, ProductCommand, held: [number, number], settled: [number, number], released: [number, number]]>([
    ["reserved", reserve(3), [10, 7], [10, 7], [10, 4]],
    ["sold that was reserved", sell(3), [10, 4], [7, 1], [10, 4]],
    ["freed", free(3), [10, 4], [10, 1], [10, 4]],
    ["given back", giveBack(3), [10, 4], [13, 4], [10, 4]]
  ])("%s, has so many on hand, and so many reserved", (_, command, held, settled, released) => {
    const { state } = Result.getOrThrow(hold(product({ reserved: pieces(4) }), command))
    assert.deepStrictEqual(numbers(state), held)
    assert.deepStrictEqual(numbers(ProductKind.settle(state, command) ?? state), settled)
    assert.deepStrictEqual(numbers(ProductKind.release(state, command) ?? state), released)
  })

  it("has room for all that comes in at the same time, or says so", () => {
    const nearlyFull = product({ onHand: pieces(maxStock - 3) })
    for (const first of [giveBack(2), adjust(2)]) {
      const { state } = Result.getOrThrow(hold(nearlyFull, first))
      assert.strictEqual(refusal(state, giveBack(2)), "StockLimitExceeded")
      assert.strictEqual(refusal(state, giveBack(1)), "granted")
      assert.strictEqual(refusal(ProductKind.settle(state, first), giveBack(2)), "StockLimitExceeded")
      assert.strictEqual(refusal(ProductKind.release(state, first), giveBack(3)), "granted")
    }
  })

  it("sells to nobody else what is reserved", () => {
    const state = product({ reserved: pieces(10) })
    assert.strictEqual(refusal(state, take(1)), "StockShortage")
    assert.strictEqual(refusal(state, adjust(-1)), "StockShortage")
    // Not yet given back.
    assert.strictEqual(refusal(Result.getOrThrow(hold(state, free(1))).state, take(1)), "StockShortage")
  })

  const Commands = Schema.Array(
    Schema.Struct({
      kind: Schema.Literals(["Take", "Adjust", "Edit"]),
      amount: Schema.Int.check(Schema.isBetween({ minimum: -4, maximum: 4 })),
      settle: Schema.Boolean,
      now: Schema.Boolean
    })
  )
  const commandOf = ({ kind, amount }: (typeof Commands.Type)[number], version: number): ProductCommand =>
    kind === "Take" ? take(Math.abs(amount) + 1) : kind === "Adjust" ? adjust(amount, version) : reprice(100, version)

  it.prop("never has less than nothing available, and ends with what was settled", [Commands], ([commands]) => {
    let state = product()
    let onHand = 10
    const open: Array<[ProductCommand, boolean]> = []
    const end = (command: ProductCommand, settle: boolean) => {
      if (settle) onHand += command._tag === "Take" ? -command.quantity : command._tag === "Adjust" ? command.delta : 0
      state = ProductKind[settle ? "settle" : "release"](state, command) ?? state
    }
    for (const step of commands) {
      const command = commandOf(step, state.version)
      const held = hold(state, command)
      if (Result.isFailure(held)) continue
      state = held.success.state
      if (step.now) end(command, step.settle)
      else open.push([command, step.settle])
      assert.isTrue(available(state) >= 0 && state.reserved >= 0)
    }
    for (const [command, settle] of open) end(command, settle)
    assert.strictEqual(state.onHand, onHand)
    assert.strictEqual(state.reserved, 0)
    assert.strictEqual(state.pending, undefined)
  })
})
