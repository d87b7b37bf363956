import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Schema } from "effect"
import { type Answer, call, expect, folder, keys, person, start } from "./Nodes.ts"

const Made = Schema.Struct({ couponId: Schema.String })
const decodeIssue = Schema.decodeUnknownEffect(Schema.Struct({ rank: Schema.Int, userCouponId: Schema.String }))

const issueOf = (answer: Option.Option<Answer>) =>
  Effect.flatMap(Effect.fromOption(answer), ({ body }) => decodeIssue(body)).pipe(Effect.orDie)

describe("A node that issues coupons", () => {
  it.live(
    "keeps the ranks it answered when it is killed at any moment, and leaves no gap",
    () =>
      Effect.gen(function* () {
        const env = { DATA_DIR: yield* folder }
        const first = yield* start(env)
        const seller = yield* person(first.api, "seller", "SELLER")
        const users = yield* Effect.forEach(["one", "two", "three"], (name) => person(first.api, name, "BUYER"))
        const body = { name: "Rush", discountType: "FIXED", discountValue: 1, totalQuantity: 300, perUserLimit: 100 }
        const { couponId } = yield* expect(call(`${first.api}/coupons`, { token: seller.token, body }), Made)
        const asked = keys(300).map((key, n) => ({ key, token: users[n % 3]?.token ?? "" }))
        const take = (api: string, who: (typeof asked)[number]) =>
          call(`${api}/coupons/issue/limited`, { ...who, body: { couponId } })

        const some = yield* Deferred.make<void>()
        let count = 0
        const taking = yield* Effect.forEach(
          asked,
          (who) =>
            Effect.tap(take(first.api, who), () => (++count === 100 ? Deferred.succeed(some, undefined) : Effect.void)),
          { concurrency: 30 }
        ).pipe(Effect.forkChild)
        yield* Deferred.await(some)
        yield* first.signal("SIGKILL")
        const before = yield* Fiber.join(taking)

        const second = yield* start(env)
        const after = yield* Effect.forEach(asked, (who) => take(second.api, who), { concurrency: 30 })
        const issues = yield* Effect.forEach(after, issueOf)
        assert.deepStrictEqual(
          issues.map(({ rank }) => rank).toSorted((a, b) => a - b),
          asked.map((_, n) => n + 1)
        )
        const heard = before.flatMap((answer, n) => (Option.isSome(answer) ? [{ answer, n }] : []))
        assert.isAtLeast(heard.length, 100)
        assert.isBelow(heard.length, 300)
        for (const { answer, n } of heard) assert.deepStrictEqual(yield* issueOf(answer), issues[n])
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    90_000
  )
})
