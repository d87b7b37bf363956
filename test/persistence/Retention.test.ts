import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as Retention from "../../src/persistence/Retention.ts"
import { uuid } from "../domain/Samples.ts"

const live = Retention.layer.pipe(Layer.provide(MemoryJournal.layer), Layer.provideMerge(MemoryTables.layer))

describe("The answer of a request", () => {
  it.effect("is kept for a day, and not for ever", () =>
    Effect.gen(function* () {
      const { transactions, absent } = yield* MemoryTables
      absent.set(uuid(3), 0)
      transactions.set(uuid(1), { id: uuid(1), fences: [], bodyHash: uuid(2), answer: "{}", createdAt: 0 })
      yield* TestClock.adjust("24 hours")
      assert.strictEqual(transactions.size, 1)
      yield* TestClock.adjust("20 minutes")
      assert.strictEqual(transactions.size, 0)
      assert.strictEqual(absent.size, 0)
    }).pipe(Effect.provide(live))
  )
})
