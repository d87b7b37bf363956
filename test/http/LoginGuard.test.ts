import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { BadCredentials } from "../../src/http/api/Errors.ts"
import { LoginGuard } from "../../src/http/LoginGuard.ts"
import { Unavailable } from "../../src/persistence/Failures.ts"

/** How a login goes that would go like `login`. */
const attempt = <E>(loginId: string, address: string, login: Effect.Effect<string, E>) =>
  Effect.flatMap(LoginGuard, ({ guard }) =>
    guard(loginId, address, login).pipe(
      Effect.match({
        onSuccess: () => "in",
        onFailure: (error) => (error instanceof BadCredentials ? "wrong" : "refused")
      })
    )
  )

const wrong = Effect.fail(new BadCredentials())
const right = Effect.succeed("token")

const times = (count: number, what: Effect.Effect<string, never, LoginGuard>) =>
  Effect.map(Effect.all(Array.from({ length: count }, () => what)), (outcomes) => new Set(outcomes))

describe("Guesses at passwords", () => {
  it.effect("are ten for a login id, and then one in six seconds", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* times(10, attempt("kim", "a", wrong)), new Set(["wrong"]))
      assert.strictEqual(yield* attempt("kim", "b", right), "refused")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* attempt("kim", "b", wrong), "wrong")
      assert.strictEqual(yield* attempt("kim", "b", right), "refused")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* attempt("kim", "b", right), "in")
    }).pipe(Effect.provide(LoginGuard.layer))
  )

  it.effect("are ten also when they are made at once", () =>
    Effect.gen(function* () {
      const guess = attempt("kim", "a", Effect.delay(wrong, "1 second"))
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 50 }, () => guess),
          { concurrency: 50 }
        )
      )
      yield* TestClock.adjust("1 second")
      const outcomes = yield* Fiber.join(all)
      assert.lengthOf(
        outcomes.filter((outcome) => outcome === "wrong"),
        10
      )
    }).pipe(Effect.provide(LoginGuard.layer))
  )

  it.effect("are guesses also of whoever hangs up before the answer", () =>
    Effect.gen(function* () {
      const guess = attempt("kim", "a", Effect.delay(wrong, "1 second"))
      for (let n = 0; n < 10; n++)
        yield* Effect.flatMap(Effect.forkChild(guess, { startImmediately: true }), Fiber.interrupt)
      assert.strictEqual(yield* attempt("kim", "a", right), "refused")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* attempt("kim", "a", right), "in")
    }).pipe(Effect.provide(LoginGuard.layer))
  )

  it.effect("at many login ids are a hundred for an address", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 100; n++) yield* attempt(`user-${n}`, "a", wrong)
      assert.strictEqual(yield* attempt("kim", "a", right), "refused")
      assert.strictEqual(yield* attempt("kim", "b", right), "in")
    }).pipe(Effect.provide(LoginGuard.layer))
  )

  it.effect("are not logins that go well, nor those that could not be tried", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* times(1000, attempt("kim", "a", right)), new Set(["in"]))
      assert.deepStrictEqual(
        yield* times(1000, attempt("kim", "a", Effect.fail(new Unavailable()))),
        new Set(["refused"])
      )
      assert.strictEqual(yield* attempt("kim", "a", right), "in")
    }).pipe(Effect.provide(LoginGuard.layer))
  )
})
