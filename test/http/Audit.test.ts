import { assert, describe, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Shop from "./Shop.ts"
import { buy, call, coupon, outcome, person, product, take } from "./Shop.ts"

const Page = Schema.Struct({
  items: Schema.Array(
    Schema.Struct({
      auditId: Schema.String,
      actorId: Schema.String,
      role: Schema.String,
      act: Schema.String,
      entity: Schema.String,
      onBehalfOf: Schema.NullOr(Schema.String),
      details: Schema.Record(Schema.String, Schema.Unknown),
      traceId: Schema.NullOr(Schema.String)
    })
  ),
  nextCursor: Schema.NullOr(Schema.String)
})

const auditOf = Effect.fnUntraced(function* (query: string) {
  const { body } = yield* call("GET", `/admin/audit?${query}`, { token: (yield* person("ADMIN")).token })
  return yield* Schema.decodeUnknownEffect(Page)(body)
})

/** What somebody did by a privilege, in order: `act entity/owner details`. */
const deedsOf = ({ userId }: Shop.Person) =>
  Effect.map(auditOf(`actor=${userId}&limit=100`), ({ items }) =>
    items.map(({ act, entity, onBehalfOf, details }) => [act, entity, onBehalfOf, JSON.stringify(details)]).toReversed()
  )

const goods = { name: "Boot", price: 1000, stock: 3 }
const voucher = { name: "New", discountType: "FIXED", discountValue: 1, totalQuantity: 1 }

describe("The audit", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("has what an administrator makes of the orders of others, once, and nothing of their owners'", () =>
      Effect.gen(function* () {
        const admin = yield* person("ADMIN")
        const { token } = admin
        const seller = yield* person("SELLER")
        const user = yield* person("BUYER", 10_000)
        const productId = yield* product(seller)
        const orderId = yield* Shop.order(user, productId, 2)
        yield* Shop.pay(admin, orderId)
        yield* Shop.pay(admin, orderId)
        yield* call("PUT", `/orders/${orderId}/status`, { token, body: { status: "PREPARING" } })
        const items = [{ productId, quantity: 1 }]
        const { body: refund } = yield* call("POST", "/refunds", { token, key: "k", body: { orderId, items } })
        const refundId = String(refund["refundId"])
        yield* call("PUT", `/orders/${orderId}/refunds/${refundId}`, { ...seller, body: { approved: true } })
        yield* call("PUT", `/orders/${orderId}/cancel`, { token, key: "k", body: {} })
        yield* call("PUT", `/orders/${orderId}/cancel`, { token, key: "again", body: {} })
        assert.deepStrictEqual(
          (yield* deedsOf(admin)).map(([act, entity, owner]) => [act, entity, owner]),
          [
            ["payments.process", orderId, user.userId],
            ["orders.progress", orderId, user.userId],
            ["orders.refund", orderId, user.userId],
            ["orders.cancel", orderId, user.userId]
          ]
        )
        assert.deepStrictEqual([yield* deedsOf(user), yield* deedsOf(seller)], [[], []])
        assert.deepInclude((yield* call("GET", `/orders/${orderId}`, user)).body, { cancelReason: "ADMIN" })
      })
    )

    it.effect("has what an administrator does to the things of others, and what is looked at", () =>
      Effect.gen(function* () {
        const admin = yield* person("ADMIN")
        const { token } = admin
        const seller = yield* person("SELLER")
        const user = yield* person("BUYER", 1000)
        const productId = yield* product(seller)
        const couponId = yield* coupon(seller)
        const { body: order } = yield* buy(user, productId)

        const charge = { token, key: "k", body: { userId: user.userId, amount: 2000 } }
        assert.strictEqual(yield* outcome("POST", "/balances/charge", charge), "200")
        assert.strictEqual(yield* outcome("POST", "/balances/charge", charge), "200")
        const refused = { token, key: "refused", body: { userId: user.userId, amount: 1 } }
        assert.strictEqual(yield* outcome("POST", "/balances/charge", refused), "422 CHARGE_BELOW_MINIMUM")
        yield* call("PATCH", `/users/${user.userId}`, { token, body: { name: "Park", password: "correct horse" } })
        yield* call("PATCH", `/products/${productId}`, { token, ifMatch: 1, body: { price: 1 } })
        yield* call("POST", `/products/${productId}/stock`, { token, ifMatch: 2, body: { delta: 5 } })
        yield* call("DELETE", `/products/${productId}`, { token, ifMatch: 3 })
        yield* call("PATCH", `/coupons/${couponId}`, { token, ifMatch: 1, body: { status: "ACTIVE" } })
        yield* take(admin, couponId, { body: { couponId, userId: user.userId } })
        for (const path of [
          `/users/${user.userId}`,
          `/balances/${user.userId}`,
          `/balances/${user.userId}/transactions`,
          `/coupons/user/${user.userId}`,
          `/orders?userId=${user.userId}`,
          `/users/${user.userId}/managers`,
          `/sellers/${user.userId}/coupons`,
          `/sellers/${user.userId}/orders`,
          `/sellers/${user.userId}/refunds`,
          "/admin/refunds",
          "/admin/refunds?status=REFUND_REQUESTED",
          `/orders/${String(order["orderId"])}`
        ]) {
          assert.strictEqual(yield* outcome("GET", path, { token }), "200")
        }
        const leaver = yield* person()
        assert.strictEqual(yield* outcome("DELETE", `/users/${leaver.userId}`, { token }), "204")

        const deeds = yield* deedsOf(admin)
        const issued = deeds[6]?.[1] ?? ""
        assert.match(String(issued), /^uco_/)
        const looked = (act: string, entity: unknown = user.userId) => [act, entity, user.userId, "{}"]
        assert.deepStrictEqual(deeds, [
          ["balances.charge", user.userId, user.userId, '{"amount":2000}'],
          ["users.changeProfile", user.userId, user.userId, '{"changed":["name","password"]}'],
          ["products.edit", productId, seller.userId, '{"price":1}'],
          ["products.adjustStock", productId, seller.userId, '{"delta":5}'],
          ["products.discontinue", productId, seller.userId, '{"saleStatus":"DISCONTINUED"}'],
          ["coupons.edit", couponId, seller.userId, '{"condition":"OPEN"}'],
          ["coupons.issueLimited", issued, user.userId, JSON.stringify({ couponId, userId: user.userId })],
          looked("users.profile"),
          looked("balances.balance"),
          looked("balances.transactions"),
          looked("coupons.ofUser"),
          looked("orders.list"),
          looked("managers.list"),
          looked("coupons.ofSeller"),
          looked("orders.sold"),
          looked("refunds.requested"),
          ["refunds.list", "refunds", null, '{"status":"MANUAL"}'],
          ["refunds.list", "refunds", null, '{"status":"REFUND_REQUESTED"}'],
          looked("orders.read", order["orderId"]),
          ["users.withdraw", leaver.userId, leaver.userId, "{}"]
        ])
      })
    )

    it.effect("has roles given, managers assigned and removed, and coupons given away", () =>
      Effect.gen(function* () {
        const [admin, seller, manager] = [yield* person("ADMIN"), yield* person("SELLER"), yield* person("MANAGER")]
        const body = { loginId: `for-${seller.userId}`, name: "M", password: "correct horse", role: "MANAGER" }
        const made = yield* call("POST", "/users", { token: admin.token, body })
        assert.deepStrictEqual(yield* deedsOf(admin), [
          ["users.register", made.body["userId"], null, '{"role":"MANAGER"}']
        ])

        const path = `/users/${seller.userId}/managers/${manager.userId}`
        for (const method of ["PUT", "PUT", "DELETE", "DELETE"]) yield* call(method, path, seller)
        const couponId = yield* coupon(seller)
        const grant = { token: seller.token, key: "k", body: { couponId, userId: seller.userId } }
        const { body: given } = yield* call("POST", "/coupons/issue", grant)
        const managed = JSON.stringify({ managerId: manager.userId })
        assert.deepStrictEqual(yield* deedsOf(seller), [
          ["managers.assign", seller.userId, null, managed],
          ["managers.remove", seller.userId, null, managed],
          ["coupons.issue", given["userCouponId"], null, JSON.stringify({ couponId, userId: seller.userId })]
        ])
      })
    )

    it.effect("has coupons taken away, tiers given, and coupons made for all who register", () =>
      Effect.gen(function* () {
        const [admin, seller, user] = [yield* person("ADMIN"), yield* person("SELLER"), yield* person()]
        const couponId = yield* coupon(seller, { perUserLimit: 2 })
        const ids = yield* Effect.forEach(["1", "2"], (key) =>
          Effect.map(take(user, couponId, { key }), ({ body }) => String(body["userCouponId"]))
        )
        for (const [n, { token }] of [seller, admin].entries()) {
          const body = { userId: user.userId, userCouponId: ids[n], reason: "fraud" }
          assert.strictEqual(yield* outcome("POST", "/coupons/revoke", { token, key: "k", body }), "200")
          assert.strictEqual(yield* outcome("POST", "/coupons/revoke", { token, key: "k", body }), "200")
        }
        const { token } = admin
        for (const { userId } of [user, admin]) {
          assert.strictEqual(yield* outcome("PATCH", `/users/${userId}`, { token, body: { tier: "GOLD" } }), "200")
        }
        const own = { sellerId: admin.userId }
        yield* coupon(admin, own)
        const forAll = yield* coupon(admin, { ...own, grantOn: "REGISTRATION" })
        const discount = { _tag: "FIXED", amount: 1000 }
        const terms = JSON.stringify({ productIds: [], discount, totalQuantity: 10, grantOn: "REGISTRATION" })
        const revoked = JSON.stringify({ couponId, userId: user.userId, reason: "fraud" })
        const changed = '{"changed":["tier"],"tier":"GOLD"}'
        assert.deepStrictEqual(yield* deedsOf(seller), [["coupons.revoke", ids[0], null, revoked]])
        assert.deepStrictEqual(yield* deedsOf(admin), [
          ["coupons.revoke", ids[1], seller.userId, revoked],
          ["users.changeProfile", user.userId, user.userId, changed],
          ["users.changeProfile", admin.userId, null, changed],
          ["coupons.create", forAll, null, terms]
        ])
      })
    )

    it.effect("has all that a manager does", () =>
      Effect.gen(function* () {
        const [seller, manager] = [yield* person("SELLER"), yield* person("MANAGER")]
        yield* call("PUT", `/users/${seller.userId}/managers/${manager.userId}`, seller)
        const { token } = manager
        const { body: made } = yield* call("POST", "/products", { token, body: goods })
        yield* call("PATCH", `/products/${String(made["productId"])}`, { token, ifMatch: 1, body: { price: 1 } })
        const { body: offered } = yield* call("POST", "/coupons", { token, body: voucher })
        const wanted = { couponId: offered["couponId"], userId: manager.userId }
        yield* call("POST", "/coupons/issue", { token, key: "k", body: wanted })
        const buyer = yield* person("BUYER")
        const orderId = yield* Shop.order(buyer, yield* product(seller), 1, { shippingAddress: "Seoul 1" })
        for (const who of [seller, manager]) {
          assert.deepInclude((yield* call("GET", `/orders/${orderId}`, who)).body, { shippingAddress: "Seoul 1" })
        }
        const deeds = (yield* deedsOf(manager)).map(([act, , onBehalfOf]) => [act, onBehalfOf])
        assert.deepStrictEqual(deeds, [
          ["products.create", seller.userId],
          ["products.edit", seller.userId],
          ["coupons.create", seller.userId],
          ["coupons.issue", seller.userId],
          ["orders.read", seller.userId]
        ])
        assert.lengthOf((yield* auditOf(`entity=${orderId}`)).items, 1)
      })
    )

    it.effect("has nothing of what people do with their own things, or could not do", () =>
      Effect.gen(function* () {
        const [seller, admin] = [yield* person("SELLER", 5000), yield* person("ADMIN", 5000)]
        for (const who of [seller, admin]) {
          const { userId, token } = who
          const productId = yield* product(who)
          yield* call("PATCH", `/products/${productId}`, { token, ifMatch: 1, body: { price: 900 } })
          yield* buy(who, productId)
          yield* call("PATCH", `/users/${userId}`, { token, body: { name: "Lee" } })
          for (const path of [
            `/users/${userId}`,
            `/balances/${userId}`,
            "/orders",
            `/sellers/${userId}/coupons`,
            `/sellers/${userId}/orders`,
            `/sellers/${userId}/refunds`
          ]) {
            assert.strictEqual(yield* outcome("GET", path, who), "200")
          }
        }
        const couponId = yield* coupon(seller)
        yield* take(seller, couponId)
        yield* call("GET", `/users/${admin.userId}`, seller)
        yield* call("POST", "/balances/charge", {
          token: seller.token,
          key: "theft",
          body: { userId: admin.userId, amount: 1000 }
        })
        assert.deepStrictEqual(yield* deedsOf(seller), [])
        assert.deepStrictEqual(yield* deedsOf(admin), [])
      })
    )

    it.effect("names the trace it belongs to, by either lane, or what its problem does, and the actor's role", () =>
      Effect.gen(function* () {
        const admin = yield* person("ADMIN")
        const user = yield* person()
        const couponId = yield* coupon(yield* person("SELLER"))
        const traceId = "0af7651916cd43dd8448eb211c80319c"
        const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
        yield* call("GET", `/users/${user.userId}`, { token: admin.token, headers })
        yield* take(admin, couponId, { headers, body: { couponId, userId: user.userId } })
        const { body } = yield* call("GET", `/balances/${user.userId}/transactions?cursor=x`, { token: admin.token })
        assert.deepInclude(body, { code: "INVALID_CURSOR" })
        const { items } = yield* auditOf(`actor=${admin.userId}`)
        assert.deepStrictEqual(
          items.map((row) => [row.act, row.traceId, row.role]),
          [
            ["balances.transactions", body["traceId"], "ADMIN"],
            ["coupons.issueLimited", traceId, "ADMIN"],
            ["users.profile", traceId, "ADMIN"]
          ]
        )
      })
    )

    it.effect("is found by what was acted on, page by page", () =>
      Effect.gen(function* () {
        const [first, second, user] = [yield* person("ADMIN"), yield* person("ADMIN"), yield* person()]
        for (const { token } of [first, second, first]) yield* call("GET", `/users/${user.userId}`, { token })
        const page = yield* auditOf(`entity=${user.userId}&limit=2`)
        const rest = yield* auditOf(`entity=${user.userId}&limit=2&cursor=${page.nextCursor}`)
        assert.deepStrictEqual(
          [...page.items, ...rest.items].map(({ actorId }) => actorId),
          [first.userId, second.userId, first.userId]
        )
        assert.isNull(rest.nextCursor)
        const { token } = first
        assert.strictEqual(yield* outcome("GET", "/admin/audit?cursor=x", { token }), "422 INVALID_CURSOR")
        assert.strictEqual(yield* outcome("GET", "/admin/audit?actor=x", { token }), "404 USER_NOT_FOUND")
      })
    )
  })
})
