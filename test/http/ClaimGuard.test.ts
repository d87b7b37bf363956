import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { CouponExhausted, CouponNotFound } from "../../src/domain/Coupon.ts"
import { userId } from "../../src/domain/Ids.ts"
import { ClaimGuard } from "../../src/http/ClaimGuard.ts"
import { coupon, uuid } from "../domain/Samples.ts"

/** How a claim goes that would go like `claim`. */
const attempt = <E>(user: number, address: string, claim: Effect.Effect<string, E>) =>
  Effect.flatMap(ClaimGuard, ({ guard }) =>
    guard(userId(uuid(user)), address, claim).pipe(
      Effect.match({
        onSuccess: () => "had",
        onFailure: (error) => (error instanceof CouponNotFound ? "wrong" : "refused")
      })
    )
  )

const wrong = Effect.fail(new CouponNotFound({}))
const right = Effect.succeed("coupon")

describe("Guesses at the codes of coupons", () => {
  it.effect("are ten for a user, wherever from, and then one in six seconds", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 10; n++) assert.strictEqual(yield* attempt(1, `a${n}`, wrong), "wrong")
      assert.strictEqual(yield* attempt(1, "b", right), "refused")
      assert.strictEqual(yield* attempt(2, "b", right), "had")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* attempt(1, "b", right), "had")
    }).pipe(Effect.provide(ClaimGuard.layer))
  )

  it.effect("of many users are a hundred for an address", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 100; n++) yield* attempt(n, "a", wrong)
      assert.strictEqual(yield* attempt(1000, "a", right), "refused")
      assert.strictEqual(yield* attempt(1000, "b", right), "had")
    }).pipe(Effect.provide(ClaimGuard.layer))
  )

  it.effect("are also made by who names the codes of new coupons, taken or not", () =>
    Effect.gen(function* () {
      const { naming } = yield* ClaimGuard
      for (let n = 0; n < 5; n++) {
        yield* naming(userId(uuid(1)), "a")
        yield* attempt(1, "a", wrong)
      }
      assert.deepInclude(yield* Effect.flip(naming(userId(uuid(1)), "b")), { retryAfterSeconds: 6 })
      assert.strictEqual(yield* attempt(1, "b", right), "refused")
      yield* naming(userId(uuid(2)), "a")
    }).pipe(Effect.provide(ClaimGuard.layer))
  )

  it.effect("are not codes that are right, also when there is none left", () =>
    Effect.gen(function* () {
      const exhausted = Effect.fail(new CouponExhausted({ couponId: coupon().couponId }))
      for (let n = 0; n < 200; n++) yield* attempt(1, "a", n % 2 === 0 ? right : exhausted)
      assert.strictEqual(yield* attempt(1, "a", right), "had")
    }).pipe(Effect.provide(ClaimGuard.layer))
  )
})
