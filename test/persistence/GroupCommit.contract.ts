/** Group commit over a journal that keeps its promises, and over connections that don't. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { pieces, won } from "../../src/domain/Money.ts"
import type { Transaction } from "../../src/domain/Transaction.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import { Journal, OutcomeUnknown, type Verdict, takeOver } from "../../src/persistence/Journal.ts"
import type { Storage } from "./Backends.ts"
import * as Scene from "./Scene.ts"

const options = { batchSize: 64, inFlight: 2, queueSize: 1000, drainWithin: "5 seconds" } as const

/** Submits all at once; the verdicts, in order. */
const submit = (batch: ReadonlyArray<Transaction>) =>
  Effect.gen(function* () {
    const group = yield* GroupCommit
    return yield* Effect.forEach(
      batch,
      (transaction) =>
        Effect.callback<Verdict>((resume) => {
          group.submit({ transaction, done: (verdict) => resume(Effect.succeed(verdict)) })
        }),
      { concurrency: batch.length }
    )
  })

const grouped = <A, E, R>(use: Effect.Effect<A, E, R>) => Effect.provide(use, Layer.fresh(GroupCommit.layer(options)))

type Cut = "before it was committed" | "after it was committed"

/** The journal, but the connection breaks at some commits. */
const cut = (at: (attempt: number) => Cut | undefined) =>
  Layer.effect(
    Journal,
    Effect.map(Journal, (journal) => {
      let attempts = 0
      const broken = Effect.fail(new OutcomeUnknown({ cause: "cut" }))
      return Journal.of({
        ...journal,
        commit: (batch) => {
          const when = at(++attempts)
          if (when === undefined) return journal.commit(batch)
          return when === "before it was committed" ? broken : Effect.andThen(journal.commit(batch), broken)
        }
      })
    })
  )

export const ofGroupCommit = (it: Vitest.MethodsNonLive<Storage>) => {
  it.effect.each([[], [0], [31], [63], [0, 1], [5, 40, 41], Array.from({ length: 64 }, (_, n) => n)])(
    "of 64 transactions only the culprits are rejected: %j",
    (culprits) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const fences = [yield* Scene.claimed]
        const user = yield* Scene.register()
        const nobody = yield* Scene.register()
        yield* Scene.commit(fences, [{ _tag: "UserWithdrew", userId: nobody }])
        const batch = yield* Effect.forEach(Array.from({ length: 64 }), (_, n) =>
          Scene.transaction({ fences, changes: [Scene.charge(culprits.includes(n) ? nobody : user, 1)] })
        )
        const verdicts = yield* grouped(submit(batch))
        assert.deepEqual(
          verdicts,
          batch.map((_, n) => (culprits.includes(n) ? "Rejected" : "Committed"))
        )
        assert.strictEqual((yield* journal.load("wallet", [user]))[0]?.balance, won(64 - culprits.length))
      })
  )

  const cuts: ReadonlyArray<ReadonlyArray<Cut | undefined>> = [
    ["before it was committed"],
    ["after it was committed"],
    ["before it was committed", "before it was committed", "after it was committed"],
    [undefined, "after it was committed", "before it was committed"]
  ]
  it.effect.each(cuts.map((each) => [each] as const))(
    "a connection that is cut costs no transaction and doubles none: %j",
    ([schedule]) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const fences = [yield* Scene.claimed]
        const user = yield* Scene.register()
        const seller = yield* Scene.register("SELLER")
        const { id: product, changes } = Scene.created(seller, 10)
        yield* Scene.commit(fences, changes, [Scene.charge(user, 5000)])
        const batch = yield* Effect.forEach(Array.from({ length: 6 }), () =>
          Scene.transaction({ fences, changes: Scene.bought(Scene.orderOf(user, product, 1)) })
        )
        // Six orders for the money of five: the last is a culprit, whatever happens to the connection.
        const verdicts = yield* grouped(submit(batch)).pipe(Effect.provide(cut((attempt) => schedule[attempt - 1])))
        assert.deepEqual(verdicts.toSorted(), [...Array.from({ length: 5 }, () => "Committed"), "Rejected"])
        const [wallet] = yield* journal.load("wallet", [user])
        const [left] = yield* journal.load("product", [product])
        assert.deepEqual([wallet?.balance, left?.onHand], [won(0), pieces(5)])
      })
  )

  it.effect("what was fenced while its outcome was unknown is fenced", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const fence = yield* Scene.claimed
      const user = yield* Scene.register()
      const transaction = yield* Scene.transaction({ fences: [fence], changes: [Scene.charge(user, 1)] })
      const claiming = Layer.succeed(Journal, {
        ...journal,
        resolve: (doubts) => Effect.andThen(takeOver(journal, [fence.partition], "other"), journal.resolve(doubts))
      })
      const verdicts = yield* grouped(submit([transaction])).pipe(
        Effect.provide(cut((attempt) => (attempt === 1 ? "before it was committed" : undefined))),
        Effect.provide(claiming)
      )
      assert.deepEqual(verdicts, ["Fenced"])
      assert.strictEqual((yield* journal.load("wallet", [user]))[0]?.balance, won(0))
    })
  )
}
