import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Result } from "effect"
import { permit } from "../../src/domain/Authority.ts"
import { PartitionId, userId } from "../../src/domain/Ids.ts"
import { won } from "../../src/domain/Money.ts"
import { Journal, JournalUnavailable, OutcomeUnknown, takeOver } from "../../src/persistence/Journal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { charge } from "../../src/saga/Charge.ts"
import { withdraw } from "../../src/saga/Withdrawal.ts"
import { uuid } from "../domain/Samples.ts"
import { audit, buy, complete, engine, type JournalShape, onSale, partitions, request, user } from "./Engine.ts"

const lost = new OutcomeUnknown({ cause: "the connection broke" })

/** A journal whose next commits go as `script` says, and then as they should. */
const scripted = (...script: ReadonlyArray<"lost before" | "lost after" | "refused" | "stale">) => {
  const left = [...script]
  let armed = false
  const wrap = (journal: JournalShape): JournalShape => ({
    ...journal,
    commit: (batch) => {
      const fault = armed ? left.shift() : undefined
      switch (fault) {
        case undefined:
          return journal.commit(batch)
        case "lost before":
          return Effect.fail(lost)
        case "lost after":
          return Effect.andThen(journal.commit(batch), Effect.fail(lost))
        case "refused":
          return Effect.fail(new JournalUnavailable({ cause: "deadlock" }))
        case "stale":
          return Effect.andThen(
            takeOver(
              journal,
              [0, 1, 2, 3].map((n) => PartitionId(n)),
              "another"
            ),
            journal.commit(batch)
          ).pipe(Effect.mapError(() => lost))
      }
    }
  })
  return { wrap, arm: Effect.sync(() => void (armed = true)) }
}

/** A journal whose commits wait at a gate. */
const gated = () => {
  const arrived = Deferred.makeUnsafe<void>()
  const open = Deferred.makeUnsafe<void>()
  let armed = false
  const wrap = (journal: JournalShape): JournalShape => ({
    ...journal,
    commit: (batch) =>
      armed
        ? Deferred.succeed(arrived, undefined).pipe(
            Effect.andThen(Deferred.await(open)),
            Effect.andThen(journal.commit(batch))
          )
        : journal.commit(batch)
  })
  return {
    wrap,
    arrived: Deferred.await(arrived),
    open: Deferred.succeed(open, undefined),
    arm: Effect.sync(() => void (armed = true))
  }
}

