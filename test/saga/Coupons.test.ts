import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Result } from "effect"
import { permit } from "../../src/domain/Authority.ts"
import { type CouponId, couponId, userId, uuidOf } from "../../src/domain/Ids.ts"
import * as Entropy from "../../src/Entropy.ts"
import { Directory } from "../../src/actors/Directory.ts"
import { CouponNotFound } from "../../src/domain/Coupon.ts"
import { won } from "../../src/domain/Money.ts"
import { OutcomeUnknown } from "../../src/persistence/Journal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { createCoupon, revoke, setCondition } from "../../src/saga/Coupons.ts"
import * as Samples from "../domain/Samples.ts"
import { uuid } from "../domain/Samples.ts"
import { buy, claimed, engine, type JournalShape, offered, onSale, request, take, user } from "./Engine.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

const tagsOf = (outcomes: ReadonlyArray<Result.Result<unknown, { readonly _tag: string }>>) =>
  Map.groupBy(outcomes, (outcome) => (Result.isSuccess(outcome) ? "issued" : outcome.failure._tag))

const countsOf = (outcomes: Parameters<typeof tagsOf>[0]) =>
  Object.fromEntries(Array.from(tagsOf(outcomes), ([tag, of]) => [tag, of.length]))

const ranksOf = Effect.map(MemoryTables, ({ userCoupons }) =>
  Array.from(userCoupons.values(), ({ rank }) => rank).toSorted((a, b) => a - b)
)

/** A journal whose next commit, once armed, is not what it should be. */
const once = (fault: (journal: JournalShape) => JournalShape["commit"]) => {
  let armed = false
  const wrap = (journal: JournalShape): JournalShape => ({
    ...journal,
    commit: (batch) => {
      const commit = armed ? fault(journal) : journal.commit
      armed = false
      return commit(batch)
    }
  })
  return { wrap, arm: Effect.sync(() => void (armed = true)) }
}

const lost = Effect.fail(new OutcomeUnknown({ cause: "the connection broke" }))

/** It comes too late, once it may. */
const late = () => {
  const arrived = Deferred.makeUnsafe<void>()
  const open = Deferred.makeUnsafe<void>()
  const expired = once(
    () => (batch) =>
      Deferred.succeed(arrived, undefined).pipe(
        Effect.andThen(Deferred.await(open)),
        Effect.as(batch.map(() => "Expired" as const))
      )
  )
  return { ...expired, arrived, open }
}

