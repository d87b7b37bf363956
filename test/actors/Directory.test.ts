import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../src/actors/Directory.ts"
import type { Step } from "../../src/actors/Step.ts"
import { RequestKey, TransactionId, userId } from "../../src/domain/Ids.ts"
import { loss, won } from "../../src/domain/Money.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { product, uuid } from "../domain/Samples.ts"

const walletOf = (n: number) => userId(uuid(n))

/** A directory over `wallets` wallets of 100 won, and the sizes of the loads it made. */
const directory = (wallets: number, residentActors = 1000) => {
  const loads: Array<number> = []
  const counting = Layer.effect(
    Journal,
    Effect.map(Journal, (journal) => ({
      ...journal,
      load: (kind, ids) => Effect.suspend(() => (loads.push(ids.length), journal.load(kind, ids)))
    }))
  ).pipe(Layer.provide(MemoryJournal.layer))
  const stocked = Layer.effectDiscard(
    Effect.map(MemoryTables, (tables) => {
      for (let n = 0; n < wallets; n++) tables.wallets.set(uuid(n), 100)
    })
  )
  const live = Directory.layer({ partitions: 4, owner: "test", residentActors }).pipe(
    Layer.provideMerge(counting),
    Layer.provideMerge(Layer.provideMerge(stocked, MemoryTables.layer))
  )
  return { loads, live }
}

const step = (n: number, deadline = 1000): Step => ({
  id: TransactionId(uuid(n)),
  key: RequestKey(uuid(n)),
  deadline,
  fences: []
})

const take = (amount: number) => ({ _tag: "Take", amount: won(amount) }) as const

/** Runs what waits for the clock. */
const soon = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    // One wait can follow another: a claim, then a load.
    for (let n = 0; n < 4; n++) yield* TestClock.adjust("10 millis")
    return yield* Fiber.join(fiber)
  })

describe("The directory", () => {
  it.effect("loads a thousand cold actors at once, and none again", () => {
    const { loads, live } = directory(1000)
    return Effect.gen(function* () {
      const { read } = yield* Directory
      const readAll = Effect.forEach(
        Array.from({ length: 1000 }, (_, n) => n),
        (n) => read("wallet", walletOf(n)),
        { concurrency: 1000 }
      )
      const wallets = yield* soon(readAll)
      assert.isTrue(wallets.every((wallet) => wallet?.balance === 100))
      yield* readAll
      assert.deepStrictEqual(loads, [1000])
    }).pipe(Effect.provide(live))
  })

  it.effect("knows what does not exist, and asks again later: it may exist by then", () => {
    const { live } = directory(0)
    return Effect.gen(function* () {
      const { read } = yield* Directory
      const { wallets } = yield* MemoryTables
      assert.isUndefined(yield* soon(read("wallet", walletOf(1))))
      wallets.set(uuid(1), 700)
      assert.strictEqual<number | undefined>((yield* soon(read("wallet", walletOf(1))))?.balance, 700)
    }).pipe(Effect.provide(live))
  })

  it.effect("does not look for an actor that is about to be made", () => {
    const { loads, live } = directory(0)
    return Effect.gen(function* () {
      const { hold, owned } = yield* Directory
      const sneaker = product()
      yield* soon(hold(step(1), "product", sneaker.productId, { _tag: "Create", product: sneaker }))
      assert.lengthOf(owned(), 1)
      assert.deepStrictEqual(loads, [])
    }).pipe(Effect.provide(live))
  })

  it.effect("reads a passivated actor again as it was left", () => {
    const { live } = directory(500, 40)
    return Effect.gen(function* () {
      const { read, owned } = yield* Directory
      for (let n = 0; n < 500; n++) yield* soon(read("wallet", walletOf(n)))
      assert.isAtMost(
        owned().reduce((sum, { resident }) => sum + resident, 0),
        44
      )
      assert.strictEqual<number | undefined>((yield* soon(read("wallet", walletOf(0))))?.balance, 100)
    }).pipe(Effect.provide(live))
  })

  it.effect("asks several actors at once, also when their partition has no room for all of them", () => {
    const { live } = directory(20, 4)
    return Effect.gen(function* () {
      const { holdAll } = yield* Directory
      const asks = Array.from({ length: 20 }, (_, n) => [walletOf(n), take(60)] as const)
      assert.lengthOf(yield* soon(holdAll(step(1), "wallet", asks)), 20)
    }).pipe(Effect.provide(live))
  })

  it.effect("gives back a hold whose requester never came back, once the deadline has passed", () => {
    const { live } = directory(1)
    return Effect.gen(function* () {
      const { hold, read } = yield* Directory
      yield* soon(hold(step(1), "wallet", walletOf(0), take(60)))
      yield* TestClock.adjust("900 millis")
      assert.strictEqual<number | undefined>((yield* read("wallet", walletOf(0)))?.held, 60)
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* read("wallet", walletOf(0)), { balance: won(100), held: won(0) })
    }).pipe(Effect.provide(live))
  })

  it.effect("settles such a hold if the transaction was committed", () => {
    const { live } = directory(1)
    return Effect.gen(function* () {
      const { hold, read } = yield* Directory
      const journal = yield* Journal
      const held = step(1)
      yield* soon(hold(held, "wallet", walletOf(0), take(60)))
      yield* journal.commit([
        {
          ...held,
          answered: undefined,
          changes: [{ _tag: "MoneyMoved", userId: walletOf(0), delta: loss(won(60)), reason: "PAYMENT" }],
          events: []
        }
      ])
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude(yield* read("wallet", walletOf(0)), { balance: won(40), held: won(0) })
    }).pipe(Effect.provide(live))
  })

  it.effect("forgets a dropped partition and raises its epoch before it reads it again", () => {
    const { live } = directory(1)
    return Effect.gen(function* () {
      const { hold, read, drop } = yield* Directory
      const { wallets, partitions } = yield* MemoryTables
      const first = step(1)
      yield* soon(hold(first, "wallet", walletOf(0), take(60)))
      wallets.set(uuid(0), 40)
      drop(first.fences)
      assert.deepInclude(yield* soon(read("wallet", walletOf(0))), { balance: won(40), held: won(0) })
      const [fence] = first.fences
      assert.strictEqual(partitions.get(fence?.partition ?? -1)?.epoch, 2)
    }).pipe(Effect.provide(live))
  })

  it.effect("reads nothing from memory that nobody has confirmed for a while", () => {
    const { live } = directory(1)
    return Effect.gen(function* () {
      const { read } = yield* Directory
      yield* soon(read("wallet", walletOf(0)))
      const { partitions, wallets } = yield* MemoryTables
      // Another process claims the partition, and this one sleeps through it: no timer of its own has run since.
      for (const [id, { epoch }] of partitions) partitions.set(id, { epoch: epoch + 1, owner: "another" })
      wallets.set(uuid(0), 5)
      yield* TestClock.setTime(3_600_000)
      assert.strictEqual<number | undefined>((yield* soon(read("wallet", walletOf(0))))?.balance, 5)
    }).pipe(Effect.provide(live))
  })

  it.effect("refuses a step that held under an epoch that is gone", () => {
    const { live } = directory(1)
    return Effect.gen(function* () {
      const { hold, drop } = yield* Directory
      const held = step(1)
      yield* soon(hold(held, "wallet", walletOf(0), take(10)))
      drop(held.fences)
      const refused = yield* soon(Effect.flip(hold(held, "wallet", walletOf(0), take(10))))
      assert.strictEqual(refused._tag, "Fenced")
    }).pipe(Effect.provide(live))
  })
})
