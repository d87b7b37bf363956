import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as Shop from "./Shop.ts"
import { call, order, outcome, person, product } from "./Shop.ts"

const password = "correct horse"

const registration = (loginId: string, more: object = {}) => ({ loginId, name: "Kim", password, ...more })

describe("A user", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("registers, logs in, and is who the token says", () =>
      Effect.gen(function* () {
        const { status, body } = yield* call("POST", "/users", { body: registration("kim") })
        assert.strictEqual(status, 201)
        assert.deepInclude(body, { loginId: "kim", name: "Kim", role: "BUYER", tier: "BRONZE" })
        assert.hasAllKeys(body, ["userId", "loginId", "name", "role", "tier"])

        const login = yield* call("POST", "/auth/login", { body: { loginId: "kim", password } })
        assert.strictEqual(login.status, 200)
        assert.strictEqual(login.body["expiresIn"], 3600)
        const token = String(login.body["accessToken"])

        const profile = yield* call("GET", `/users/${String(body["userId"])}`, { token })
        assert.deepStrictEqual(profile.body, body)
        const balance = yield* call("GET", `/balances/${String(body["userId"])}`, { token })
        assert.deepStrictEqual(balance.body, { userId: body["userId"], balance: 0 })
      })
    )

    it.effect("keeps nothing of the password but a hash", () =>
      Effect.gen(function* () {
        yield* call("POST", "/users", { body: registration("lee") })
        const { users } = yield* MemoryTables
        const lee = [...users.values()].find(({ loginId }) => loginId === "lee")
        assert.match(lee?.passwordHash ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      })
    )

    it.effect("takes a login id only once", () =>
      Effect.gen(function* () {
        yield* call("POST", "/users", { body: registration("park") })
        assert.strictEqual(yield* outcome("POST", "/users", { body: registration("park") }), "409 LOGIN_ID_TAKEN")
      })
    )

    it.effect("is a seller by choice, and an administrator only by one", () =>
      Effect.gen(function* () {
        const admin = yield* person("ADMIN")
        const other = yield* person("SELLER")
        const as = (role: string, token?: string, loginId = `${role}-${token?.length ?? 0}`) =>
          outcome("POST", "/users", { token, body: registration(loginId, { role }) })
        assert.strictEqual(yield* as("SELLER"), "201")
        assert.strictEqual(yield* as("ADMIN"), "403 FORBIDDEN")
        assert.strictEqual(yield* as("MANAGER"), "403 FORBIDDEN")
        assert.strictEqual(yield* as("MANAGER", other.token), "403 FORBIDDEN")
        assert.strictEqual(yield* as("MANAGER", admin.token), "201")
        assert.strictEqual(yield* as("BUYER", "no token"), "401 UNAUTHENTICATED")
        assert.strictEqual(yield* as("OWNER"), "422 VALIDATION_FAILED")
      })
    )

    it.effect("changes name and password, and then the old password is no good", () =>
      Effect.gen(function* () {
        const { body } = yield* call("POST", "/users", { body: registration("choi") })
        const log = (word: string) => call("POST", "/auth/login", { body: { loginId: "choi", password: word } })
        const token = String((yield* log(password)).body["accessToken"])
        const path = `/users/${String(body["userId"])}`
        const changed = yield* call("PATCH", path, { token, body: { name: " Choi ", password: "another password" } })
        assert.deepStrictEqual(changed.body, { ...body, name: "Choi" })
        assert.strictEqual((yield* log(password)).status, 401)
        assert.strictEqual((yield* log("another password")).status, 200)
      })
    )

    it.effect("has the tier an administrator gives", () =>
      Effect.gen(function* () {
        const [who, admin] = [yield* person(), yield* person("ADMIN")]
        const set = (by: Shop.Person, tier: string) =>
          outcome("PATCH", `/users/${who.userId}`, { token: by.token, body: { tier } })
        assert.strictEqual(yield* set(who, "VIP"), "403 FORBIDDEN")
        assert.strictEqual(yield* set(yield* person("MANAGER"), "VIP"), "404 USER_NOT_FOUND")
        assert.strictEqual(yield* set(admin, "PLATINUM"), "422 VALIDATION_FAILED")
        assert.strictEqual(yield* set(admin, "VIP"), "200")
        assert.strictEqual((yield* call("GET", `/users/${who.userId}`, who)).body["tier"], "VIP")
      })
    )

    it.effect("cannot log in with what is wrong, whether the login id is known or not", () =>
      Effect.gen(function* () {
        yield* call("POST", "/users", { body: registration("jung") })
        const known = yield* call("POST", "/auth/login", { body: { loginId: "jung", password: "wrong" } })
        const unknown = yield* call("POST", "/auth/login", { body: { loginId: "nobody", password: "wrong" } })
        assert.strictEqual(known.body["code"], "BAD_CREDENTIALS")
        assert.deepStrictEqual({ ...known.body, traceId: "" }, { ...unknown.body, traceId: "" })
        assert.strictEqual(known.headers.get("www-authenticate"), "Bearer")
      })
    )

    it.effect("who guesses ten times has to wait, and so the right guess is no use", () =>
      Effect.gen(function* () {
        yield* call("POST", "/users", { body: registration("yoon") })
        const guess = (word: string) => call("POST", "/auth/login", { body: { loginId: "yoon", password: word } })
        for (let n = 0; n < 10; n++) assert.strictEqual((yield* guess(`guess ${n}`)).status, 401)
        const limited = yield* guess(password)
        assert.strictEqual(limited.body["code"], "RATE_LIMITED")
        assert.isTrue(limited.body["retryable"])
        const wait = Number(limited.headers.get("retry-after"))
        assert.isTrue(wait >= 1 && wait <= 6)
        assert.strictEqual(limited.body["retryAfterSeconds"], wait)
      })
    )

    it.effect("has the role an administrator gives, in every token from then on", () =>
      Effect.gen(function* () {
        const [admin, another] = [yield* person("ADMIN"), yield* person("ADMIN")]
        const body = { loginId: `role-${admin.userId}`, name: "Kim", password: "correct horse" }
        const who = String((yield* call("POST", "/users", { body })).body["userId"])
        const logIn = Effect.map(
          call("POST", "/auth/login", { body: { loginId: body.loginId, password: body.password } }),
          ({ body: session }) => ({ token: String(session["accessToken"]) })
        )
        const set = (by: { readonly token: string }, role: string, whom = who) =>
          outcome("PATCH", `/users/${whom}`, { token: by.token, body: { role } })
        const sell = (by: { readonly token: string }) =>
          outcome("POST", "/products", { ...by, body: { name: "Boot", price: 1, stock: 1 } })

        const buyer = yield* logIn
        assert.strictEqual(yield* set(buyer, "SELLER"), "403 FORBIDDEN")
        assert.strictEqual(yield* set(yield* person("SELLER"), "SELLER"), "404 USER_NOT_FOUND")
        assert.strictEqual(yield* set(admin, "OWNER"), "422 VALIDATION_FAILED")
        assert.strictEqual(yield* set(admin, "SELLER"), "200")
        assert.strictEqual((yield* call("GET", `/users/${who}`, buyer)).body["role"], "SELLER")
        assert.deepStrictEqual([yield* sell(buyer), yield* sell(yield* logIn)], ["403 FORBIDDEN", "201"])

        assert.strictEqual(yield* set(admin, "BUYER", admin.userId), "403 FORBIDDEN")
        assert.strictEqual(yield* set(admin, "ADMIN", admin.userId), "200")
        assert.strictEqual(yield* set(another, "BUYER", admin.userId), "200")
        assert.strictEqual((yield* call("GET", `/users/${admin.userId}`, admin)).body["role"], "BUYER")
      })
    )

    it.effect("who administers does not withdraw before another one has taken the role away; then it is seen", () =>
      Effect.gen(function* () {
        const [admin, other] = [yield* person("ADMIN"), yield* person("ADMIN")]
        const leave = ({ token }: { readonly token: string }) => outcome("DELETE", `/users/${admin.userId}`, { token })
        assert.strictEqual(yield* leave(admin), "409 ADMIN_CANNOT_WITHDRAW")
        assert.strictEqual(yield* leave(other), "409 ADMIN_CANNOT_WITHDRAW")
        const demote = { token: other.token, body: { role: "BUYER" } }
        assert.strictEqual(yield* outcome("PATCH", `/users/${admin.userId}`, demote), "200")
        assert.strictEqual(yield* leave(admin), "204")
        const { audit } = yield* MemoryTables
        const seen = { actorId: admin.userId, act: "users.withdraw", entity: admin.userId, onBehalfOf: undefined }
        assert.deepInclude(audit.at(-1), seen)
      })
    )

    it.effect("withdraws as a seller once nothing is on sale", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const id = yield* product(seller)
        const leave = outcome("DELETE", `/users/${seller.userId}`, seller)
        assert.strictEqual(yield* leave, "409 PRODUCTS_ON_SALE")
        yield* call("DELETE", `/products/${id}`, { token: seller.token, ifMatch: 1 })
        assert.strictEqual(yield* leave, "204")
      })
    )

    it.effect("withdraws with an empty wallet only, and is gone then", () =>
      Effect.gen(function* () {
        const rich = yield* person("BUYER", 1000)
        assert.strictEqual(
          yield* outcome("DELETE", `/users/${rich.userId}`, { token: rich.token }),
          "409 BALANCE_REMAINING"
        )
        const leaver = yield* person()
        const { userId, token } = leaver
        const orderId = yield* order(leaver, yield* product(yield* person("SELLER")), 1)
        assert.strictEqual(yield* outcome("DELETE", `/users/${userId}`, { token }), "409 ORDERS_OPEN")
        yield* call("PUT", `/orders/${orderId}/cancel`, { token, key: "cancel", body: {} })
        assert.strictEqual(yield* outcome("DELETE", `/users/${userId}`, { token }), "204")
        assert.strictEqual(yield* outcome("GET", `/users/${userId}`, { token }), "404 USER_NOT_FOUND")
        assert.strictEqual(yield* outcome("PATCH", `/users/${userId}`, { token, body: {} }), "404 USER_NOT_FOUND")
        assert.strictEqual(yield* outcome("DELETE", `/users/${userId}`, { token }), "404 USER_NOT_FOUND")
        assert.strictEqual(yield* outcome("GET", `/balances/${userId}`, { token }), "404 USER_NOT_FOUND")
        const charge = { token, key: "k", body: { amount: 1000 } }
        assert.strictEqual(yield* outcome("POST", "/balances/charge", charge), "404 USER_NOT_FOUND")
      })
    )
  })
})
