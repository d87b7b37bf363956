import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { RequestKey, TransactionId } from "../../src/domain/Ids.ts"
import type { Transaction } from "../../src/domain/Transaction.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import {
  BatchRejected,
  Journal,
  JournalUnavailable,
  OutcomeUnknown,
  type Resolution,
  type Verdict
} from "../../src/persistence/Journal.ts"
import { uuid } from "../domain/Samples.ts"

const transaction = (n: number, deadline = 60_000): Transaction => ({
  id: TransactionId(uuid(n)),
  key: RequestKey(uuid(n)),
  answered: undefined,
  fences: [],
  deadline,
  changes: [],
  events: []
})

type Outcome = "broken" | "rejected" | "unknown" | "unavailable" | ReadonlyArray<Verdict>

/** A journal that does as it is told, and remembers the batches it saw. */
const journal = (options: {
  readonly commit: (batch: ReadonlyArray<Transaction>, attempt: number) => Outcome
  readonly resolve?: (attempt: number) => Resolution | "unavailable"
  readonly gate?: Effect.Effect<void>
  readonly inFlight?: number
}) => {
  const batches: Array<ReadonlyArray<Transaction>> = []
  let resolutions = 0
  const service = Layer.effect(
    Journal,
    Effect.clockWith((clock) =>
      Effect.succeed(
        Journal.of({
          now: () => clock.currentTimeMillisUnsafe(),
          claim: () => Effect.succeed([]),
          load: () => Effect.succeed([]),
          find: () => Effect.succeed([]),
          epochs: () => Effect.succeed([]),
          forget: Effect.succeed(0),
          commit: Effect.fnUntraced(function* (batch) {
            batches.push(batch)
            yield* options.gate ?? Effect.void
            const outcome = options.commit(batch, batches.length)
            if (outcome === "broken") return yield* Effect.die("a bug")
            if (outcome === "rejected") return yield* new BatchRejected({ cause: outcome })
            if (outcome === "unknown") return yield* new OutcomeUnknown({ cause: outcome })
            if (outcome === "unavailable") return yield* new JournalUnavailable({ cause: outcome })
            return outcome
          }),
          resolve: Effect.fnUntraced(function* (doubts) {
            if (doubts.length === 0) return []
            const resolution = options.resolve?.(++resolutions) ?? "Pending"
            if (resolution === "unavailable") return yield* new JournalUnavailable({ cause: resolution })
            return doubts.map(() => resolution)
          })
        })
      )
    )
  )
  const live = GroupCommit.layer({
    batchSize: 4,
    inFlight: options.inFlight ?? 1,
    queueSize: 8,
    drainWithin: "1 second"
  }).pipe(Layer.provide(service))
  return { batches, sizes: () => batches.map(({ length }) => length), live }
}

const all = (verdict: Verdict) => (batch: ReadonlyArray<Transaction>) => batch.map(() => verdict)

/** Submits at once; the verdicts, in order. */
const submitAll = Effect.fnUntraced(function* (transactions: ReadonlyArray<Transaction>) {
  const { submit } = yield* GroupCommit
  const submitted = transactions.map((each) =>
    Effect.callback<Verdict>((resume) => void submit({ transaction: each, done: (v) => resume(Effect.succeed(v)) }))
  )
  return yield* Effect.all(submitted, { concurrency: transactions.length })
})

/** The verdicts, with as much time as it takes. */
const settled = Effect.fnUntraced(function* (transactions: ReadonlyArray<Transaction>) {
  const submitting = yield* Effect.forkChild(submitAll(transactions))
  for (let n = 0; n < 20; n++) yield* TestClock.adjust("500 millis")
  return yield* Effect.flatten(Effect.sync(() => submitting.pollUnsafe() ?? Exit.die("no verdict")))
})

const numbered = (count: number) => Array.from({ length: count }, (_, n) => transaction(n))

