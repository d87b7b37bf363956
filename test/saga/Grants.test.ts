import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { permit } from "../../src/domain/Authority.ts"
import { type CouponId, userId, uuidOf } from "../../src/domain/Ids.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { Users } from "../../src/persistence/Users.ts"
import * as Grants from "../../src/saga/Grants.ts"
import { grantOwed } from "../../src/saga/Grants.ts"
import { uuid } from "../domain/Samples.ts"
import { engine, type JournalShape, offered, take, user } from "./Engine.ts"

/** Somebody who signs up. */
const register = (n: number) =>
  Effect.gen(function* () {
    const id = userId(uuid(800 + n))
    const { register: add } = yield* Users
    yield* add({ userId: id, loginId: `new-${n}`, name: "New", role: permit("BUYER"), passwordHash: "" })
    return id
  })

/** Who has one, by the time of rank. */
const holders = (coupon: CouponId) =>
  Effect.map(MemoryTables, ({ userCoupons }) =>
    Array.from(userCoupons.values())
      .filter((record) => record.coupon === uuidOf(coupon))
      .map((record) => record.user)
      .toSorted()
  )

const owed = Effect.map(MemoryTables, ({ owedCoupons }) => owedCoupons.size)

/** As if so much time had passed that others may try. */
const dueAgain = Effect.map(MemoryTables, ({ owedCoupons }) => {
  for (const [key, record] of owedCoupons) owedCoupons.set(key, { ...record, due: 0 })
})

/** A journal for which everything comes too late, until it is repaired. */
const slow = () => {
  let isSlow = true
  const wrap = (journal: JournalShape): JournalShape => ({
    ...journal,
    commit: (batch) => (isSlow ? Effect.succeed(batch.map(() => "Expired" as const)) : journal.commit(batch))
  })
  return { wrap, repair: Effect.sync(() => void (isSlow = false)) }
}

describe("A coupon for who registers", () => {
  it.live("is given to everybody who does, once, however many look after it at a time", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION", perUserLimit: 5 })
      const other = yield* offered({})
      const people = yield* Effect.forEach([1, 2, 3, 4, 5], register)
      assert.strictEqual(yield* owed, 5)
      const look = Effect.andThen(dueAgain, grantOwed)
      yield* Effect.all(
        Array.from({ length: 10 }, () => look),
        { concurrency: 10 }
      )
      assert.deepStrictEqual(yield* holders(coupon), people.map(uuidOf))
      assert.deepStrictEqual(yield* holders(other), [])
      assert.strictEqual(yield* owed, 0)
      assert.strictEqual(yield* grantOwed, 0)
    }).pipe(Effect.provide(engine()))
  )

  it.live("is not given to who was there before", () =>
    Effect.gen(function* () {
      yield* user(1, 0)
      yield* register(1)
      yield* offered({ grantOn: "REGISTRATION" })
      assert.strictEqual(yield* grantOwed, 0)
    }).pipe(Effect.provide(engine()))
  )

  it.live("comes later when it cannot be given now", () => {
    const { wrap, repair } = slow()
    return Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION" })
      const who = yield* register(1)
      yield* grantOwed
      assert.deepStrictEqual([yield* holders(coupon), yield* owed], [[], 1])
      assert.strictEqual(yield* grantOwed, 0)
      yield* repair
      yield* dueAgain
      yield* grantOwed
      assert.deepStrictEqual([yield* holders(coupon), yield* owed], [[uuidOf(who)], 0])
    }).pipe(Effect.provide(engine(wrap)))
  })

  it.live("is not given again when it was given, and nobody heard of it", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION", perUserLimit: 5 })
      const who = yield* register(1)
      const { owedCoupons } = yield* MemoryTables
      const written = new Map(owedCoupons)
      yield* grantOwed
      // Whoever granted it died before it was written off.
      for (const [key, record] of written) owedCoupons.set(key, record)
      assert.strictEqual(yield* grantOwed, 1)
      assert.deepStrictEqual([yield* holders(coupon), yield* owed], [[uuidOf(who)], 0])
    }).pipe(Effect.provide(engine()))
  )

  it.live("is owed no longer when there is none left", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION", totalQuantity: 1 })
      const early = yield* user(1, 0)
      yield* register(1)
      yield* take(coupon, early, 1)
      assert.strictEqual(yield* grantOwed, 1)
      assert.deepStrictEqual([yield* holders(coupon), yield* owed], [[uuidOf(early)], 0])
    }).pipe(Effect.provide(engine()))
  )

  it.live("comes to a hundred at a time, who registered first", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION", totalQuantity: 1000 })
      const people = yield* Effect.forEach(Array.from({ length: 120 }), (_, n) => register(n))
      assert.strictEqual(yield* grantOwed, 100)
      assert.deepStrictEqual(yield* holders(coupon), people.slice(0, 100).map(uuidOf))
      assert.strictEqual(yield* grantOwed, 20)
      assert.deepStrictEqual(yield* holders(coupon), people.map(uuidOf))
    }).pipe(Effect.provide(engine()))
  )

  it.effect("comes within a second", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION" })
      yield* register(1)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* holders(coupon), 1)
    }).pipe(Effect.provide(Grants.layer.pipe(Layer.provideMerge(engine()))))
  )

  it.effect("comes also when looking after it failed for a while", () => {
    const { wrap, repair } = slow()
    return Effect.gen(function* () {
      const coupon = yield* offered({ grantOn: "REGISTRATION" })
      yield* register(1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* holders(coupon), [])
      yield* repair
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* holders(coupon), 1)
    }).pipe(Effect.provide(Grants.layer.pipe(Layer.provideMerge(engine(wrap)))))
  })
})