describe("First come, first served", () => {
  it.live(
    "100 coupons and 1,000 users at once: exactly 100, ranks 1 to 100 without gaps, 900 are told it is over",
    () =>
      Effect.gen(function* () {
        const coupon = yield* offered({ totalQuantity: 100 })
        const users = yield* Effect.forEach(numbers(1000), (n) => user(n, 0))
        const outcomes = yield* Effect.forEach(users, (who, n) => Effect.result(take(coupon, who, n)), {
          concurrency: 1000
        })
        assert.deepStrictEqual(countsOf(outcomes), { issued: 100, CouponExhausted: 900 })
        assert.deepStrictEqual(
          yield* ranksOf,
          numbers(100).map((n) => n + 1)
        )
        const said = outcomes.flatMap((outcome) => (Result.isSuccess(outcome) ? [outcome.success.answer] : []))
        const { userCoupons } = yield* MemoryTables
        for (const { userCouponId, rank } of said) {
          assert.strictEqual<number | undefined>(userCoupons.get(userCouponId.slice(4))?.rank, rank)
        }
      }).pipe(Effect.provide(engine()))
  )

  it.live("the same user 100 times at once gets one", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ totalQuantity: 1000 })
      const who = yield* user(1, 0)
      const outcomes = yield* Effect.forEach(numbers(100), (n) => Effect.result(take(coupon, who, n)), {
        concurrency: 100
      })
      assert.deepStrictEqual(countsOf(outcomes), { issued: 1, CouponAlreadyIssued: 99 })
      assert.deepStrictEqual(yield* ranksOf, [1])
    }).pipe(Effect.provide(engine()))
  )

  it.live("the same user gets as many as one user may have, also when asking for more at once", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ perUserLimit: 3 })
      const who = yield* user(1, 0)
      const outcomes = yield* Effect.forEach(numbers(20), (n) => Effect.result(take(coupon, who, n)), {
        concurrency: 20
      })
      assert.deepStrictEqual(countsOf(outcomes), { issued: 3, CouponAlreadyIssued: 17 })
      const { userCoupons } = yield* MemoryTables
      assert.deepStrictEqual(Array.from(userCoupons.values(), ({ slot }) => slot).toSorted(), [1, 2, 3])
    }).pipe(Effect.provide(engine()))
  )

  it.live("the same request again gets the same coupon, with its rank", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({})
      const [one, other] = [yield* user(1, 0), yield* user(2, 0)]
      yield* take(coupon, other, 1)
      const first = yield* take(coupon, one, 2)
      assert.strictEqual<number>(first.answer.rank, 2)
      assert.deepStrictEqual(yield* take(coupon, one, 2), { answer: first.answer, replayed: true })
      assert.deepStrictEqual(yield* ranksOf, [1, 2])
    }).pipe(Effect.provide(engine()))
  )

  it.live("nobody is told that it is over while the last one may come back", () => {
    const { wrap, arm, arrived, open } = late()
    return Effect.gen(function* () {
      const coupon = yield* offered({ totalQuantity: 1 })
      const [first, second] = [yield* user(1, 0), yield* user(2, 0)]
      yield* arm
      const taking = yield* Effect.forkChild(Effect.result(take(coupon, first, 1)))
      yield* Deferred.await(arrived)
      const waiting = yield* Effect.forkChild(Effect.result(take(coupon, second, 2)), { startImmediately: true })
      yield* Deferred.succeed(open, undefined)
      assert.deepStrictEqual(countsOf([yield* Fiber.join(taking)]), { TimedOut: 1 })
      assert.deepStrictEqual(countsOf([yield* Fiber.join(waiting)]), { issued: 1 })
      assert.deepStrictEqual(yield* ranksOf, [1])
      assert.strictEqual((yield* Effect.flip(take(coupon, first, 3)))._tag, "CouponExhausted")
    }).pipe(Effect.provide(engine(wrap)))
  })

  it.live("the answer has its rank also when the commit's got lost", () => {
    const { wrap, arm } = once((journal) => (batch) => Effect.andThen(journal.commit(batch), lost))
    return Effect.gen(function* () {
      const coupon = yield* offered({})
      const who = yield* user(1, 0)
      yield* arm
      const { answer, replayed } = yield* take(coupon, who, 1)
      assert.deepInclude(answer, { status: "ISSUED", userId: who, couponId: coupon })
      assert.deepStrictEqual([Number(answer.rank), replayed], [1, false])
    }).pipe(Effect.provide(engine(wrap)))
  })

  it.live("who is refused leaves no gap", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({})
      const who = yield* Effect.forEach(numbers(20), (n) => user(n, 0))
      const nobody = userId(uuid(99_999))
      const asked = who.flatMap((each) => [each, nobody, each])
      yield* Effect.forEach(asked, (each, n) => Effect.result(take(coupon, each, n)), { concurrency: 60 })
      assert.deepStrictEqual(
        yield* ranksOf,
        numbers(20).map((n) => n + 1)
      )
    }).pipe(Effect.provide(engine()))
  )

  it.live("is refused for what is not there, or is not to be had", () =>
    Effect.gen(function* () {
      const who = yield* user(1, 0)
      const coupon = yield* offered({})
      assert.strictEqual((yield* Effect.flip(take(couponId(uuid(77)), who, 1)))._tag, "CouponNotFound")
      assert.strictEqual((yield* Effect.flip(take(coupon, userId(uuid(77)), 2)))._tag, "UserNotFound")
      yield* setCondition(permit(coupon), 1, "SUSPENDED")
      assert.strictEqual((yield* Effect.flip(take(coupon, who, 3)))._tag, "CouponNotIssuable")
      assert.strictEqual((yield* Effect.flip(setCondition(permit(coupon), 1, "OPEN")))._tag, "StaleVersion")
      yield* setCondition(permit(coupon), 2, "OPEN")
      yield* take(coupon, who, 3)
    }).pipe(Effect.provide(engine()))
  )
})

