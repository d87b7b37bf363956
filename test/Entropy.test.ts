import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SecureRandom } from "effect/crypto"
import * as Entropy from "../src/Entropy.ts"

describe("Entropy", () => {
  it.effect("never gives the same bytes twice, also across its pools", () =>
    Effect.gen(function* () {
      const random = yield* SecureRandom.SecureRandom
      const drawn = yield* Effect.forEach(Array.from({ length: 3000 }), () => random.uuidV4())
      assert.strictEqual(new Set(drawn).size, 3000)
      assert.strictEqual((yield* random.randomBytes(10_000)).length, 10_000)
    }).pipe(Effect.provide(Entropy.layer))
  )
})
