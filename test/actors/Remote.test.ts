import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Result } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import { partitionOf } from "../../src/actors/Placement.ts"
import type { Step } from "../../src/actors/Step.ts"
import * as Wire from "../../src/actors/Wire.ts"
import { permit } from "../../src/domain/Authority.ts"
import { type ProductId, RequestKey, TransactionId, type UserId } from "../../src/domain/Ids.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import { adjustStock } from "../../src/saga/Products.ts"
import { uuid } from "../domain/Samples.ts"
import { checkout } from "../../src/saga/Checkout.ts"
import { buy, onSale, request, user } from "../saga/Engine.ts"
import { type Node, World } from "./Nodes.ts"

const stock = 100

/** Three nodes with their partitions, a buyer with money, and a product that one of them sells and two do not. */
const shop = Effect.gen(function* () {
  const world = yield* World.make
  const addresses = ["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]
  for (const address of addresses) yield* world.boot(address)
  yield* world.until(() => world.settled)
  // Leases have been looked at, and nothing moves any more.
  yield* world.pass(2000)
  const [first] = world.nodes
  assert.isDefined(first)
  const product = yield* world.run(first.on(onSale(stock)))
  const buyer = yield* world.run(first.on(user(1, 1_000_000)))
  const owner = ownerOf(world, "product", product)
  const others = world.nodes.filter((node) => node !== owner)
  const [asker, third] = others
  assert.isDefined(asker)
  assert.isDefined(third)
  return { world, product, buyer, owner, asker, third }
})

const ownerOf = (world: World, kind: "product" | "wallet", id: string): Node => {
  const [owner] = world.ownersOf(partitionOf(kind, id, world.partitions.length))
  assert.isDefined(owner)
  return owner
}

const productAt = (node: Node, product: ProductId) =>
  node.on(Effect.flatMap(Directory, ({ read }) => read("product", product)))
const walletAt = (node: Node, wallet: UserId) =>
  node.on(Effect.flatMap(Directory, ({ read }) => read("wallet", wallet)))

/** What a product has on disk, and that memory says the same wherever it is asked for. */
const audit = Effect.fnUntraced(function* (
  { world, product, buyer }: { readonly world: World; readonly product: ProductId; readonly buyer: UserId },
  sold: number
) {
  yield* world.pass(12_000)
  const { tables } = world
  assert.strictEqual(tables.orders.size, sold)
  assert.strictEqual(tables.products.get(product.slice(4))?.onHand, stock - sold)
  assert.strictEqual(tables.wallets.get(buyer.slice(4)), 1_000_000 - 1000 * sold)
  for (const node of world.nodes.filter(({ up }) => up)) {
    const [shelf, purse] = [yield* world.run(productAt(node, product)), yield* world.run(walletAt(node, buyer))]
    assert.deepInclude(shelf, { onHand: pieces(stock - sold), reserved: pieces(0) })
    assert.deepInclude(purse, { balance: won(1_000_000 - 1000 * sold), held: won(0) })
  }
})

const take = { _tag: "Take", quantity: pieces(1) } as const
const step = (n: number, deadline: number): Step => ({
  id: TransactionId(uuid(n)),
  key: RequestKey(uuid(n)),
  deadline,
  fences: []
})

describe("A node asks the actors of others", () => {
  it.effect("for holds, and their owners settle what was committed", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer } = sale
      let key = 0
      const purchases = world.nodes.flatMap((node) =>
        Array.from({ length: 10 }, () => node.on(buy({ key: key++, buyer, product })))
      )
      yield* world.run(Effect.all(purchases, { concurrency: purchases.length }))
      yield* world.pass(50)
      const settled = { onHand: pieces(stock - 30), reserved: pieces(0) }
      assert.deepInclude(yield* world.run(productAt(sale.asker, product)), settled)
      yield* audit(sale, 30)
    })
  )

  it.effect("and is refused as it would be at home", () =>
    Effect.gen(function* () {
      const { world, product, buyer, asker } = yield* shop
      const error = yield* world.run(Effect.flip(asker.on(buy({ key: 1, buyer, product, quantity: 101 }))))
      assert.deepInclude(error, { _tag: "StockShortage", productId: product, available: 100 })
      assert.isDefined((yield* world.run(productAt(asker, product)))?.sellerId)
    })
  )

  it.effect("and sells exactly what there is", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer } = sale
      const purchases = Array.from({ length: 300 }, (_, key) =>
        Effect.result((world.nodes[key % 3] ?? sale.asker).on(buy({ key, buyer, product })))
      )
      const answers = yield* world.run(Effect.all(purchases, { concurrency: 300 }))
      assert.lengthOf(answers.filter(Result.isSuccess), 100)
      yield* audit(sale, 100)
    })
  )

  it.effect("and takes a lost answer for no answer: the hold is given back, and the purchase happens once", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      world.network.cut(owner.address, asker.address)
      const buying = yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.pass(500)
      assert.strictEqual<number | undefined>((yield* world.run(productAt(owner, product)))?.reserved, 1)
      world.network.heal()
      yield* world.run(Fiber.join(buying))
      yield* world.pass(50)
      assert.strictEqual<number | undefined>((yield* world.run(productAt(owner, product)))?.reserved, 0)
      yield* audit(sale, 1)
    })
  )

  it.effect("and answers no sooner than they have heard: the next request finds what this one did", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker, third } = sale
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      const buying = yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.pass(3000)
      assert.strictEqual(world.tables.orders.size, 1)
      assert.isUndefined(buying.pollUnsafe())
      world.network.heal()
      const left = Effect.andThen(Fiber.join(buying), productAt(third, product))
      assert.deepInclude(yield* world.run(left), { onHand: pieces(stock - 1), reserved: pieces(0) })
    })
  )

  it.effect("and one that seems to be gone has not heard either, until somebody has claimed what it held", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      const partition = partitionOf("product", product, world.partitions.length)
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      const buying = yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.until(() => world.tables.orders.size === 1)
      // It says goodbye, and stays, and so do its leases.
      yield* world.run(owner.peers.leave)
      yield* world.pass(4000)
      assert.notStrictEqual(asker.ownership.ownerOf(partition), owner.address)
      assert.strictEqual(ownerOf(world, "product", product), owner)
      assert.isUndefined(buying.pollUnsafe())
      world.network.heal()
      yield* world.run(Fiber.join(buying))
      assert.deepInclude(yield* world.run(productAt(owner, product)), {
        onHand: pieces(stock - 1),
        reserved: pieces(0)
      })
    })
  )

  it.effect("and if they cannot be told in time, leaves it to them: whoever repeats the request learns of it", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      const buying = asker.on(buy({ key: 1, buyer, product }))
      assert.deepInclude(yield* world.run(Effect.flip(buying)), { _tag: "TimedOut" })
      world.onCommit = () => {}
      world.network.heal()
      assert.isTrue((yield* world.run(buying)).replayed)
      yield* audit(sale, 1)
    })
  )

  it.effect("and a repetition at another node tells them what the first one could not", () =>
    Effect.gen(function* () {
      const { world, product, buyer, owner, asker, third } = yield* shop
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.until(() => world.tables.orders.size === 1)
      const { replayed } = yield* world.run(third.on(buy({ key: 1, buyer, product })))
      assert.isTrue(replayed)
      const sold = { onHand: pieces(stock - 1), reserved: pieces(0) }
      assert.deepInclude(yield* world.run(productAt(third, product)), sold)
    })
  )

  it.effect("and a repetition that has asked none of them, for it was refused before, tells them all the same", () =>
    Effect.gen(function* () {
      const { world, product, buyer, owner, asker, third } = yield* shop
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.until(() => world.tables.orders.size === 1)
      const deadline = (yield* Clock.currentTimeMillis) + 5000
      const committed = [...world.tables.transactions.values()].at(-1)
      if (committed === undefined) return assert.fail("Nothing was committed")
      const { id, fences } = committed
      yield* world.run(third.directory.settleOther({ deadline }, { id: TransactionId(id), fences }))
      const sold = { onHand: pieces(stock - 1), reserved: pieces(0) }
      assert.deepInclude(yield* world.run(productAt(third, product)), sold)
    })
  )

  it.effect("and what a repetition has ended is not begun again by an ask that comes late", () =>
    Effect.gen(function* () {
      const { world, product, buyer, owner, asker } = yield* shop
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.until(() => world.tables.orders.size === 1)
      const [placed = ""] = world.tables.orders.keys()
      world.onCommit = () => {}
      yield* world.run(owner.on(buy({ key: 1, buyer, product })))
      world.network.heal()
      const late = { ...step(0, 3_600_000), id: TransactionId(placed) }
      const answer = yield* world.run(asker.peers.ask(owner.address, Wire.holdAsk(late, "product", [[product, take]])))
      assert.deepStrictEqual(answer, { _tag: "Fenced" })
    })
  )

  it.effect("several at once, and sells all of an order or none of it", () =>
    Effect.gen(function* () {
      const { world, product, buyer, asker } = yield* shop
      const products = yield* world.run(Effect.all(Array.from({ length: 24 }, () => asker.on(onSale(stock)))))
      assert.isAbove(new Set(products.map((each) => ownerOf(world, "product", each))).size, 1)
      const order = (key: number, quantityOf: (n: number) => number) =>
        asker.on(
          checkout({
            request: request(key),
            buyer,
            items: products.map((productId, n) => ({ productId, quantity: pieces(quantityOf(n)) })),
            expectedTotal: undefined
          })
        )
      const { answer } = yield* world.run(order(1, (n) => n + 1))
      assert.strictEqual<number>(answer.totalAmount, 300_000)
      const refusal = yield* world.run(Effect.flip(order(2, (n) => (n < 9 ? 1 : stock))))
      assert.deepInclude(refusal, { _tag: "StockShortage", productId: products[9] ?? product, available: stock - 10 })
      yield* world.pass(50)
      for (const [n, each] of products.entries()) {
        const left = { onHand: pieces(stock - n - 1), reserved: pieces(0) }
        assert.deepInclude(yield* world.run(productAt(asker, each)), left)
      }
    })
  )

  it.effect("and has them forget what the disk does not know", () =>
    Effect.gen(function* () {
      const { world, product, buyer } = yield* shop
      const guest = yield* world.boot("10.0.0.9:4000", false)
      yield* world.run(guest.on(buy({ key: 1, buyer, product })))
      world.tables.wallets.set(buyer.slice(4), 500)
      const refusal = yield* world.run(Effect.flip(guest.on(buy({ key: 2, buyer, product }))))
      assert.deepInclude(refusal, { _tag: "InsufficientBalance", balance: won(500) })
    })
  )

  it.effect("and leaves nothing behind when its release comes before its ask", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, owner, asker } = sale
      const deadline = 3_600_000
      const late = step(7, deadline)
      const partition = partitionOf("product", product, world.partitions.length)
      const release = { _tag: "Release", id: late.id, deadline, partitions: [partition] } as const
      asker.peers.tell(owner.address, Wire.writeTell(release))
      yield* world.pass(100)
      const answer = yield* world.run(asker.peers.ask(owner.address, Wire.holdAsk(late, "product", [[product, take]])))
      assert.deepStrictEqual(answer, { _tag: "Fenced" })
      assert.strictEqual<number | undefined>((yield* world.run(productAt(owner, product)))?.reserved, 0)
    })
  )

  it.effect("and is not granted the same twice, nor anything after its deadline", () =>
    Effect.gen(function* () {
      const { world, product, owner, asker } = yield* shop
      const hold = (held: Step) =>
        world.run(asker.peers.ask(owner.address, Wire.holdAsk(held, "product", [[product, take]])))
      const repeated = step(7, 3_600_000)
      assert.deepInclude(yield* hold(repeated), { _tag: "Held" })
      assert.deepStrictEqual(yield* hold(repeated), { _tag: "Fenced" })
      assert.deepStrictEqual(yield* hold(step(8, 1)), { _tag: "Fenced" })
      assert.strictEqual<number | undefined>((yield* world.run(productAt(owner, product)))?.reserved, 1)
    })
  )

  it.effect("and what it asks again of whoever has claimed since is not settled a second time", () =>
    Effect.gen(function* () {
      const { world, product, buyer, owner, asker } = yield* shop
      const fences = owner.directory.owned().map(({ id, epoch }) => ({ partition: id, epoch }))
      // The owner does not hear of the commit, forgets everything, and reads what was committed.
      world.onCommit = () => world.network.cut(asker.address, owner.address)
      const buying = yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.until(() => world.tables.orders.size === 1)
      owner.directory.drop(fences)
      assert.deepInclude(yield* world.run(productAt(owner, product)), { onHand: pieces(stock - 1) })
      yield* world.run(walletAt(owner, buyer))
      yield* world.run(Fiber.join(buying))
      world.network.heal()
      yield* world.pass(1000)
      const [key, { id }] = [...world.tables.transactions].at(-1) ?? ["", { id: "" }]
      const late = { ...step(0, (yield* Clock.currentTimeMillis) + 5000), id: TransactionId(id), key: RequestKey(key) }
      const answer = yield* world.run(asker.peers.ask(owner.address, Wire.holdAsk(late, "product", [[product, take]])))
      assert.deepInclude(answer, { _tag: "Held" })
      yield* world.pass(8000)
      const left = { onHand: pieces(stock - 1), reserved: pieces(0) }
      assert.deepInclude(yield* world.run(productAt(owner, product)), left)
    })
  )

  it.effect("and if it dies, its holds are given back at their deadline", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, owner } = sale
      // Nothing moves when it dies.
      const guest = yield* world.boot("10.0.0.9:4000", false)
      const held = step(7, 40_000)
      yield* world.run(guest.peers.ask(owner.address, Wire.holdAsk(held, "product", [[product, take]])))
      yield* guest.kill
      yield* world.pass(2000)
      assert.strictEqual<number | undefined>((yield* world.run(productAt(owner, product)))?.reserved, 1)
      yield* world.pass(40_000)
      yield* audit(sale, 0)
    })
  )

  it.effect("and if it dies after its commit, its owner settles by what the journal says", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      // What it tells gets lost.
      const buying = yield* Effect.forkChild(asker.on(buy({ key: 1, buyer, product })))
      yield* world.until(() => world.tables.orders.size === 1)
      yield* asker.kill
      yield* Fiber.interrupt(buying)
      assert.isTrue(owner.up)
      yield* audit(sale, 1)
    })
  )

  it.effect("and waits for the next owner when one dies", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker, third } = sale
      yield* owner.kill
      const buying = [asker, third].map((node, key) => node.on(buy({ key, buyer, product })))
      yield* world.run(Effect.all(buying, { concurrency: 2 }))
      yield* audit(sale, 2)
    })
  )

  it.effect("and holds again at the next owner when a partition is handed over between hold and commit", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker, third } = sale
      let key = 0
      const answers: Array<unknown> = []
      const buysAt = (node: Node) =>
        Effect.forEach(
          Array.from({ length: 20 }),
          () =>
            Effect.tap(Effect.sleep("7 millis"), () =>
              Effect.map(Effect.result(node.on(buy({ key: key++, buyer, product }))), (answer) => answers.push(answer))
            ),
          { discard: true }
        )
      const buying = yield* Effect.forkChild(Effect.all([buysAt(asker), buysAt(third)], { concurrency: 2 }))
      yield* world.pass(50)
      const leaving = yield* Effect.forkChild(owner.leave)
      yield* world.run(Effect.all([Fiber.join(buying), Fiber.join(leaving)]))
      assert.isEmpty(owner.directory.owned())
      assert.lengthOf(answers, 40)
      assert.isTrue(answers.every((answer) => Result.isResult(answer) && Result.isSuccess(answer)))
      yield* audit(sale, 40)
    })
  )

  it.effect("and neither reads nor decides in the memory of one that stood still for too long", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      yield* world.run(owner.on(buy({ key: 1, buyer, product, quantity: stock })))
      owner.freeze()
      yield* world.run(asker.on(adjustStock(permit(product), 1, 5)))
      assert.notStrictEqual(ownerOf(world, "product", product), owner)
      // Its own clients ask it the moment it goes on; in its memory the product is sold out.
      const reading = yield* Effect.forkChild(productAt(owner, product))
      const buying = yield* Effect.forkChild(owner.on(buy({ key: 2, buyer, product })))
      yield* world.pass(10)
      owner.thaw()
      assert.deepInclude(yield* world.run(Fiber.join(reading)), { onHand: pieces(5) })
      yield* world.run(Fiber.join(buying))
      yield* world.pass(50)
      for (const node of world.nodes) {
        const left = { onHand: pieces(4), reserved: pieces(0) }
        assert.deepInclude(yield* world.run(productAt(node, product)), left)
      }
      yield* world.until(() => world.partitions.some((id) => world.ownersOf(id)[0] === owner))
    })
  )

  it.effect("when it has no partitions of its own, too", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer } = sale
      const guest = yield* world.boot("10.0.0.9:4000", false)
      yield* world.run(guest.on(buy({ key: 1, buyer, product })))
      assert.isEmpty(guest.directory.owned())
      yield* audit(sale, 1)
    })
  )

  it.effect("and goes on when the store has lost everything, or is away", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, asker, third } = sale
      world.store.flush()
      yield* world.run(asker.on(buy({ key: 1, buyer, product })))
      yield* world.pass(8000)
      world.store.answers.closeUnsafe()
      for (let key = 2; key < 12; key++) {
        yield* world.pass(1000)
        yield* world.run(third.on(buy({ key, buyer, product })))
      }
      world.store.answers.openUnsafe()
      yield* world.run(asker.on(buy({ key: 12, buyer, product })))
      yield* audit(sale, 12)
    })
  )

  it.effect("and one that alone has lost the store gives in, instead of claiming back what it is asked for", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      const partition = partitionOf("product", product, world.partitions.length)
      const epoch = world.epochOf(partition) ?? 0
      owner.switches.storeCut = true
      const purchases = [owner, asker].map((node, n) =>
        Effect.forEach(
          Array.from({ length: 20 }, (_, key) => key),
          (key) => Effect.andThen(Effect.sleep("500 millis"), node.on(buy({ key: 100 * n + key, buyer, product }))),
          { discard: true }
        )
      )
      yield* world.run(Effect.all(purchases, { concurrency: 2 }))
      assert.notStrictEqual(ownerOf(world, "product", product), owner)
      assert.strictEqual(world.epochOf(partition), epoch + 1)
      yield* audit(sale, 40)
    })
  )

  it.effect("and a partition that somebody claimed by mistake goes back to whom the lease is with", () =>
    Effect.gen(function* () {
      const sale = yield* shop
      const { world, product, buyer, owner, asker } = sale
      const partition = partitionOf("product", product, world.partitions.length)
      const epoch = (world.epochOf(partition) ?? 0) + 1
      world.tables.partitions.set(partition, { epoch, owner: "by mistake" })
      yield* world.run(asker.on(buy({ key: 1, buyer, product })))
      assert.strictEqual(ownerOf(world, "product", product), owner)
      assert.strictEqual(world.epochOf(partition), epoch + 1)
      yield* audit(sale, 1)
    })
  )
})