describe("A coupon for some tiers", () => {
  it.live("is issued to their users, and nobody else takes one of the quantity", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ totalQuantity: 3, tiers: ["GOLD", "VIP"] })
      const { users } = yield* MemoryTables
      const people = yield* Effect.forEach(numbers(40), (n) => user(n, 0))
      const tiers = ["BRONZE", "SILVER", "GOLD", "VIP"] as const
      for (const [n, who] of people.entries()) {
        const record = users.get(uuidOf(who))
        if (record !== undefined) users.set(uuidOf(who), { ...record, tier: tiers[n % 4] ?? "BRONZE" })
      }
      const outcomes = yield* Effect.forEach(people, (who, n) => Effect.result(take(coupon, who, n)), {
        concurrency: 40
      })
      assert.strictEqual(countsOf(outcomes)["issued"], 3)
      for (const [n, outcome] of outcomes.entries()) {
        // Whoever comes too late is told so, and no more.
        const expected = n % 4 < 2 ? ["CouponNotIssuable", "CouponExhausted"] : ["issued", "CouponExhausted"]
        assert.include(expected, Result.isSuccess(outcome) ? "issued" : outcome.failure._tag)
      }
      const early = yield* offered({ tiers: ["GOLD"] })
      const refused = yield* Effect.flip(take(early, people[0]!, 100))
      assert.deepInclude(refused, { _tag: "CouponNotIssuable", couponStatus: "ACTIVE", reason: "TIER" })
      assert.strictEqual((yield* Effect.flip(take(early, userId(uuid(77)), 101)))._tag, "UserNotFound")
    }).pipe(Effect.provide(engine()))
  )
})

describe("A coupon with a code", () => {
  const codeOf = (id: CouponId) =>
    Effect.map(MemoryTables, ({ coupons }) => coupons.get(uuidOf(id))?.code ?? assert.fail("no coupon"))

  it.live("is issued to who knows the code, out of the same quantity", () =>
    Effect.gen(function* () {
      const coupon = yield* offered({ totalQuantity: 2, issueBy: ["CODE"] })
      const code = yield* codeOf(coupon)
      const users = yield* Effect.forEach(numbers(10), (n) => user(n, 0))
      const outcomes = yield* Effect.forEach(users, (who, n) => Effect.result(claimed(code, who, n)), {
        concurrency: 10
      })
      assert.deepStrictEqual(countsOf(outcomes), { issued: 2, CouponExhausted: 8 })
      assert.strictEqual((yield* Effect.flip(take(coupon, users[9]!, 99)))._tag, "CouponNotIssuable")
    }).pipe(Effect.provide(engine()))
  )

  it.live("that is not to be had by it now is none, like a code that nobody made", () =>
    Effect.gen(function* () {
      const who = yield* user(1, 0)
      const closed = [
        yield* offered({ issueBy: ["FIRST_COME", "GRANT"] }),
        yield* offered({ issue: { from: 2 ** 45, until: undefined } }),
        yield* offered({ issue: { from: undefined, until: 1 } }),
        yield* offered({ condition: "SUSPENDED" }),
        yield* offered({ condition: "CANCELLED" }),
        yield* offered({ tiers: ["VIP"] })
      ]
      const codes = [...(yield* Effect.forEach(closed, codeOf)), "nothing"]
      const refused = yield* Effect.forEach(codes, (code, n) => Effect.flip(claimed(code, who, n)))
      for (const error of refused) assert.deepStrictEqual(error, new CouponNotFound({}))
    }).pipe(Effect.provide(engine()))
  )

  it.live("is none also when it is suspended while it is being claimed", () =>
    Effect.gen(function* () {
      const who = yield* user(1, 0)
      const coupon = yield* offered({})
      const { coupons } = yield* MemoryTables
      const record = coupons.get(uuidOf(coupon))
      yield* setCondition(permit(coupon), 1, "SUSPENDED")
      // What the list says is a moment old.
      if (record !== undefined) coupons.set(uuidOf(coupon), record)
      assert.deepStrictEqual(yield* Effect.flip(claimed(yield* codeOf(coupon), who, 1)), new CouponNotFound({}))
    }).pipe(Effect.provide(engine()))
  )

  it.live("is told again to who repeats the request, whatever became of it", () =>
    Effect.gen(function* () {
      const who = yield* user(1, 0)
      const coupon = yield* offered({})
      const code = yield* codeOf(coupon)
      const { answer } = yield* claimed(code, who, 1)
      yield* setCondition(permit(coupon), 1, "CANCELLED")
      assert.deepStrictEqual(yield* claimed(code, who, 1), { answer, replayed: true })
    }).pipe(Effect.provide(engine()))
  )
})

