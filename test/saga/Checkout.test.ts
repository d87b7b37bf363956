import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { permit } from "../../src/domain/Authority.ts"
import { productId } from "../../src/domain/Ids.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { checkout } from "../../src/saga/Checkout.ts"
import { adjustStock, editProduct } from "../../src/saga/Products.ts"
import { uuid } from "../domain/Samples.ts"
import { audit, buy, engine, onSale, request, user } from "./Engine.ts"

describe("A checkout", () => {
  it.live("sells, takes the money and says what is left", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10, 1500)
      const buyer = yield* user(1, 10_000)
      const { answer, replayed } = yield* buy({ key: 1, buyer, product, quantity: 2 })
      assert.deepInclude(answer, {
        status: "CONFIRMED",
        totalAmount: won(3000),
        paidAmount: won(3000),
        balance: won(7000)
      })
      assert.isFalse(replayed)
      const { stock, money, paid, outbox, disagreements } = yield* audit
      assert.deepStrictEqual({ stock, money, paid }, { stock: [8], money: 7000, paid: 3000 })
      assert.deepStrictEqual(outbox, ["ProductCreated", "BalanceCharged", "OrderConfirmed"])
      assert.deepStrictEqual(disagreements, [])
    }).pipe(Effect.provide(engine()))
  )

  it.live("writes a ledger in which money and pieces only move", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 5000)
      yield* buy({ key: 1, buyer, product, quantity: 3 })
      const { ledger } = yield* MemoryTables
      assert.deepStrictEqual(
        ledger.map(({ asset, amount, reason }) => [asset, amount, reason]),
        [
          ["PIECE", 10, "INITIAL"],
          ["KRW", 5000, "CHARGE"],
          ["KRW", 3000, "PAYMENT"],
          ["PIECE", 3, "SALE"]
        ]
      )
    }).pipe(Effect.provide(engine()))
  )

  it.live("1,000 buyers at once for 100 pieces: exactly 100 orders, 900 clear shortages, stock 0", () =>
    Effect.gen(function* () {
      const product = yield* onSale(100)
      const buyers = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, n) => n),
        (n) => user(n, 1000),
        { concurrency: 100 }
      )
      const outcomes = yield* Effect.forEach(buyers, (buyer, n) => Effect.result(buy({ key: n, buyer, product })), {
        concurrency: 1000
      })
      const refusals = outcomes.flatMap((outcome) => (Result.isFailure(outcome) ? [outcome.failure._tag] : []))
      assert.deepStrictEqual(
        refusals,
        Array.from({ length: 900 }, () => "StockShortage")
      )
      const { orders, stock, money, disagreements } = yield* audit
      assert.deepStrictEqual({ orders, stock, money }, { orders: 100, stock: [0], money: 900_000 })
      assert.deepStrictEqual(disagreements, [])
    }).pipe(Effect.provide(engine()))
  )

  it.live("never spends a balance twice, however many purchases come at once", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1000)
      const buyer = yield* user(1, 10_000)
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, n) => n),
        (n) => Effect.result(buy({ key: n, buyer, product })),
        { concurrency: 100 }
      )
      assert.strictEqual(outcomes.filter(Result.isSuccess).length, 10)
      const { stock, money } = yield* audit
      assert.deepStrictEqual({ stock, money }, { stock: [990], money: 0 })
    }).pipe(Effect.provide(engine()))
  )

  it.live("sells all of several products, or none of them", () =>
    Effect.gen(function* () {
      const plenty = yield* onSale(10)
      const scarce = yield* onSale(1)
      const buyer = yield* user(1, 100_000)
      const items = [
        { productId: plenty, quantity: pieces(5) },
        { productId: scarce, quantity: pieces(2) }
      ]
      const refused = yield* Effect.flip(checkout({ request: request(1), buyer, items, expectedTotal: undefined }))
      assert.deepInclude(refused, { _tag: "StockShortage", productId: scarce, available: 1 })
      yield* buy({ key: 2, buyer, product: plenty, quantity: 10 })
      assert.deepStrictEqual((yield* audit).stock, [0, 1])
    }).pipe(Effect.provide(engine()))
  )

  it.live("leaves the stock to others when the buyer cannot pay", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const poor = yield* user(1, 0)
      const rich = yield* user(2, 1000)
      const refused = yield* Effect.flip(buy({ key: 1, buyer: poor, product }))
      assert.deepInclude(refused, { _tag: "InsufficientBalance", balance: won(0), required: won(1000) })
      yield* buy({ key: 2, buyer: rich, product })
      assert.deepStrictEqual((yield* audit).stock, [0])
    }).pipe(Effect.provide(engine()))
  )

  it.live("is refused when the price is not the one the buyer saw", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 10_000)
      yield* editProduct(permit(product), 1, { price: won(1200) })
      const refused = yield* Effect.flip(buy({ key: 1, buyer, product, expectedTotal: won(1000) }))
      assert.deepInclude(refused, { _tag: "PriceChanged", total: won(1200) })
      const { answer } = yield* buy({ key: 1, buyer, product, expectedTotal: won(1200) })
      assert.strictEqual<number>(answer.paidAmount, 1200)
    }).pipe(Effect.provide(engine()))
  )

  it.live("is refused for what does not exist or is not for sale", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 10_000)
      const unknown = yield* Effect.flip(buy({ key: 1, buyer, product: productId(uuid(99)) }))
      assert.strictEqual(unknown._tag, "ProductNotFound")
      yield* editProduct(permit(product), 1, { saleStatus: "SUSPENDED" })
      assert.strictEqual((yield* Effect.flip(buy({ key: 2, buyer, product })))._tag, "ProductNotOnSale")
    }).pipe(Effect.provide(engine()))
  )

  it.live("sees a restock once it is committed", () =>
    Effect.gen(function* () {
      const product = yield* onSale(0)
      const buyer = yield* user(1, 10_000)
      assert.strictEqual((yield* Effect.flip(buy({ key: 1, buyer, product })))._tag, "StockShortage")
      yield* adjustStock(permit(product), 1, 3)
      yield* buy({ key: 1, buyer, product, quantity: 3 })
      assert.strictEqual((yield* Effect.flip(adjustStock(permit(product), 1, 3)))._tag, "StaleVersion")
    }).pipe(Effect.provide(engine()))
  )
})
