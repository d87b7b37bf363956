import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as Shop from "./Shop.ts"
import { buy, call, coupon, outcome, person, product } from "./Shop.ts"

const goods = { name: "Boot", price: 1000, stock: 3 }
const voucher = { name: "New", discountType: "FIXED", discountValue: 1, totalQuantity: 1 }

const assign = (seller: Shop.Person, manager: Shop.Person, by = seller) =>
  outcome("PUT", `/users/${seller.userId}/managers/${manager.userId}`, { token: by.token })
const remove = (seller: Shop.Person, manager: Shop.Person, by = seller) =>
  outcome("DELETE", `/users/${seller.userId}/managers/${manager.userId}`, { token: by.token })

const team = Effect.gen(function* () {
  const [seller, manager] = [yield* person("SELLER"), yield* person("MANAGER")]
  assert.strictEqual(yield* assign(seller, manager), "204")
  return { seller, manager }
})

describe("A manager", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("of one seller need not say which; of several, must; of none, may nothing", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        const create = (body: object = {}, by = manager) =>
          call("POST", "/products", { token: by.token, body: { ...goods, ...body } })
        assert.strictEqual((yield* create()).body["sellerId"], seller.userId)

        const other = yield* person("SELLER")
        yield* assign(other, manager)
        assert.strictEqual((yield* create()).body["code"], "SELLER_REQUIRED")
        assert.strictEqual((yield* create({ sellerId: other.userId })).body["sellerId"], other.userId)
        const unspecific = yield* outcome("POST", "/coupons", { token: manager.token, body: voucher })
        assert.strictEqual(unspecific, "422 SELLER_REQUIRED")

        const foreign = yield* person("SELLER")
        for (const sellerId of [foreign.userId, manager.userId, "x"]) {
          assert.strictEqual((yield* create({ sellerId })).body["code"], "FORBIDDEN")
        }
        assert.strictEqual((yield* create({}, yield* person("MANAGER"))).body["code"], "FORBIDDEN")
      })
    )

    it.effect("makes and edits what is the seller's, from the assignment until it is taken back", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        const productId = yield* product(seller)
        const couponId = yield* coupon(manager)
        const read = yield* call("GET", `/coupons/${couponId}`)
        assert.strictEqual(read.body["sellerId"], seller.userId)
        const edit = (ifMatch: number) =>
          outcome("PATCH", `/products/${productId}`, { token: manager.token, ifMatch, body: { price: 900 + ifMatch } })
        assert.strictEqual(yield* edit(1), "200")
        assert.strictEqual(yield* remove(seller, manager), "204")
        assert.strictEqual(yield* edit(2), "403 FORBIDDEN")
        const close = { token: manager.token, ifMatch: 1, body: { status: "SUSPENDED" } }
        assert.strictEqual(yield* outcome("PATCH", `/coupons/${couponId}`, close), "403 COUPON_PERMISSION_DENIED")
        assert.strictEqual(yield* assign(seller, manager), "204")
        assert.strictEqual(yield* edit(2), "200")
      })
    )

    it.effect("makes no coupons for what others sell", () =>
      Effect.gen(function* () {
        const { manager } = yield* team
        const productIds = [yield* product(yield* person("SELLER"))]
        const made = outcome("POST", "/coupons", { token: manager.token, body: { ...voucher, productIds } })
        assert.strictEqual(yield* made, "403 COUPON_PERMISSION_DENIED")
      })
    )

    it.effect("is who has that role, and acts for who is a seller", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        const [admin, buyer] = [yield* person("ADMIN"), yield* person("BUYER")]
        assert.strictEqual(yield* assign(seller, buyer), "409 NOT_A_MANAGER")
        assert.strictEqual(yield* assign(seller, seller), "409 NOT_A_MANAGER")
        assert.strictEqual(yield* assign(buyer, manager, admin), "409 NOT_A_SELLER")
        assert.strictEqual(yield* assign(seller, manager, admin), "204")
        const nobody = "usr_00000000-0000-7000-8000-000000000000"
        const unknown = outcome("PUT", `/users/${seller.userId}/managers/${nobody}`, { token: seller.token })
        assert.strictEqual(yield* unknown, "404 USER_NOT_FOUND")
      })
    )

    it.effect("is listed for the seller, once however often assigned, until removed", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        yield* assign(seller, manager)
        const list = Effect.map(call("GET", `/users/${seller.userId}/managers`, seller), ({ body }) => body["items"])
        const items = JSON.stringify(yield* list)
        assert.match(items, new RegExp(`^\\[{"managerId":"${manager.userId}","assignedAt":"[^"]+Z"}]$`))
        assert.strictEqual(yield* remove(seller, manager), "204")
        assert.strictEqual(yield* remove(seller, manager), "204")
        assert.deepStrictEqual(yield* list, [])
      })
    )

    it.effect("leaves a seller nobody asked for, and is told which there are", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        const [mallory, other] = [yield* person("SELLER"), yield* person("MANAGER")]
        yield* assign(mallory, manager)
        const create = () => call("POST", "/products", { token: manager.token, body: goods })
        const { body } = yield* create()
        assert.strictEqual(body["code"], "SELLER_REQUIRED")
        assert.deepStrictEqual(body["sellerIds"], [seller.userId, mallory.userId].toSorted())
        assert.strictEqual(yield* remove(mallory, manager, other), "403 FORBIDDEN")
        assert.strictEqual(yield* remove(mallory, manager, manager), "204")
        assert.strictEqual((yield* create()).body["sellerId"], seller.userId)
        const { audit } = yield* MemoryTables
        assert.deepInclude(audit.at(-2), { actorId: manager.userId, act: "managers.remove", entity: mallory.userId })
      })
    )

    it.effect("serves nobody once the seller has withdrawn, and neither does a seller's own token", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        const productId = yield* product(seller, { saleStatus: "PREPARING" })
        assert.strictEqual(yield* outcome("DELETE", `/users/${seller.userId}`, { token: seller.token }), "204")
        const create = ({ token }: Shop.Person) => outcome("POST", "/products", { token, body: goods })
        assert.strictEqual(yield* create(manager), "403 FORBIDDEN")
        assert.strictEqual(yield* create(seller), "404 USER_NOT_FOUND")
        assert.strictEqual(yield* assign(seller, manager), "404 USER_NOT_FOUND")
        const edit = { token: manager.token, ifMatch: 1, body: { price: 0 } }
        assert.strictEqual(yield* outcome("PATCH", `/products/${productId}`, edit), "403 FORBIDDEN")
      })
    )
  })
})

