import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Shop from "./Shop.ts"
import { call, outcome, person } from "./Shop.ts"

describe("A wallet", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("is charged, and says what is in it", () =>
      Effect.gen(function* () {
        const { userId, token } = yield* person()
        const charged = yield* call("POST", "/balances/charge", { token, key: "1", body: { amount: 5000 } })
        assert.strictEqual(charged.status, 200)
        assert.deepStrictEqual(charged.body, { userId, balance: 5000 })
        assert.isNull(charged.headers.get("idempotent-replayed"))
        const more = yield* call("POST", "/balances/charge", { token, key: "2", body: { userId, amount: 1000 } })
        assert.deepStrictEqual(more.body, { userId, balance: 6000 })
        assert.deepStrictEqual((yield* call("GET", `/balances/${userId}`, { token })).body, { userId, balance: 6000 })
      })
    )

    it.effect("tells its history in pages, newest first", () =>
      Effect.gen(function* () {
        const { userId, token } = yield* person("BUYER", 1000)
        yield* call("POST", "/balances/charge", { token, key: "2", body: { amount: 2000 } })
        yield* call("POST", "/balances/charge", { token, key: "3", body: { amount: 3000 } })
        const path = `/balances/${userId}/transactions?limit=2`
        const first = yield* call("GET", path, { token })
        assert.containSubset(first.body["items"], [
          { type: "CHARGE", amount: 3000, balanceAfter: 6000 },
          { type: "CHARGE", amount: 2000, balanceAfter: 3000 }
        ])
        const second = yield* call("GET", `${path}&cursor=${String(first.body["nextCursor"])}`, { token })
        assert.containSubset(second.body["items"], [{ type: "CHARGE", amount: 1000, balanceAfter: 1000 }])
        assert.isNull(second.body["nextCursor"])
        assert.strictEqual(yield* outcome("GET", `${path}&cursor=nonsense`, { token }), "422 INVALID_CURSOR")
      })
    )

    for (const [amount, code] of [
      [0, "INVALID_AMOUNT"],
      [-1, "INVALID_AMOUNT"],
      [1000.5, "INVALID_AMOUNT"],
      [1_000_000_001, "INVALID_AMOUNT"],
      [1e300, "INVALID_AMOUNT"],
      [999, "CHARGE_BELOW_MINIMUM"],
      ["1000", "VALIDATION_FAILED"],
      ["NaN", "VALIDATION_FAILED"],
      [true, "VALIDATION_FAILED"],
      [null, "VALIDATION_FAILED"]
    ] as const) {
      it.effect(`is not charged ${JSON.stringify(amount)}: ${code}`, () =>
        Effect.gen(function* () {
          const { userId, token } = yield* person()
          const refused = yield* outcome("POST", "/balances/charge", { token, key: "k", body: { amount } })
          assert.strictEqual(refused, `422 ${code}`)
          assert.strictEqual((yield* call("GET", `/balances/${userId}`, { token })).body["balance"], 0)
        })
      )
    }

    it.effect("says which limit a refused charge met", () =>
      Effect.gen(function* () {
        const { token } = yield* person()
        const charge = (amount: number) => call("POST", "/balances/charge", { token, key: "k", body: { amount } })
        assert.deepInclude((yield* charge(999)).body, { minimum: 1000 })
        assert.deepInclude((yield* charge(0)).body, { maximum: 1_000_000_000 })
      })
    )

    it.effect("is charged for somebody else by an administrator only", () =>
      Effect.gen(function* () {
        const [mine, other, admin] = yield* Effect.all([person(), person(), person("ADMIN")])
        const charge = { key: "k", body: { userId: mine.userId, amount: 1000 } }
        assert.strictEqual(
          yield* outcome("POST", "/balances/charge", { ...charge, token: other.token }),
          "403 FORBIDDEN"
        )
        const { body } = yield* call("POST", "/balances/charge", { ...charge, token: admin.token })
        assert.deepStrictEqual(body, { userId: mine.userId, balance: 1000 })
        const nobody = { key: "k2", body: { userId: "nobody", amount: 1000 }, token: admin.token }
        assert.strictEqual(yield* outcome("POST", "/balances/charge", nobody), "404 USER_NOT_FOUND")
      })
    )
  })
})