describe("A coupon that is revoked", () => {
  const scene = Effect.gen(function* () {
    const product = yield* onSale(10)
    const who = yield* user(1, 20_000)
    const coupon = yield* offered({})
    const { answer } = yield* take(coupon, who, 1)
    const { userCouponId } = answer
    const away = (key: number) =>
      revoke({
        request: request(500_000 + key),
        coupon: permit({ userId: who, userCouponId, couponId: coupon }),
        reason: "fraud"
      })
    return { product, who, coupon, userCouponId, away }
  })

  it.live("is not used, nor had again, and it is told of", () =>
    Effect.gen(function* () {
      const { product, who, coupon, userCouponId, away } = yield* scene
      const { answer } = yield* away(1)
      assert.deepInclude(answer, { userCouponId, couponId: coupon, userId: who, status: "REVOKED", reason: "fraud" })
      assert.deepStrictEqual(yield* away(1), { answer, replayed: true })
      const refused = yield* Effect.flip(buy({ key: 1, buyer: who, product, userCouponId }))
      assert.deepInclude(refused, { _tag: "CouponNotUsable", reason: "REVOKED" })
      assert.strictEqual((yield* Effect.flip(take(coupon, who, 2)))._tag, "CouponAlreadyIssued")
      assert.deepInclude(yield* Effect.flip(away(2)), { _tag: "CouponNotRevocable", reason: "REVOKED" })
      const { userCoupons, outbox } = yield* MemoryTables
      assert.deepInclude(userCoupons.get(uuidOf(userCouponId)), { status: "REVOKED", revokeReason: "fraud", rank: 1 })
      const told = outbox.filter(({ type }) => type === "CouponRevoked")
      assert.deepStrictEqual(
        told.map(({ entity, payload }) => [entity, JSON.parse(payload)]),
        [[userCouponId, { couponId: coupon, userId: who, reason: "fraud" }]]
      )
    }).pipe(Effect.provide(engine()))
  )

  it.live("is revoked or used, whichever comes first, but not both", () =>
    Effect.gen(function* () {
      const { product, who, userCouponId, away } = yield* scene
      const [gone, bought] = yield* Effect.all(
        [Effect.result(away(1)), Effect.result(buy({ key: 1, buyer: who, product, userCouponId }))],
        { concurrency: 2 }
      )
      assert.notStrictEqual(Result.isSuccess(gone), Result.isSuccess(bought))
      const { userCoupons } = yield* MemoryTables
      const status = userCoupons.get(uuidOf(userCouponId))?.status
      assert.strictEqual(status, Result.isSuccess(gone) ? "REVOKED" : "USED")
    }).pipe(Effect.provide(engine()))
  )
})