describe("An order whose seller has withdrawn", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("is nothing to the seller's old token any more: not to see, to send, or to cancel", () =>
      Effect.gen(function* () {
        const [{ seller, manager }, buyer] = [yield* team, yield* person("BUYER", 1000)]
        const productId = yield* product(seller)
        const bought = yield* buy(buyer, productId)
        const path = `/orders/${String(bought.body["orderId"])}`
        for (const status of ["PREPARING", "SHIPPED", "DELIVERED"]) {
          assert.strictEqual(yield* outcome("PUT", `${path}/status`, { token: seller.token, body: { status } }), "200")
        }
        assert.strictEqual(yield* outcome("PUT", `${path}/confirm`, buyer), "200")
        yield* call("DELETE", `/products/${productId}`, { token: seller.token, ifMatch: 1 })
        assert.strictEqual(yield* outcome("DELETE", `/users/${seller.userId}`, seller), "204")
        for (const { token } of [seller, manager]) {
          for (const list of ["orders", "refunds"]) {
            assert.strictEqual(
              yield* outcome("GET", `/sellers/${seller.userId}/${list}`, { token }),
              "404 USER_NOT_FOUND"
            )
          }
          assert.strictEqual(yield* outcome("GET", path, { token }), "404 ORDER_NOT_FOUND")
          const send = { token, body: { status: "PREPARING" } }
          assert.strictEqual(yield* outcome("PUT", `${path}/status`, send), "404 ORDER_NOT_FOUND")
          const cancel = { token, key: "cancel", body: {} }
          assert.strictEqual(yield* outcome("PUT", `${path}/cancel`, cancel), "404 ORDER_NOT_FOUND")
        }
        assert.strictEqual((yield* call("GET", path, buyer)).body["status"], "COMPLETED")
      })
    )
  })
})

describe("An order of several sellers", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("is to each of them, and to their managers, what they sold, and to nobody else", () =>
      Effect.gen(function* () {
        const { seller, manager } = yield* team
        const [other, buyer] = [yield* person("SELLER"), yield* person("BUYER", 10_000)]
        const items = [
          { productId: yield* product(seller, { price: 1000 }), quantity: 2 },
          { productId: yield* product(other, { price: 3000 }), quantity: 1 }
        ]
        const bought = yield* buy(buyer, "", 1, { body: { items } })
        const path = `/orders/${String(bought.body["orderId"])}`
        const seen = ({ token }: Shop.Person) =>
          Effect.map(call("GET", path, { token }), ({ body }) => [
            body["totalAmount"],
            body["paidAmount"],
            JSON.stringify(body["lines"]).match(/prd_[^"]+/g),
            JSON.stringify(body["payments"]).length > 2
          ])
        const [mine, theirs] = items.map(({ productId }) => productId)
        assert.deepStrictEqual(yield* seen(buyer), [5000, 5000, [mine, theirs], true])
        assert.deepStrictEqual(yield* seen(seller), [2000, 2000, [mine], false])
        assert.deepStrictEqual(yield* seen(manager), [2000, 2000, [mine], false])
        assert.deepStrictEqual(yield* seen(other), [3000, 3000, [theirs], false])
        for (const role of ["BUYER", "SELLER", "MANAGER"] as const) {
          assert.strictEqual(yield* outcome("GET", path, yield* person(role)), "404 ORDER_NOT_FOUND")
        }
      })
    )
  })
})
