import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Passwords } from "../../src/http/Passwords.ts"

describe("A password", () => {
  it.live("is known by its hash, which is never the same twice", () =>
    Effect.gen(function* () {
      const { hash, verify } = yield* Passwords
      const [one, two] = [yield* hash("correct horse"), yield* hash("correct horse")]
      assert.notStrictEqual(one, two)
      assert.isTrue(yield* verify(one, "correct horse"))
      assert.isFalse(yield* verify(one, "Correct horse"))
      assert.isFalse(yield* verify(undefined, ""))
    }).pipe(Effect.provide(Passwords.layer))
  )

  it.live("waits for its turn, and not with a hundred others", () =>
    Effect.gen(function* () {
      const { hash } = yield* Passwords
      const outcomes = yield* Effect.all(
        Array.from({ length: 100 }, () =>
          Effect.match(hash("x"), { onSuccess: () => "hashed", onFailure: (e) => e._tag })
        ),
        { concurrency: 100 }
      )
      assert.lengthOf(
        outcomes.filter((outcome) => outcome === "hashed"),
        65
      )
      assert.lengthOf(
        outcomes.filter((outcome) => outcome === "Overloaded"),
        35
      )
      assert.match(yield* hash("x"), /^\$argon2id\$/)
    }).pipe(Effect.provide(Passwords.layer))
  )

  it.live("is compared with its hash in a queue of its own, however many register at the time", () =>
    Effect.gen(function* () {
      const { hash, verify } = yield* Passwords
      const mine = yield* hash("mine")
      let registered = 0
      const register = Effect.ignore(Effect.tap(hash("x"), () => Effect.sync(() => registered++)))
      const registering = Effect.all(
        Array.from({ length: 100 }, () => register),
        { concurrency: 100 }
      )
      const crowd = yield* Effect.forkChild(registering, { startImmediately: true })
      assert.isTrue(yield* verify(mine, "mine"))
      assert.isBelow(registered, 30)
      yield* Fiber.interrupt(crowd)
    }).pipe(Effect.provide(Passwords.layer))
  )
})