describe("A coupon used in a checkout", () => {
  const scene = Effect.gen(function* () {
    const product = yield* onSale(10, 5000)
    const buyer = yield* user(1, 20_000)
    const coupon = yield* offered({ minOrderAmount: won(5000) })
    const { answer } = yield* take(coupon, buyer, 1)
    return { product, buyer, coupon, userCouponId: answer.userCouponId }
  })

  it.live("takes its discount off, and is used up in the same commit", () =>
    Effect.gen(function* () {
      const { product, buyer, userCouponId } = yield* scene
      const { answer } = yield* buy({ key: 10, buyer, product, quantity: 2, userCouponId })
      assert.deepInclude(answer, {
        totalAmount: won(10_000),
        discountAmount: won(1000),
        paidAmount: won(9000),
        balance: won(11_000)
      })
      const { orders, userCoupons } = yield* MemoryTables
      const [record] = [...orders.values()]
      assert.strictEqual(record?.lines[0]?.discount, 1000)
      assert.deepInclude(userCoupons.get(userCouponId.slice(4)), {
        status: "USED",
        order: record?.orderId.slice(4) ?? null
      })
      const again = yield* Effect.flip(buy({ key: 11, buyer, product, userCouponId }))
      assert.deepInclude(again, { _tag: "CouponNotUsable", reason: "USED" })
    }).pipe(Effect.provide(engine()))
  )

  it.live("is used by one of many orders at once", () =>
    Effect.gen(function* () {
      const { product, buyer, userCouponId } = yield* scene
      const outcomes = yield* Effect.forEach(
        numbers(20),
        (n) => Effect.result(buy({ key: 10 + n, buyer, product, userCouponId })),
        { concurrency: 20 }
      )
      assert.deepStrictEqual(countsOf(outcomes), { issued: 1, CouponNotUsable: 19 })
      const { orders } = yield* MemoryTables
      assert.strictEqual(orders.size, 1)
    }).pipe(Effect.provide(engine()))
  )

  it.live("stays when the order is refused", () =>
    Effect.gen(function* () {
      const { product, buyer, userCouponId } = yield* scene
      const refused = [
        yield* Effect.flip(buy({ key: 10, buyer, product, quantity: 5, userCouponId })),
        yield* Effect.flip(buy({ key: 11, buyer, product, quantity: 11, userCouponId })),
        yield* Effect.flip(buy({ key: 12, buyer, product, userCouponId, expectedTotal: won(5000) }))
      ]
      assert.deepStrictEqual(
        refused.map(({ _tag }) => _tag),
        ["InsufficientBalance", "StockShortage", "PriceChanged"]
      )
      yield* buy({ key: 13, buyer, product, userCouponId, expectedTotal: won(4000) })
    }).pipe(Effect.provide(engine()))
  )

  it.live("for a first purchase only is used by one of two first purchases at once", () =>
    Effect.gen(function* () {
      const product = yield* onSale(100)
      const buyer = yield* user(1, 200_000)
      const ids = yield* Effect.forEach([1, 2], (key) =>
        Effect.flatMap(offered({ firstPurchaseOnly: true }), (coupon) =>
          Effect.map(take(coupon, buyer, key), ({ answer }) => answer.userCouponId)
        )
      )
      const outcomes = yield* Effect.forEach(
        numbers(20),
        (n) => Effect.result(buy({ key: 10 + n, buyer, product, userCouponId: ids[n % 2] })),
        { concurrency: 20 }
      )
      assert.deepStrictEqual(countsOf(outcomes), { issued: 1, CouponNotUsable: 19 })
      const left = ids.filter((_, n) => !Result.isSuccess(outcomes[n] ?? assert.fail()))
      const refused = yield* Effect.flip(buy({ key: 50, buyer, product, userCouponId: left[0] }))
      assert.deepInclude(refused, { _tag: "CouponNotUsable", reason: "FIRST_PURCHASE_ONLY" })
    }).pipe(Effect.provide(engine()))
  )

  it.live("for a first purchase only is no use to who has bought before, also after a restart", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 20_000)
      const coupon = yield* offered({ firstPurchaseOnly: true })
      yield* buy({ key: 10, buyer, product })
      const { answer } = yield* take(coupon, buyer, 1)
      const { userCouponId } = answer
      const refused = () => Effect.flip(buy({ key: 11, buyer, product, userCouponId }))
      assert.deepInclude(yield* refused(), { _tag: "CouponNotUsable", reason: "FIRST_PURCHASE_ONLY" })
      const directory = yield* Directory
      directory.drop(directory.owned().map(({ id, epoch }) => ({ partition: id, epoch })))
      assert.deepInclude(yield* refused(), { _tag: "CouponNotUsable", reason: "FIRST_PURCHASE_ONLY" })
    }).pipe(Effect.provide(engine()))
  )

  it.live("is refused when it is another's, too small an order's, or suspended", () =>
    Effect.gen(function* () {
      const { product, buyer, coupon, userCouponId } = yield* scene
      const other = yield* user(2, 20_000)
      const cheap = yield* onSale(10, 1000)
      const reasons = [
        yield* Effect.flip(buy({ key: 10, buyer: other, product, userCouponId })),
        yield* Effect.flip(buy({ key: 11, buyer, product: cheap, userCouponId }))
      ]
      yield* setCondition(permit(coupon), 1, "SUSPENDED")
      reasons.push(yield* Effect.flip(buy({ key: 12, buyer, product, userCouponId })))
      assert.deepStrictEqual(
        reasons.map((error) => (error._tag === "CouponNotUsable" ? error.reason : error._tag)),
        ["NOT_FOUND", "MINIMUM_NOT_MET", "SUSPENDED"]
      )
      yield* setCondition(permit(coupon), 2, "OPEN")
      yield* buy({ key: 13, buyer, product, userCouponId })
    }).pipe(Effect.provide(engine()))
  )
})

describe("A new coupon", () => {
  it.live(
    "that nobody could ever have is not made; one made in time is told again for as long as its key is known",
    () =>
      Effect.gen(function* () {
        const make = (key: number, now: number) =>
          createCoupon({
            ...Samples.coupon({ issue: { from: undefined, until: 1000 } }),
            scope: permit({ createdBy: Samples.seller, sellerId: undefined, productIds: [], grantOn: undefined }),
            name: "Welcome",
            code: undefined,
            request: request(key),
            now
          })
        const first = yield* make(1, 999)
        assert.deepInclude(yield* Effect.flip(make(2, 1000)), { _tag: "CouponOver", end: "issueUntil" })
        assert.deepStrictEqual(yield* make(1, 1000), { ...first, replayed: true })
      }).pipe(Effect.provide([engine(), Entropy.layer]))
  )
})
