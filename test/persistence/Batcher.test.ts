import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Batcher from "../../src/persistence/Batcher.ts"

/** Looks up the squares of numbers up to ten, and remembers what it was asked. */
const squares = (run?: (keys: ReadonlyArray<number>) => Effect.Effect<void, string>) => {
  const asked: Array<ReadonlyArray<number>> = []
  const make = Batcher.make<number, number, string>({
    linger: "2 millis",
    queueSize: 4,
    run: (keys) => {
      asked.push(keys)
      return Effect.as(
        run?.(keys) ?? Effect.void,
        keys.map((key) => (key > 10 ? undefined : key * key))
      )
    }
  })
  return { asked, make }
}

const linger = TestClock.adjust("2 millis")

describe("A batcher", () => {
  it.effect("asks for everything that was wanted while it lingered at once, and each thing once", () =>
    Effect.gen(function* () {
      const { asked, make } = squares()
      const square = yield* make
      const asking = yield* Effect.forkChild(Effect.forEach([2, 3, 2, 11], square, { concurrency: 4 }))
      yield* linger
      assert.deepEqual(yield* Fiber.join(asking), [4, 9, 4, undefined])
      assert.deepEqual(asked, [[2, 3, 11]])
    })
  )

  it.effect("keeps what is wanted meanwhile for the next time", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { asked, make } = squares(() => Deferred.await(gate))
      const square = yield* make
      const first = yield* Effect.forkChild(square(1))
      yield* linger
      const others = yield* Effect.forkChild(Effect.forEach([2, 3], square, { concurrency: 2 }))
      yield* linger
      yield* Deferred.succeed(gate, undefined)
      yield* linger
      assert.deepEqual([yield* Fiber.join(first), yield* Fiber.join(others)], [1, [4, 9]])
      assert.deepEqual(asked, [[1], [2, 3]])
    })
  )

  it.effect("tells everybody who asked of the failure, and goes on", () =>
    Effect.gen(function* () {
      const { make } = squares((keys) => (keys.includes(5) ? Effect.fail("no fives") : Effect.void))
      const square = yield* make
      const asking = yield* Effect.forkChild(
        Effect.all([Effect.exit(square(4)), Effect.exit(square(5))], { concurrency: 2 })
      )
      yield* linger
      assert.deepEqual(yield* Fiber.join(asking), [Exit.fail("no fives"), Exit.fail("no fives")])
      const again = yield* Effect.forkChild(square(4))
      yield* linger
      assert.strictEqual(yield* Fiber.join(again), 16)
    })
  )

  it.effect("survives a defect", () =>
    Effect.gen(function* () {
      const { make } = squares((keys) => (keys.includes(5) ? Effect.die("broken") : Effect.void))
      const square = yield* make
      const asking = yield* Effect.forkChild(Effect.exit(square(5)))
      yield* linger
      assert.isTrue(Exit.isFailure(yield* Fiber.join(asking)))
      const again = yield* Effect.forkChild(square(4))
      yield* linger
      assert.strictEqual(yield* Fiber.join(again), 16)
    })
  )

  it.effect("refuses what it has no room for", () =>
    Effect.gen(function* () {
      const { make } = squares(() => Effect.never)
      const square = yield* make
      yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4], square, { concurrency: 4 }))
      yield* linger
      const waiting = yield* Effect.forkChild(
        Effect.forEach([5, 6, 7, 8], (n) => Effect.flip(square(n)), { concurrency: 4 }).pipe(Effect.timeoutOption(1000))
      )
      yield* TestClock.adjust(0)
      const refused = yield* Effect.flip(square(9))
      assert.strictEqual(typeof refused === "string" ? refused : refused._tag, "Overloaded")
      yield* Fiber.interrupt(waiting)
    })
  )
})
