import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Partition } from "../../src/actors/Partition.ts"
import { Epoch, PartitionId, RequestKey, TransactionId, userId } from "../../src/domain/Ids.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import { make as makeWallet } from "../../src/domain/Wallet.ts"
import type { Doubt } from "../../src/persistence/Journal.ts"
import { buyer, product, sneaker, uuid, wallet } from "../domain/Samples.ts"

const make = (capacity = 100) => new Partition(PartitionId(0), Epoch(1), capacity)

const doubt = (n: number, deadline = 1000): Doubt => ({
  id: TransactionId(uuid(n)),
  key: RequestKey(uuid(n)),
  deadline,
  fences: []
})

const take = (quantity: number) => ({ _tag: "Take", quantity: pieces(quantity) }) as const
const pay = (amount: number) => ({ _tag: "Take", amount: won(amount) }) as const

const withProduct = () => {
  const partition = make()
  partition.install("product", sneaker, product())
  return partition
}

describe("A partition", () => {
  it("holds until there is nothing left to hold, in the order of arrival", () => {
    const partition = withProduct()
    const granted = [1, 2, 3, 4].map((n) => Result.isSuccess(partition.hold(doubt(n), "product", sneaker, take(3))))
    assert.deepStrictEqual(granted, [true, true, true, false])
  })

  it("settles what was committed", () => {
    const partition = withProduct()
    partition.hold(doubt(1), "product", sneaker, take(3))
    partition.settle(doubt(1).id)
    assert.deepStrictEqual(partition.peek("product", sneaker), product({ onHand: pieces(7) }))
  })

  it("gives back what was not", () => {
    const partition = withProduct()
    partition.hold(doubt(1), "product", sneaker, take(3))
    partition.release(doubt(1).id)
    assert.deepStrictEqual(partition.peek("product", sneaker), product())
  })

  it.each(["settle", "release"] as const)("settled or released again, it does nothing: %s", (again) => {
    const partition = withProduct()
    partition.hold(doubt(1), "product", sneaker, take(3))
    partition.settle(doubt(1).id)
    partition[again](doubt(1).id)
    assert.deepStrictEqual(partition.peek("product", sneaker), product({ onHand: pieces(7) }))
  })

  it("settles everything a transaction holds in it", () => {
    const partition = withProduct()
    partition.install("wallet", buyer, wallet(5000))
    partition.hold(doubt(1), "product", sneaker, take(2))
    partition.hold(doubt(1), "wallet", buyer, pay(2000))
    partition.settle(doubt(1).id)
    assert.deepStrictEqual(partition.peek("product", sneaker), product({ onHand: pieces(8) }))
    assert.deepStrictEqual(partition.peek("wallet", buyer), { ...wallet(3000), orders: 1 })
  })

  it("makes an actor exist when its creation is settled, and not when it is released", () => {
    for (const how of ["settle", "release"] as const) {
      const partition = make()
      partition.hold(doubt(1), "product", sneaker, { _tag: "Create", product: product() })
      partition[how](doubt(1).id)
      assert.strictEqual(partition.has("product", sneaker), how === "settle")
    }
  })

  it("keeps the state in memory when an older one is loaded late", () => {
    const partition = withProduct()
    partition.hold(doubt(1), "product", sneaker, take(3))
    partition.install("product", sneaker, product())
    assert.deepStrictEqual(partition.peek("product", sneaker), product({ reserved: pieces(3) }))
  })

  it("names the transactions whose deadline has passed, and only those", () => {
    const partition = withProduct()
    for (const [n, deadline] of [
      [1, 100],
      [2, 200],
      [3, 300]
    ] as const) {
      partition.hold(doubt(n, deadline), "product", sneaker, take(1))
    }
    partition.settle(doubt(1).id)
    assert.deepStrictEqual(
      partition.overdue(250, 10).map(({ id }) => id),
      [doubt(2).id]
    )
  })

  const walletOf = (n: number) => userId(uuid(n))
  const fill = (partition: Partition, from: number, to: number) => {
    for (let n = from; n < to; n++) partition.install("wallet", walletOf(n), makeWallet(walletOf(n), won(100)))
  }

  it("keeps no more actors than it may, and forgets the ones nobody used", () => {
    const partition = make(10)
    fill(partition, 0, 1000)
    assert.isAtMost(partition.resident, 10)
    assert.isTrue(partition.has("wallet", walletOf(999)))
    assert.isFalse(partition.has("wallet", walletOf(0)))
  })

  it("never forgets an actor with holds", () => {
    const partition = make(10)
    fill(partition, 0, 1)
    partition.hold(doubt(1), "wallet", walletOf(0), pay(60))
    fill(partition, 1, 1000)
    assert.strictEqual(partition.peek("wallet", walletOf(0))?.held, 60)
    partition.settle(doubt(1).id)
    fill(partition, 1000, 2000)
    assert.isFalse(partition.has("wallet", walletOf(0)))
  })
})