describe("Group commit", () => {
  it.effect("commits together what waits together, so many at a time", () => {
    const { sizes, live } = journal({ commit: all("Committed") })
    return Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* submitAll(numbered(7)),
        numbered(7).map(() => "Committed")
      )
      assert.strictEqual(
        sizes().reduce((sum, size) => sum + size, 0),
        7
      )
      assert.isTrue(sizes().every((size) => size <= 4))
    }).pipe(Effect.provide(live))
  })

  it.effect("splits a batch until the culprit stands alone; the others are committed", () => {
    const culprit = transaction(2)
    const { live } = journal({
      commit: (batch) => (batch.some(({ id }) => id === culprit.id) ? "rejected" : all("Committed")(batch))
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* submitAll(numbered(4)), ["Committed", "Committed", "Rejected", "Committed"])
    }).pipe(Effect.provide(live))
  })

  it.effect("a bug costs the transaction it is about, and neither its batch nor those that come later", () => {
    const culprit = transaction(2)
    const { live } = journal({
      commit: (batch) => (batch.some(({ id }) => id === culprit.id) ? "broken" : all("Committed")(batch))
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* submitAll(numbered(4)), ["Committed", "Committed", "Rejected", "Committed"])
      assert.deepStrictEqual(yield* submitAll([transaction(9)]), ["Committed"])
    }).pipe(Effect.provide(live))
  })

  it.effect(
    "what was in doubt is not sent again once its deadline has passed here, whatever the database's clock says",
    () => {
      const { batches, live } = journal({
        commit: (batch, attempt) => (attempt === 1 ? "unknown" : all("Committed")(batch)),
        // The database's clock stepped back: by it, there is always time.
        resolve: (attempt) => (attempt < 20 ? "Pending" : "Absent"),
        gate: Effect.sleep("2 seconds")
      })
      return Effect.gen(function* () {
        assert.deepStrictEqual(yield* settled([transaction(1, 1000)]), ["Expired"])
        assert.strictEqual(batches.length, 1)
      }).pipe(Effect.provide(live))
    }
  )

  it.effect("tells each its verdict, whatever became of whoever was told before", () => {
    const { live } = journal({ commit: all("Committed") })
    return Effect.gen(function* () {
      const { submit } = yield* GroupCommit
      const told: Array<Verdict> = []
      const tell = (verdict: Verdict) => {
        if (told.push(verdict) === 1) throw new Error("a bug")
      }
      for (const each of numbered(3)) submit({ transaction: each, done: tell })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, ["Committed", "Committed", "Committed"])
    }).pipe(Effect.provide(live))
  })

  it.effect("gives each its own verdict", () => {
    const verdicts: ReadonlyArray<Verdict> = ["Committed", "Fenced", "Expired", "Duplicate"]
    const { live } = journal({
      commit: (batch) => batch.map(({ id }) => verdicts[Number.parseInt(id.slice(-1))] ?? "Rejected")
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* submitAll(numbered(4)), verdicts)
    }).pipe(Effect.provide(live))
  })

  it.effect.each<{ what: string; resolution: Resolution; expected: Verdict; commits: number }>([
    { what: "there", resolution: "Committed", expected: "Committed", commits: 1 },
    { what: "gone for good", resolution: "Absent", expected: "Expired", commits: 1 },
    { what: "still possible", resolution: "Pending", expected: "Committed", commits: 2 }
  ])(
    "a transaction in doubt that is $what is $expected, after $commits commits",
    ({ resolution, expected, commits }) => {
      const { batches, live } = journal({
        commit: (batch, attempt) => (attempt === 1 ? "unknown" : all("Committed")(batch)),
        resolve: () => resolution
      })
      return Effect.gen(function* () {
        assert.deepStrictEqual(yield* settled([transaction(1)]), [expected])
        assert.strictEqual(batches.length, commits)
      }).pipe(Effect.provide(live))
    }
  )

  it.effect("a refusal of what was in doubt is believed only when no attempt is left that may be committed", () => {
    const { live } = journal({
      commit: (batch, attempt) => (attempt === 1 ? "unknown" : all("Expired")(batch)),
      resolve: (attempt) => (attempt === 1 ? "Pending" : "Committed")
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* settled([transaction(1)]), ["Committed"])
    }).pipe(Effect.provide(live))
  })

  it.effect("what was surely not written is tried again until its deadline", () => {
    const { batches, live } = journal({
      commit: (batch, attempt) => (attempt <= 3 ? "unavailable" : all("Committed")(batch))
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* settled([transaction(1), transaction(2, 30)]), ["Committed", "Expired"])
      assert.isAtLeast(batches.length, 4)
    }).pipe(Effect.provide(live))
  })

  it.effect("is not healthy while something is in doubt, and is again when it is resolved", () => {
    const { live } = journal({
      commit: (batch, attempt) => (attempt === 1 ? "unknown" : all("Committed")(batch)),
      resolve: (attempt) => (attempt <= 3 ? "unavailable" : "Committed")
    })
    return Effect.gen(function* () {
      const { healthy } = yield* GroupCommit
      const submitting = yield* Effect.forkChild(submitAll([transaction(1)]))
      yield* TestClock.adjust("10 millis")
      assert.isFalse(healthy())
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(submitting.pollUnsafe(), Exit.succeed(["Committed"]))
      assert.isTrue(healthy())
    }).pipe(Effect.provide(live))
  })

  it.effect("sends as many batches as may be under way before one of them is decided, and no more", () => {
    const gate = Deferred.makeUnsafe<void>()
    const { sizes, live } = journal({ commit: all("Committed"), gate: Deferred.await(gate), inFlight: 2 })
    return Effect.gen(function* () {
      const { submit } = yield* GroupCommit
      const verdicts: Array<Verdict> = []
      for (const each of numbered(3)) {
        submit({ transaction: each, done: (verdict) => verdicts.push(verdict) })
        yield* TestClock.adjust(0)
      }
      assert.deepStrictEqual(sizes(), [1, 1])
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(sizes(), [1, 1, 1])
      assert.strictEqual(verdicts.length, 3)
    }).pipe(Effect.provide(live))
  })

  it.effect("while a batch is in doubt others are committed, and it is not called healthy", () => {
    const { live } = journal({
      commit: (batch, attempt) => (attempt === 1 ? "unknown" : all("Committed")(batch)),
      resolve: (attempt) => (attempt <= 3 ? "unavailable" : "Committed"),
      inFlight: 2
    })
    return Effect.gen(function* () {
      const { healthy } = yield* GroupCommit
      yield* Effect.forkChild(submitAll([transaction(1)]))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* submitAll([transaction(2)]), ["Committed"])
      assert.isFalse(healthy())
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(healthy())
    }).pipe(Effect.provide(live))
  })

  it.effect("refuses what its queue has no room for", () => {
    const gate = Deferred.makeUnsafe<void>()
    const { live } = journal({ commit: all("Committed"), gate: Deferred.await(gate) })
    return Effect.gen(function* () {
      const { submit } = yield* GroupCommit
      yield* TestClock.adjust(0)
      const accepted = numbered(30).map((each) => submit({ transaction: each, done: () => {} }))
      assert.strictEqual(accepted.filter(Boolean).length, 8)
      assert.isFalse(accepted.at(-1))
      yield* Deferred.succeed(gate, undefined)
    }).pipe(Effect.provide(live))
  })

  it.effect("commits what it accepted before it closes", () => {
    const gate = Deferred.makeUnsafe<void>()
    const { live } = journal({ commit: all("Committed"), gate: Deferred.await(gate) })
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { submit } = Context.get(yield* Layer.buildWithScope(live, scope), GroupCommit)
      const verdicts: Array<Verdict> = []
      for (const each of numbered(6)) submit({ transaction: each, done: (verdict: Verdict) => verdicts.push(verdict) })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(verdicts, [])
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust(0)
      assert.isDefined(closing.pollUnsafe())
      assert.deepStrictEqual(
        verdicts,
        numbered(6).map(() => "Committed")
      )
    })
  })
})
