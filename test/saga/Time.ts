/** Time that passes while others work, for tests with a clock of their own. */
import { assert } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"

/** Time passes, a little at a time. */
export const pass = Effect.fnUntraced(function* (ms: number, stepMs = 50) {
  for (let passed = 0; passed < ms; passed += stepMs) yield* TestClock.adjust(Math.min(stepMs, ms - passed))
})

/** Time passes until it is done. */
export const soon = Effect.fnUntraced(function* <A, E, R>(asked: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(asked)
  for (let n = 0; fiber.pollUnsafe() === undefined; n++) {
    assert.isBelow(n, 1000, "it never came to that")
    yield* TestClock.adjust(1)
  }
  return yield* Effect.flatten(Effect.sync(() => fiber.pollUnsafe() ?? Exit.die("not done")))
})
