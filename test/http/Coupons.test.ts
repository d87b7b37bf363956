import { assert, describe, layer } from "@effect/vitest"
import { DateTime, Effect, Struct } from "effect"
import { grantOwed } from "../../src/saga/Grants.ts"
import * as Scene from "../persistence/Scene.ts"
import * as Shop from "./Shop.ts"
import { buy, call, coupon, outcome, person, product, take } from "./Shop.ts"

const wanted = { name: "Welcome", discountType: "FIXED", discountValue: 1000, totalQuantity: 10 }
const nobody = "usr_00000000-0000-7000-8000-000000000000"

const hours = (n: number) => Effect.map(DateTime.now, (now) => DateTime.formatIso(DateTime.add(now, { hours: n })))

/** The ids of a list. */
const idsOf = (body: Shop.Answer["body"], of: string): ReadonlyArray<unknown> =>
  Array.isArray(body["items"]) ? body["items"].map((each: Record<string, unknown>) => each[of]) : []

const claim = (who: Shop.Person, code: string, key = "claim") =>
  call("POST", "/coupons/claim", { token: who.token, key, body: { code } })

describe("Coupons", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("are made by a seller, for the seller's products, with a code that cannot be guessed", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const made = yield* call("POST", "/coupons", { token: seller.token, body: wanted })
        assert.strictEqual(made.status, 201)
        assert.strictEqual(made.headers.get("etag"), '"1"')
        const { code, couponId } = made.body
        assert.match(String(code), /^[0-9A-HJKMNP-TV-Z]{20}$/)
        assert.deepStrictEqual(Struct.omit(made.body, ["code", "couponId", "createdAt"]), {
          ...wanted,
          maxDiscount: null,
          minOrderAmount: 0,
          firstPurchaseOnly: false,
          sellerId: seller.userId,
          productIds: [],
          categories: [],
          tiers: [],
          issuedQuantity: 0,
          perUserLimit: 1,
          issueBy: ["FIRST_COME", "GRANT"],
          grantOn: null,
          issueFrom: null,
          issueUntil: null,
          validFrom: null,
          validUntil: null,
          status: "ACTIVE",
          version: 1
        })
        const read = yield* call("GET", `/coupons/${String(couponId)}`)
        assert.deepStrictEqual(read.body, Struct.omit(made.body, ["code"]))
        assert.notInclude(read.text, String(code))
        const again = yield* call("POST", "/coupons", { token: seller.token, body: wanted })
        assert.notStrictEqual(again.body["code"], code)
      })
    )

    it.effect("are told with their codes to who manages them, and to nobody else", () =>
      Effect.gen(function* () {
        const [seller, other, manager] = [yield* person("SELLER"), yield* person("SELLER"), yield* person("MANAGER")]
        yield* call("PUT", `/users/${seller.userId}/managers/${manager.userId}`, seller)
        const make = call("POST", "/coupons", { token: seller.token, body: wanted })
        const [first, second] = [yield* make, yield* make]
        yield* call("POST", "/coupons", { token: other.token, body: wanted })
        const path = `/sellers/${seller.userId}/coupons`
        for (const who of [seller, manager]) {
          const { body } = yield* call("GET", path, { token: who.token })
          assert.deepStrictEqual(body, { items: [second.body, first.body], nextCursor: null })
        }
        for (const who of [other, yield* person()]) {
          assert.strictEqual(yield* outcome("GET", path, { token: who.token }), "404 USER_NOT_FOUND")
        }
      })
    )

    it.effect("are made once for a key, and told as they were then, code and all", () =>
      Effect.gen(function* () {
        const { token } = yield* person("SELLER")
        const body = { ...wanted, issueUntil: yield* hours(1) }
        const make = (options: Shop.Call = {}) => call("POST", "/coupons", { token, key: "k", body, ...options })
        const answers = yield* Effect.replicateEffect(make(), 50, { concurrency: "unbounded" })
        assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
        assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
        assert.strictEqual(answers.filter(({ headers }) => headers.has("idempotent-replayed")).length, 49)
        const couponId = String(answers[0]?.body["couponId"])
        yield* take(yield* person(), couponId)
        yield* call("PATCH", `/coupons/${couponId}`, { token, ifMatch: 1, body: { status: "CANCELLED" } })
        const again = yield* make()
        assert.strictEqual(again.text, answers[0]?.text)
        assert.strictEqual(again.headers.get("etag"), '"1"')
        assert.strictEqual(again.headers.get("idempotent-replayed"), "true")

        const reused = yield* make({ body: { ...body, totalQuantity: 11 } })
        assert.deepInclude(reused.body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
        assert.notStrictEqual((yield* make({ key: "l" })).body["couponId"], couponId)
        const named = { ...wanted, code: `once-${couponId.slice(-12)}` }
        for (const status of [201, 201]) assert.strictEqual((yield* make({ key: "m", body: named })).status, status)
        assert.deepInclude((yield* make({ key: "n", body: named })).body, { code: "COUPON_CODE_TAKEN" })
        // What was refused has not used its key up.
        assert.strictEqual((yield* make({ key: "n" })).status, 201)
      })
    )

    it.effect("have the code they were given, once", () =>
      Effect.gen(function* () {
        const { token } = yield* person("ADMIN")
        const body = { ...wanted, code: "SUMMER-26" }
        assert.strictEqual(yield* outcome("POST", "/coupons", { token, body }), "201")
        assert.strictEqual(yield* outcome("POST", "/coupons", { token, body }), "409 COUPON_CODE_TAKEN")
      })
    )

    it.effect("are made by nobody else, and by sellers for nobody else's products", () =>
      Effect.gen(function* () {
        const [seller, other] = [yield* person("SELLER"), yield* person("SELLER")]
        const productId = yield* product(other)
        const asked = (who: Shop.Person, body: object) => outcome("POST", "/coupons", { token: who.token, body })
        assert.strictEqual(yield* asked(yield* person("BUYER"), wanted), "403 COUPON_PERMISSION_DENIED")
        assert.strictEqual(yield* asked(yield* person("MANAGER"), wanted), "403 COUPON_PERMISSION_DENIED")
        const limited = { ...wanted, productIds: [productId] }
        assert.strictEqual(yield* asked(seller, limited), "403 COUPON_PERMISSION_DENIED")
        assert.strictEqual(yield* asked(other, limited), "201")
        assert.strictEqual(yield* asked(yield* person("ADMIN"), limited), "201")
        const unknown = { ...wanted, productIds: ["prd_00000000-0000-7000-8000-000000000000"] }
        assert.strictEqual(yield* asked(seller, unknown), "404 PRODUCT_NOT_FOUND")
      })
    )

    it.effect.each<{ readonly what: string; readonly pointer: string; readonly change: object }>([
      { what: "no name", pointer: "/name", change: { name: " " } },
      { what: "nothing off", pointer: "/discountValue", change: { discountValue: 0 } },
      { what: "a part of a won off", pointer: "/discountValue", change: { discountValue: 0.5 } },
      {
        what: "more than all off",
        pointer: "/discountValue",
        change: { discountType: "PERCENTAGE", discountValue: 101 }
      },
      { what: "a cap on an amount", pointer: "/maxDiscount", change: { maxDiscount: 10 } },
      { what: "none of it", pointer: "/totalQuantity", change: { totalQuantity: 0 } },
      { what: "none for a user", pointer: "/perUserLimit", change: { perUserLimit: 0 } },
      { what: "no way to have it", pointer: "/issueBy", change: { issueBy: [] } },
      { what: "the same way twice", pointer: "/issueBy", change: { issueBy: ["CODE", "CODE"] } },
      { what: "an unknown way to have it", pointer: "/issueBy/0", change: { issueBy: ["MAGIC"] } },
      {
        what: "a grant that nobody may make",
        pointer: "/issueBy",
        change: { grantOn: "REGISTRATION", issueBy: ["CODE"] }
      },
      { what: "a code that is easily guessed", pointer: "/code", change: { code: "a" } },
      { what: "a time that is none", pointer: "/issueFrom", change: { issueFrom: "2026-13-01T00:00:00Z" } },
      { what: "a time of no place", pointer: "/issueFrom", change: { issueFrom: "2026-12-01T00:00:00" } },
      {
        what: "an end before its beginning",
        pointer: "/validUntil",
        change: { validFrom: "2026-12-02T00:00:00Z", validUntil: "2026-12-01T00:00:00+09:00" }
      },
      { what: "an end that has passed", pointer: "/issueUntil", change: { issueUntil: "2026-01-01T00:00:00Z" } },
      { what: "a use that has passed", pointer: "/validUntil", change: { validUntil: "2026-01-01T00:00:00Z" } },
      { what: "an unknown tier", pointer: "/tiers/0", change: { tiers: ["PLATINUM"] } },
      { what: "something unknown", pointer: "/tier", change: { tier: "VIP" } }
    ])("are not made with $what", ({ pointer, change }) =>
      Effect.gen(function* () {
        const { token } = yield* person("SELLER")
        const { status, body } = yield* call("POST", "/coupons", { token, body: { ...wanted, ...change } })
        assert.deepInclude(body, { code: "VALIDATION_FAILED" })
        assert.strictEqual(status, 422)
        assert.containSubset(body["errors"], [{ pointer }])
      })
    )

    it.effect("are issued to who comes first, each with a rank", () =>
      Effect.gen(function* () {
        const couponId = yield* coupon(yield* person("SELLER"), { totalQuantity: 2, validUntil: yield* hours(1) })
        const people = yield* Effect.forEach([1, 2, 3], () => person())
        const answers = yield* Effect.forEach(people, (who) => take(who, couponId))
        assert.deepStrictEqual(
          answers.map(({ status, body }) => [status, body["rank"] ?? body["code"]]),
          [
            [201, 1],
            [201, 2],
            [409, "COUPON_EXHAUSTED"]
          ]
        )
        assert.deepInclude(answers[0]?.body, { couponId, userId: people[0]?.userId, status: "ISSUED" })
        assert.isString(answers[0]?.body["validUntil"])
        const again = yield* take(people[0]!, couponId)
        assert.deepStrictEqual(again.body, answers[0]?.body)
        assert.strictEqual(again.headers.get("idempotent-replayed"), "true")
        assert.strictEqual((yield* take(people[0]!, couponId, { key: "more" })).body["code"], "COUPON_EXHAUSTED")
      })
    )

    it.effect("are issued once to a user, and in their time", () =>
      Effect.gen(function* () {
        const [seller, who] = [yield* person("SELLER"), yield* person()]
        const couponId = yield* coupon(seller)
        yield* take(who, couponId)
        const codes = yield* Effect.forEach(
          [
            couponId,
            yield* coupon(seller, { issueFrom: yield* hours(1) }),
            yield* Scene.offered(seller.userId, { issue: { from: undefined, until: 1 } }),
            "cpn_00000000-0000-7000-8000-000000000000"
          ],
          (id, n) => Effect.map(take(who, id, { key: `k${n}` }), ({ body }) => [body["code"], body["couponStatus"]])
        )
        assert.deepStrictEqual(codes, [
          ["COUPON_ALREADY_ISSUED", undefined],
          ["COUPON_NOT_ISSUABLE", "CREATED"],
          ["COUPON_NOT_ISSUABLE", "EXPIRED"],
          ["COUPON_NOT_FOUND", undefined]
        ])
      })
    )

    it.effect("are given to somebody by their seller", () =>
      Effect.gen(function* () {
        const [seller, who] = [yield* person("SELLER"), yield* person()]
        const couponId = yield* coupon(seller)
        const grant = (userId: string, key: string) =>
          call("POST", "/coupons/issue", { token: seller.token, key, body: { couponId, userId } })
        assert.deepInclude((yield* grant(who.userId, "a")).body, { userId: who.userId, rank: 1 })
        assert.strictEqual((yield* grant(who.userId, "b")).body["code"], "COUPON_ALREADY_ISSUED")
        assert.strictEqual((yield* grant(nobody, "c")).body["code"], "USER_NOT_FOUND")
      })
    )

    it.effect("have a code in which upper and lower case are the same", () =>
      Effect.gen(function* () {
        const [{ token }, who] = [yield* person("SELLER"), yield* person()]
        const body = { ...wanted, code: "Vip-50", issueBy: ["CODE"] }
        const made = yield* call("POST", "/coupons", { token, body })
        assert.deepInclude(made.body, { code: "VIP-50" })
        const again = { token, body: { ...body, code: "vip-50" } }
        assert.strictEqual(yield* outcome("POST", "/coupons", again), "409 COUPON_CODE_TAKEN")
        assert.deepInclude((yield* claim(who, "vIP-50")).body, { couponId: made.body["couponId"] })
      })
    )

    it.effect("are had by their code, if made so, and then not otherwise", () =>
      Effect.gen(function* () {
        const [seller, who] = [yield* person("SELLER"), yield* person()]
        const made = yield* call("POST", "/coupons", { token: seller.token, body: { ...wanted, issueBy: ["CODE"] } })
        const [couponId, code] = [String(made.body["couponId"]), String(made.body["code"])]
        const had = yield* claim(who, ` ${code}\n`)
        assert.deepInclude(had.body, { couponId, userId: who.userId, status: "ISSUED", rank: 1 })
        const again = yield* claim(who, code)
        assert.deepStrictEqual(again.body, had.body)
        assert.strictEqual(again.headers.get("idempotent-replayed"), "true")
        assert.strictEqual((yield* claim(who, code, "more")).body["code"], "COUPON_ALREADY_ISSUED")
        const refused = { code: "COUPON_NOT_ISSUABLE", couponStatus: "ACTIVE", reason: "ISSUE_BY" }
        assert.deepInclude((yield* take(yield* person(), couponId)).body, refused)
        const body = { couponId, userId: (yield* person()).userId }
        assert.deepInclude(
          (yield* call("POST", "/coupons/issue", { token: seller.token, key: "g", body })).body,
          refused
        )
        const listed = yield* call("GET", "/coupons?limit=100")
        assert.notInclude(idsOf(listed.body, "couponId"), couponId)
      })
    )

    it.effect("are not told of to who guesses codes, ten times a minute and no more", () =>
      Effect.gen(function* () {
        const [seller, who, other] = [yield* person("SELLER"), yield* person(), yield* person()]
        yield* coupon(seller, { code: "NOT-BY-CODE" })
        yield* coupon(seller, { code: "NOT-YET", issueBy: ["CODE"], issueFrom: yield* hours(1) })
        yield* coupon(seller, { code: "RIGHT", issueBy: ["CODE"] })
        const guesses = ["NOT-BY-CODE", "NOT-YET", "NEVER-MADE", ...Array.from({ length: 7 }, (_, n) => `GUESS-${n}`)]
        const told = yield* Effect.forEach(guesses, (code, n) => claim(who, code, `guess-${n}`))
        assert.deepStrictEqual(
          new Set(told.map(({ status, body }) => JSON.stringify([status, Struct.omit(body, ["traceId"])]))).size,
          1
        )
        assert.deepInclude(told[0]?.body, { status: 404, code: "COUPON_NOT_FOUND" })
        const refused = yield* claim(who, "RIGHT", "right")
        assert.deepInclude(refused.body, { status: 429, code: "RATE_LIMITED" })
        assert.match(refused.headers.get("retry-after") ?? "", /^[1-6]$/)
        assert.strictEqual((yield* claim(other, "RIGHT")).status, 201)
      })
    )

    it.effect("are not told of either to who names codes of new ones, taken or not", () =>
      Effect.gen(function* () {
        const [seller, mallory] = [yield* person("SELLER"), yield* person("SELLER")]
        yield* coupon(seller, { code: "TAKEN-26" })
        const name = (code: string) => outcome("POST", "/coupons", { token: mallory.token, body: { ...wanted, code } })
        assert.strictEqual(yield* name("TAKEN-26"), "409 COUPON_CODE_TAKEN")
        for (let n = 0; n < 9; n++) assert.strictEqual(yield* name(`FREE-${n}`), "201")
        assert.strictEqual(yield* name("TAKEN-26"), "429 RATE_LIMITED")
        assert.strictEqual(yield* name("FREE-9"), "429 RATE_LIMITED")
        assert.strictEqual((yield* claim(mallory, "TAKEN-26")).body["code"], "RATE_LIMITED")
        yield* coupon(mallory)
      })
    )

    it.effect("for a tier are had by its users, from then on", () =>
      Effect.gen(function* () {
        const [seller, who, admin] = [yield* person("SELLER"), yield* person(), yield* person("ADMIN")]
        const couponId = yield* coupon(seller, { tiers: ["VIP"] })
        const refused = { code: "COUPON_NOT_ISSUABLE", couponStatus: "ACTIVE", reason: "TIER" }
        assert.deepInclude((yield* take(who, couponId)).body, refused)
        const body = { couponId, userId: who.userId }
        assert.deepInclude(
          (yield* call("POST", "/coupons/issue", { token: seller.token, key: "g", body })).body,
          refused
        )
        yield* call("PATCH", `/users/${who.userId}`, { token: admin.token, body: { tier: "VIP" } })
        assert.strictEqual((yield* take(who, couponId)).status, 201)
      })
    )

    it.effect("are had by who registers, if an administrator made them so", () =>
      Effect.gen(function* () {
        const body = { ...wanted, grantOn: "REGISTRATION" }
        const [seller, admin] = [yield* person("SELLER"), yield* person("ADMIN")]
        const refused = yield* outcome("POST", "/coupons", { token: seller.token, body })
        assert.strictEqual(refused, "403 COUPON_PERMISSION_DENIED")
        const { body: made } = yield* call("POST", "/coupons", { token: admin.token, body })
        assert.strictEqual(made["grantOn"], "REGISTRATION")
        const credentials = { loginId: "newcomer", password: "a long password" }
        const registered = yield* call("POST", "/users", { body: { ...credentials, name: "New" } })
        assert.strictEqual(registered.status, 201)
        yield* grantOwed
        const token = String((yield* call("POST", "/auth/login", { body: credentials })).body["accessToken"])
        const listed = yield* call("GET", `/coupons/user/${String(registered.body["userId"])}`, { token })
        assert.deepStrictEqual(idsOf(listed.body, "couponId"), [made["couponId"]])
      })
    )

    it.effect("are listed while they can be had, without their codes", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const open = yield* coupon(seller, { code: "OPEN-SESAME" })
        const later = yield* coupon(seller, { issueFrom: yield* hours(1) })
        const one = yield* coupon(seller, { totalQuantity: 1 })
        yield* take(yield* person(), one)
        const { status, body, text } = yield* call("GET", "/coupons?limit=100")
        assert.strictEqual(status, 200)
        const ids = idsOf(body, "couponId")
        assert.deepStrictEqual(
          [open, later, one].map((id) => ids.includes(id)),
          [true, false, false]
        )
        assert.notInclude(text, "OPEN-SESAME")
      })
    )

    it.effect("are suspended and opened again by who has seen them last, and cancelled for good", () =>
      Effect.gen(function* () {
        const [seller, who] = [yield* person("SELLER"), yield* person()]
        const couponId = yield* coupon(seller)
        const set = (status: string, ifMatch?: number) =>
          call("PATCH", `/coupons/${couponId}`, {
            token: seller.token,
            body: { status },
            ...(ifMatch === undefined ? {} : { ifMatch })
          })
        const suspended = yield* set("SUSPENDED", 1)
        assert.deepInclude(suspended.body, { status: "SUSPENDED", version: 2 })
        assert.strictEqual(suspended.headers.get("etag"), '"2"')
        assert.deepInclude((yield* take(who, couponId)).body, {
          code: "COUPON_NOT_ISSUABLE",
          couponStatus: "SUSPENDED"
        })
        assert.strictEqual((yield* set("ACTIVE", 1)).body["code"], "STALE_VERSION")
        assert.strictEqual((yield* set("ACTIVE")).body["code"], "PRECONDITION_REQUIRED")
        assert.strictEqual((yield* set("ACTIVE", 2)).body["status"], "ACTIVE")
        assert.strictEqual((yield* take(who, couponId)).status, 201)
        assert.strictEqual((yield* set("CANCELLED", 3)).body["status"], "CANCELLED")
        assert.strictEqual((yield* set("ACTIVE", 4)).body["code"], "COUPON_NOT_ISSUABLE")
      })
    )

    it.effect("make an order cheaper, once, and are listed by what has become of them", () =>
      Effect.gen(function* () {
        const [seller, who] = [yield* person("SELLER"), yield* person("BUYER", 10_000)]
        const productId = yield* product(seller, { category: "shoes" })
        const couponId = yield* coupon(seller, {
          discountType: "PERCENTAGE",
          discountValue: 15,
          maxDiscount: 200,
          categories: ["shoes"]
        })
        const userCouponId = String((yield* take(who, couponId)).body["userCouponId"])
        const order = (key: string, more: object = {}) =>
          buy(who, productId, 1, { key, body: { items: [{ productId, quantity: 1 }], userCouponId, ...more } })
        assert.strictEqual((yield* order("a", { expectedTotal: 1000 })).body["code"], "PRICE_CHANGED")
        const bought = yield* order("b", { expectedTotal: 850 })
        assert.deepInclude(bought.body, { totalAmount: 1000, discountAmount: 150, paidAmount: 850, balance: 9150 })
        assert.deepInclude((yield* order("c")).body, { code: "COUPON_NOT_USABLE", reason: "USED" })
        const orderId = String(bought.body["orderId"])
        const shown = yield* call("GET", `/orders/${orderId}`, { token: who.token })
        assert.deepInclude(shown.body, { discountAmount: 150, userCouponId })
        const listed = (status: string) =>
          Effect.map(
            call("GET", `/coupons/user/${who.userId}?status=${status}`, { token: who.token }),
            ({ body }) => body["items"]
          )
        assert.deepStrictEqual(yield* listed("ISSUED"), [])
        const [used] = (yield* listed("USED")) as ReadonlyArray<object>
        assert.deepInclude(used, { userCouponId, couponId, status: "USED", orderId, rank: 1, discountValue: 15 })
      })
    )

    it.effect("are taken away by their seller or an administrator, while they can be used", () =>
      Effect.gen(function* () {
        const [seller, other, who] = [yield* person("SELLER"), yield* person("SELLER"), yield* person("BUYER", 5000)]
        const admin = yield* person("ADMIN")
        const productId = yield* product(seller)
        const couponId = yield* coupon(seller, { perUserLimit: 2 })
        const ids = yield* Effect.forEach(["a", "b"], (key) =>
          Effect.map(take(who, couponId, { key }), ({ body }) => String(body["userCouponId"]))
        )
        const revoke = (by: Shop.Person, userCouponId: unknown, key: string, userId: string = who.userId) =>
          call("POST", "/coupons/revoke", { token: by.token, key, body: { userId, userCouponId, reason: " fraud " } })
        const codes = [
          yield* revoke(who, ids[0], "k"),
          yield* revoke(other, ids[0], "k"),
          ...(yield* Effect.forEach([seller, admin], (by) =>
            Effect.all([
              revoke(by, "uco_00000000-0000-7000-8000-000000000000", "k"),
              revoke(by, ids[0], "k", other.userId),
              revoke(by, ids[0], "k", nobody)
            ])
          )).flat()
        ].map(({ body }) => body["code"])
        // Who is there, and has what, is told to nobody but an administrator.
        assert.deepStrictEqual(codes, [
          ...Array.from({ length: 5 }, () => "COUPON_PERMISSION_DENIED"),
          "COUPON_NOT_FOUND",
          "COUPON_NOT_FOUND",
          "USER_NOT_FOUND"
        ])
        const revoked = yield* revoke(seller, ids[0], "1")
        assert.strictEqual(revoked.status, 200)
        assert.deepInclude(revoked.body, { userCouponId: ids[0], couponId, status: "REVOKED", reason: "fraud" })
        assert.deepStrictEqual((yield* revoke(seller, ids[0], "1")).body, revoked.body)
        const again = yield* revoke(admin, ids[0], "2")
        assert.deepInclude(again.body, { status: 409, code: "COUPON_NOT_REVOCABLE", reason: "REVOKED" })
        const order = (userCouponId: unknown) =>
          buy(who, productId, 1, {
            key: String(userCouponId),
            body: { items: [{ productId, quantity: 1 }], userCouponId }
          })
        assert.deepInclude((yield* order(ids[0])).body, { code: "COUPON_NOT_USABLE", reason: "REVOKED" })
        assert.strictEqual((yield* order(ids[1])).status, 201)
        assert.deepInclude((yield* revoke(seller, ids[1], "3")).body, { code: "COUPON_NOT_REVOCABLE", reason: "USED" })
        assert.strictEqual((yield* take(who, couponId, { key: "c" })).body["code"], "COUPON_ALREADY_ISSUED")
        const listed = yield* call("GET", `/coupons/user/${who.userId}?status=REVOKED`, { token: who.token })
        assert.deepStrictEqual(idsOf(listed.body, "userCouponId"), [ids[0]])
        assert.notInclude(listed.text, "fraud")

        const left = yield* person()
        const { body: taken } = yield* take(left, couponId)
        const gone = yield* revoke(seller, taken["userCouponId"], "4", left.userId)
        assert.strictEqual(yield* outcome("DELETE", `/users/${left.userId}`, { token: left.token }), "204")
        const repeated = yield* revoke(seller, taken["userCouponId"], "4", left.userId)
        assert.deepStrictEqual([repeated.status, repeated.body], [200, gone.body])
        assert.strictEqual(repeated.headers.get("idempotent-replayed"), "true")
      })
    )

    it.effect("are counted for who manages them: had, used, taken away, and what they took off", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const productId = yield* product(seller)
        const couponId = yield* coupon(seller, { discountValue: 300 })
        const people = yield* Effect.forEach([1, 2, 3], () => person("BUYER", 5000))
        const ids = yield* Effect.forEach(people, (who) =>
          Effect.map(take(who, couponId), ({ body }) => body["userCouponId"])
        )
        const [buyer, cheat] = people
        const body = { items: [{ productId, quantity: 1 }], userCouponId: ids[0] }
        assert.strictEqual((yield* buy(buyer!, productId, 1, { body })).status, 201)
        const revocation = { userId: cheat?.userId, userCouponId: ids[1], reason: "fraud" }
        yield* call("POST", "/coupons/revoke", { token: seller.token, key: "r", body: revocation })
        const path = `/coupons/${couponId}/statistics`
        assert.deepStrictEqual((yield* call("GET", path, seller)).body, {
          couponId,
          issued: 3,
          used: 1,
          held: 0,
          refunded: 0,
          revoked: 1,
          expired: 0,
          usageRate: 3333,
          totalDiscount: 300
        })
        assert.strictEqual(yield* outcome("GET", path, buyer), "403 COUPON_PERMISSION_DENIED")
      })
    )

    it.effect("for a first purchase only are no use after one", () =>
      Effect.gen(function* () {
        const [seller, who] = [yield* person("SELLER"), yield* person("BUYER", 5000)]
        const productId = yield* product(seller)
        const couponId = yield* coupon(seller, { firstPurchaseOnly: true, perUserLimit: 2 })
        const ids = yield* Effect.forEach(["a", "b"], (key) =>
          Effect.map(take(who, couponId, { key }), ({ body }) => body["userCouponId"])
        )
        const order = (userCouponId: unknown) =>
          buy(who, productId, 1, {
            key: String(userCouponId),
            body: { items: [{ productId, quantity: 1 }], userCouponId }
          })
        assert.deepInclude((yield* order(ids[0])).body, { status: "CONFIRMED", paidAmount: 0 })
        assert.deepInclude((yield* order(ids[1])).body, { code: "COUPON_NOT_USABLE", reason: "FIRST_PURCHASE_ONLY" })
        const listed = yield* call("GET", `/coupons/user/${who.userId}`, { token: who.token })
        assert.include(listed.text, '"firstPurchaseOnly":true')
      })
    )

    it.effect("of others are not there", () =>
      Effect.gen(function* () {
        const [seller, who, other] = [yield* person("SELLER"), yield* person(), yield* person("BUYER", 10_000)]
        const productId = yield* product(seller)
        const userCouponId = String((yield* take(who, yield* coupon(seller))).body["userCouponId"])
        const body = { items: [{ productId, quantity: 1 }], userCouponId }
        const refused = yield* buy(other, productId, 1, { body })
        assert.deepInclude(refused.body, { code: "COUPON_NOT_USABLE", reason: "NOT_FOUND" })
      })
    )
  })
})