describe("Transact", () => {
  it.live("the same key 50 times at once: one order, 50 equal answers", () =>
    Effect.gen(function* () {
      const product = yield* onSale(100)
      const buyer = yield* user(1, 1000)
      const answers = yield* Effect.forEach(Array.from({ length: 50 }), () => buy({ key: 1, buyer, product }), {
        concurrency: 50
      })
      const [first] = answers
      for (const { answer } of answers) assert.deepStrictEqual(answer, first?.answer)
      assert.strictEqual(answers.filter(({ replayed }) => !replayed).length, 1)
      assert.strictEqual((yield* audit).orders, 1)
    }).pipe(Effect.provide(engine()))
  )

  it.live("a repeated request gets the first answer, also when it could not be carried out again", () =>
    Effect.gen(function* () {
      const product = yield* onSale(1)
      const buyer = yield* user(1, 1000)
      const first = yield* buy({ key: 1, buyer, product })
      const again = yield* buy({ key: 1, buyer, product })
      assert.deepStrictEqual(again, { answer: first.answer, replayed: true })
    }).pipe(Effect.provide(engine()))
  )

  it.live("a key does not go with another body", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 10_000)
      yield* buy({ key: 1, body: 1, buyer, product })
      const reused = yield* Effect.flip(buy({ key: 1, body: 2, buyer, product }))
      assert.strictEqual(reused._tag, "KeyReused")
      assert.strictEqual((yield* audit).orders, 1)
    }).pipe(Effect.provide(engine()))
  )

  it.live("a refused request may be repeated with its key, and carried out then", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 0)
      assert.strictEqual((yield* Effect.flip(buy({ key: 1, buyer, product })))._tag, "InsufficientBalance")
      yield* charge({ request: request(2), user: permit(buyer), amount: 1000 })
      assert.isFalse((yield* buy({ key: 1, buyer, product })).replayed)
    }).pipe(Effect.provide(engine()))
  )

  it.live("100 charges at once add up, and each is promised its own balance", () =>
    Effect.gen(function* () {
      const buyer = yield* user(1, 0)
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, n) => n),
        (n) => charge({ request: request(n), user: permit(buyer), amount: 1000 }),
        { concurrency: 100 }
      )
      assert.deepStrictEqual(
        answers.map(({ answer }) => answer.balance).toSorted((a, b) => a - b),
        Array.from({ length: 100 }, (_, n) => won((n + 1) * 1000))
      )
      assert.strictEqual((yield* audit).money, 100_000)
    }).pipe(Effect.provide(engine()))
  )

  describe.each([["lost before"], ["lost after"], ["refused"], ["lost after", "lost before"], ["stale"]] as const)(
    "when a commit is %s %s",
    (...script) => {
      it.live("the purchase happens once and is answered", () => {
        const { wrap, arm } = scripted(...script)
        return Effect.gen(function* () {
          const product = yield* onSale(5)
          const buyer = yield* user(1, 1000)
          yield* arm
          const { answer } = yield* buy({ key: 1, buyer, product })
          assert.strictEqual<number>(answer.balance, 0)
          const { orders, stock, money, disagreements } = yield* audit
          assert.deepStrictEqual(
            { orders, stock, money, disagreements },
            { orders: 1, stock: [4], money: 0, disagreements: [] }
          )
        }).pipe(Effect.provide(engine(wrap)))
      })
    }
  )

  it.live("a commit goes on when its client has gone, and the repetition gets its answer", () => {
    const { wrap, arm, arrived, open } = gated()
    return Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 1000)
      yield* arm
      const client = yield* Effect.forkChild(buy({ key: 1, buyer, product }))
      yield* arrived
      yield* Fiber.interrupt(client)
      const again = yield* Effect.forkChild(buy({ key: 1, buyer, product }))
      yield* open
      assert.isTrue((yield* Fiber.join(again)).replayed)
      const { orders, stock, disagreements } = yield* audit
      assert.deepStrictEqual({ orders, stock, disagreements }, { orders: 1, stock: [4], disagreements: [] })
    }).pipe(Effect.provide(engine(wrap)))
  })

  it.live("nothing is answered before it is committed", () => {
    const { wrap, arm, arrived, open } = gated()
    return Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 1000)
      yield* arm
      const client = yield* Effect.forkChild(buy({ key: 1, buyer, product }))
      yield* arrived
      assert.isUndefined(client.pollUnsafe())
      yield* open
      yield* Fiber.join(client)
    }).pipe(Effect.provide(engine(wrap)))
  })

  it.live("when memory and disk disagree, the disk is right and memory is read again", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 10_000)
      const { products } = yield* MemoryTables
      for (const [id, record] of products) products.set(id, { ...record, onHand: 1 })
      const refused = yield* Effect.flip(buy({ key: 1, buyer, product, quantity: 2 }))
      assert.deepInclude(refused, { _tag: "StockShortage", available: 1 })
      const { stock, money } = yield* audit
      assert.deepStrictEqual({ stock, money }, { stock: [1], money: 10_000 })
    }).pipe(Effect.provide(engine()))
  )

  it.live("fenced by another process, it claims again and goes on", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 1000)
      const journal = yield* Journal
      yield* takeOver(
        journal,
        Array.from({ length: partitions }, (_, n) => PartitionId(n)),
        "another"
      )
      const outcomes = yield* Effect.forEach([1, 2], (key) => Effect.result(buy({ key, buyer, product })))
      assert.deepStrictEqual(outcomes.map(Result.isSuccess), [true, false])
      assert.deepStrictEqual((yield* audit).disagreements, [])
    }).pipe(Effect.provide(engine()))
  )

  it.live("a user who withdrew is no longer served", () =>
    Effect.gen(function* () {
      const product = yield* onSale(5)
      const buyer = yield* user(1, 1000)
      assert.strictEqual((yield* Effect.flip(withdraw(permit(buyer))))._tag, "BalanceRemaining")
      const { answer } = yield* buy({ key: 1, buyer, product })
      yield* complete(answer.orderId)
      yield* withdraw(permit(buyer))
      const refused = yield* Effect.flip(charge({ request: request(2), user: permit(buyer), amount: 1000 }))
      assert.strictEqual(refused._tag, "UserNotFound")
    }).pipe(Effect.provide(engine()))
  )

  it.live("a step done by a privilege leaves a row in the audit, if it is carried out and only once", () =>
    Effect.gen(function* () {
      const { audit: rows } = yield* MemoryTables
      const whose = yield* user(1, 1000)
      const by = { actorId: userId(uuid(9)), role: "ADMIN", act: "act", onBehalfOf: whose, traceId: undefined } as const
      const charged = (key: number, amount: number) =>
        charge({ request: request(key), user: permit(whose, by), amount })
      yield* charged(1, 2000)
      assert.isTrue((yield* charged(1, 2000)).replayed)
      assert.strictEqual((yield* Effect.flip(charged(2, 1)))._tag, "ChargeBelowMinimum")
      yield* charge({ request: request(3), user: permit(whose), amount: 1000 })
      const [row, ...more] = rows
      assert.deepStrictEqual(more, [])
      assert.deepInclude(row, { ...by, entity: whose, details: { amount: 2000 } })
    }).pipe(Effect.provide(engine()))
  )
})
