import { assert, type Vitest } from "@effect/vitest"
import { Effect, Struct } from "effect"
import { permit } from "../../src/domain/Authority.ts"
import { couponId, type CouponId, orderId, productId, RequestKey, userId, type UserId } from "../../src/domain/Ids.ts"
import type { Change } from "../../src/domain/Transaction.ts"
import { MoneyDelta, pieces, won } from "../../src/domain/Money.ts"
import { Catalogue, type CatalogueQuery, type Sort } from "../../src/persistence/Catalogue.ts"
import { Coupons } from "../../src/persistence/Coupons.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import type { PageRequest } from "../../src/persistence/Page.ts"
import { Statements } from "../../src/persistence/Statements.ts"
import { LoginIdTaken, Users } from "../../src/persistence/Users.ts"
import { coupon } from "../domain/Samples.ts"
import type { Storage } from "./Backends.ts"
import { Books } from "./Books.ts"
import { allPages } from "./Pages.ts"
import * as Scene from "./Scene.ts"

type It = Vitest.MethodsNonLive<Storage>

const firstPage: PageRequest = { limit: 20, cursor: undefined }

/** Cursors that no list gave out. */
const badCursors = ["", "x", "bm90IGpzb24", "e30", "Int9", "WzFd", "'; DROP TABLE orders; --", "\0"]

export const ofUsers = (it: It) => {
  it.effect("a registered user has an empty wallet", () =>
    Effect.gen(function* () {
      const repository = yield* Users
      const id = yield* Scene.register("SELLER", "Lee")
      const expected = { userId: id, loginId: `login-${id}`, name: "Lee", role: "SELLER", tier: "BRONZE" }
      assert.deepEqual(yield* repository.get(id), expected)
      assert.strictEqual((yield* (yield* Journal).load("wallet", [id]))[0]?.balance, won(0))
    })
  )

  it.effect("a login id belongs to one user", () =>
    Effect.gen(function* () {
      const repository = yield* Users
      const id = yield* Scene.register()
      const again = { userId: userId(Scene.next()), loginId: `login-${id}`, name: "", passwordHash: "" }
      const taken = yield* Effect.flip(repository.register({ ...again, role: permit("ADMIN") }))
      assert.instanceOf(taken, LoginIdTaken)
      assert.isUndefined(yield* repository.get(again.userId))
    })
  )

  it.effect("changes what is given, and nothing else", () =>
    Effect.gen(function* () {
      const repository = yield* Users
      const id = yield* Scene.register("BUYER", "Kim")
      const loginId = `login-${id}`
      assert.strictEqual((yield* repository.update(permit(id), { name: "Park" }))?.name, "Park")
      assert.strictEqual((yield* repository.credentials(loginId))?.passwordHash, "hash")
      assert.strictEqual((yield* repository.update(permit(id), { passwordHash: "other" }))?.name, "Park")
      assert.deepInclude(yield* repository.update(permit(id), { tier: permit("GOLD") }), { name: "Park", tier: "GOLD" })
      const given = yield* repository.update(permit(id), { role: permit("MANAGER") })
      assert.deepInclude(given, { tier: "GOLD", role: "MANAGER" })
      assert.deepInclude(yield* repository.update(permit(id), { name: "Kim" }), { tier: "GOLD", role: "MANAGER" })
      assert.strictEqual((yield* repository.credentials(loginId))?.passwordHash, "other")
    })
  )

  it.effect("knows the user of a login id, to the letter", () =>
    Effect.gen(function* () {
      const repository = yield* Users
      const id = yield* Scene.register()
      assert.deepEqual((yield* repository.credentials(`login-${id}`))?.user, yield* repository.get(id))
      for (const other of [`LOGIN-${id}`, `login-${id} `, "", "\0", "login-%"]) {
        assert.isUndefined(yield* repository.credentials(other))
      }
    })
  )

  it.effect("there is no user who is unknown or has withdrawn", () =>
    Effect.gen(function* () {
      const repository = yield* Users
      const withdrawn = yield* Scene.register()
      const fences = [yield* Scene.claimed]
      yield* Scene.commit(fences, [{ _tag: "UserWithdrew", userId: withdrawn }])
      for (const id of [withdrawn, userId(Scene.next())]) {
        assert.isUndefined(yield* repository.get(id))
        assert.isUndefined(yield* repository.update(permit(id), { name: "Park" }))
      }
      assert.isUndefined(yield* repository.credentials(`login-${withdrawn}`))
    })
  )

  it.effect("the login id of one who withdrew is free again", () =>
    Effect.gen(function* () {
      const repository = yield* Users
      const withdrawn = yield* Scene.register()
      const fences = [yield* Scene.claimed]
      yield* Scene.commit(fences, [{ _tag: "UserWithdrew", userId: withdrawn }])
      const id = userId(Scene.next())
      yield* repository.register({
        userId: id,
        loginId: `login-${withdrawn}`,
        name: "",
        role: permit("BUYER"),
        passwordHash: ""
      })
      assert.strictEqual((yield* repository.credentials(`login-${withdrawn}`))?.user.userId, id)
    })
  )
}

/** A shop of its own: a category no other test has. */
const shop = Effect.gen(function* () {
  const fences = [yield* Scene.claimed]
  const seller = yield* Scene.register("SELLER")
  const category = `category of ${seller}`
  const add = (stock: number, texts: Parameters<typeof Scene.created>[2]) => {
    const { id, changes } = Scene.created(seller, stock, { category, ...texts })
    return Effect.as(Scene.commit(fences, changes), id)
  }
  const catalogue = yield* Catalogue
  const list = (query: Partial<CatalogueQuery>) =>
    catalogue.list({
      ...firstPage,
      saleStatuses: ["ON_SALE"],
      sellerId: undefined,
      category,
      q: undefined,
      sort: "newest",
      minPrice: undefined,
      maxPrice: undefined,
      inStock: false,
      ...query
    })
  return { fences, seller, category, add, list, catalogue }
})

const ids = (page: { readonly items: ReadonlyArray<{ readonly productId: string }> }) =>
  page.items.map((entry) => entry.productId)

export const ofCatalogue = (it: It) => {
  it.effect("a seller sells while any product is on sale", () =>
    Effect.gen(function* () {
      const { isSelling } = yield* Catalogue
      const fences = [yield* Scene.claimed]
      const seller = yield* Scene.register("SELLER")
      const statuses = ["PREPARING", "SUSPENDED", "DISCONTINUED", "ON_SALE"] as const
      const selling = yield* Effect.forEach(statuses, (saleStatus) =>
        Effect.andThen(Scene.commit(fences, Scene.created(seller, 1, { saleStatus }).changes), isSelling(seller))
      )
      assert.deepEqual(selling, [false, false, false, true])
      assert.isFalse(yield* isSelling(yield* Scene.register("SELLER")))
    })
  )

  it.effect("a product is there with its texts, as it was committed", () =>
    Effect.gen(function* () {
      const { add, seller, category, catalogue } = yield* shop
      const id = yield* add(5, { name: "Shoe", description: "Blue", price: won(1_000_000_000) })
      const { createdAt, updatedAt, ...rest } = (yield* catalogue.get(id)) ?? assert.fail("absent")
      const expected = { productId: id, sellerId: seller, name: "Shoe", description: "Blue", category, version: 1 }
      assert.deepEqual(rest, {
        ...expected,
        price: won(1_000_000_000),
        onHand: pieces(5),
        reserved: pieces(0),
        saleStatus: "ON_SALE"
      })
      assert.isTrue(Number.isInteger(createdAt) && createdAt === updatedAt)
      assert.isUndefined(yield* catalogue.get(productId(Scene.next())))
    })
  )

  it.effect("an edit changes what is given and counts versions", () =>
    Effect.gen(function* () {
      const { add, fences, catalogue } = yield* shop
      const id = yield* add(5, { name: "Shoe", description: "Blue", price: won(10) })
      yield* Scene.commit(fences, [{ _tag: "ProductEdited", productId: id, edit: { price: won(20) } }])
      const { name, description, price, version, onHand } = (yield* catalogue.get(id)) ?? assert.fail("absent")
      assert.deepEqual([name, description, price, version, onHand], ["Shoe", "Blue", 20, 2, 5])
    })
  )

  it.effect("lists what is in the statuses asked for", () =>
    Effect.gen(function* () {
      const { add, fences, list, catalogue } = yield* shop
      const prepared = yield* add(0, { saleStatus: "PREPARING" })
      const sold = yield* add(1, {})
      const gone = yield* add(1, {})
      yield* Scene.commit(fences, [{ _tag: "ProductEdited", productId: gone, edit: { saleStatus: "DISCONTINUED" } }])
      assert.deepEqual(ids(yield* list({})), [sold])
      assert.deepEqual(ids(yield* list({ saleStatuses: ["PREPARING", "ON_SALE"] })), [sold, prepared])
      assert.deepEqual(ids(yield* list({ saleStatuses: ["DISCONTINUED"] })), [gone])
      assert.deepEqual(ids(yield* list({ saleStatuses: [] })), [])
      assert.strictEqual((yield* catalogue.get(gone))?.saleStatus, "DISCONTINUED")
    })
  )

  it.effect("lists what is a seller's", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* shop, yield* shop]
      const mine = yield* one.add(1, {})
      const theirs = yield* other.add(1, {})
      const listed = (sellerId: UserId) => Effect.map(one.list({ category: undefined, sellerId }), ids)
      assert.deepEqual([yield* listed(one.seller), yield* listed(other.seller)], [[mine], [theirs]])
    })
  )

  it.effect("what unpaid orders have of it is told, and is not to be had", () =>
    Effect.gen(function* () {
      const { add, fences, list, catalogue } = yield* shop
      const [some, all] = [yield* add(3, {}), yield* add(3, {})]
      yield* Scene.commit(fences, [
        { _tag: "StockReserved", productId: some, delta: 2 },
        { _tag: "StockReserved", productId: all, delta: 3 }
      ])
      assert.deepInclude(yield* catalogue.get(some), { onHand: pieces(3), reserved: pieces(2) })
      assert.deepEqual(ids(yield* list({ inStock: true })), [some])
    })
  )

  const filters: ReadonlyArray<[what: string, query: Partial<CatalogueQuery>, found: ReadonlyArray<string>]> = [
    ["its category", { category: "no such category" }, []],
    ["a part of its name, whatever the case", { q: "SHOE" }, ["Blue shoe", "Red Shoe"]],
    ["a part of its description", { q: "for rain" }, ["Boot"]],
    ["signs that are no wildcards: %", { q: "100%" }, ["100% wool"]],
    ["signs that are no wildcards: _", { q: "a_b" }, ["a_b"]],
    ["signs that are no wildcards: \\", { q: "c\\d" }, ["c\\d"]],
    ["text that cannot be", { q: "\0" }, []],
    ["a least price", { minPrice: won(50) }, ["100% wool", "a_b", "c\\d"]],
    ["a highest price", { maxPrice: won(20) }, ["Blue shoe", "Red Shoe"]],
    ["both prices", { minPrice: won(20), maxPrice: won(40) }, ["Boot", "Red Shoe"]],
    ["whether there are any", { inStock: true }, ["Blue shoe", "c\\d"]]
  ]

  it.effect.each(filters)("finds a product by %s", ([_, query, expected]) =>
    Effect.gen(function* () {
      const { add, list } = yield* shop
      yield* add(3, { name: "Blue shoe", price: won(10) })
      yield* add(0, { name: "Red Shoe", price: won(20) })
      yield* add(0, { name: "Boot", description: "Good for rain", price: won(40) })
      yield* add(0, { name: "100% wool", price: won(50) })
      yield* add(0, { name: "a_b", description: "100 axb", price: won(60) })
      yield* add(1, { name: "c\\d", price: won(70) })
      const { items } = yield* list(query)
      assert.deepEqual(items.map(({ name }) => name).toSorted(), expected.toSorted())
    })
  )

  const sorts: ReadonlyArray<[Sort, ReadonlyArray<number>]> = [
    ["newest", [6, 5, 4, 3, 2, 1, 0]],
    ["price", [3, 0, 2, 4, 6, 1, 5]],
    ["-price", [5, 1, 6, 4, 2, 0, 3]]
  ]

  it.effect.each(sorts)("keeps its order over pages of any size, by %s", ([sort, expected]) =>
    Effect.gen(function* () {
      const { add, list } = yield* shop
      const added = yield* Effect.forEach([20, 30, 20, 10, 20, 30, 20], (price) => add(1, { price: won(price) }))
      for (const limit of [1, 2, 3, 7, 8]) {
        const items = yield* allPages(limit, (page) => list({ ...page, sort }))
        assert.deepEqual(
          items.map(({ productId: id }) => added.indexOf(id)),
          expected
        )
      }
    })
  )

  it.effect("a page goes on where the one before ended, whatever is added", () =>
    Effect.gen(function* () {
      const { add, list } = yield* shop
      const added = yield* Effect.forEach([1, 2, 3], () => add(1, {}))
      const page = yield* list({ limit: 2 })
      yield* add(1, {})
      assert.deepEqual(ids(yield* list({ limit: 2, cursor: page.nextCursor ?? undefined })), added.slice(0, 1))
    })
  )

  it.effect("a cursor is good for the order it was given out for", () =>
    Effect.gen(function* () {
      const { add, list } = yield* shop
      yield* Effect.forEach([1, 2], () => add(1, {}))
      const { nextCursor } = yield* list({ limit: 1, sort: "price" })
      const error = yield* Effect.flip(list({ sort: "newest", cursor: nextCursor ?? assert.fail("no cursor") }))
      assert.strictEqual(error._tag, "InvalidCursor")
    })
  )

  it.effect.each(badCursors)("refuses a cursor that is none: %j", (cursor) =>
    Effect.gen(function* () {
      const { list } = yield* shop
      assert.strictEqual((yield* Effect.flip(list({ cursor })))._tag, "InvalidCursor")
    })
  )
}

/** A buyer with money, and goods. */
const market = Effect.gen(function* () {
  const fences = [yield* Scene.claimed]
  const seller = yield* Scene.register("SELLER")
  const buyer = yield* Scene.register()
  const goods = Scene.created(seller, 1000)
  yield* Scene.commit(fences, goods.changes, [Scene.charge(buyer, 1_000_000)])
  const buy = (quantity: number) => {
    const order = Scene.orderOf(buyer, goods.id, quantity)
    return Effect.as(Scene.commit(fences, Scene.bought(order)), order)
  }
  return { fences, buyer, buy, product: goods.id }
})

export const ofOrders = (it: It) => {
  it.effect("an order is there as it was placed", () =>
    Effect.gen(function* () {
      const { buy } = yield* market
      const repository = yield* Orders
      const order = yield* buy(2)
      assert.deepEqual(yield* repository.get(order.orderId), order)
      assert.isUndefined(yield* repository.get(orderId(Scene.next())))
    })
  )

  it.effect("lines stay in their order", () =>
    Effect.gen(function* () {
      const { fences, buyer, product } = yield* market
      const repository = yield* Orders
      const one = Scene.orderOf(buyer, product, 1)
      const lines = [3, 1, 2].flatMap((quantity) => Scene.orderOf(buyer, product, quantity).lines)
      const order = { ...one, lines, totalAmount: won(6000), paidAmount: won(6000) }
      yield* Scene.commit(fences, [{ _tag: "OrderPlaced", order }])
      assert.deepEqual((yield* repository.get(order.orderId))?.lines, lines)
    })
  )

  it.effect("an order is open until it is completed or cancelled, for its buyer and for who sold it", () =>
    Effect.gen(function* () {
      const { fences } = yield* market
      const { hasOpen } = yield* Orders
      const open: Array<string> = []
      for (const status of ["CONFIRMED", "PREPARING", "SHIPPED", "DELIVERED", "COMPLETED", "CANCELLED"] as const) {
        const [buyer, seller] = [yield* Scene.register(), yield* Scene.register("SELLER")]
        const { id: product, changes } = Scene.created(seller, 1)
        yield* Scene.commit(fences, changes)
        assert.isFalse(yield* hasOpen(seller))
        const before = Scene.orderOf(buyer, product, 1)
        const cancelReason = status === "CANCELLED" ? "BUYER" : undefined
        const after = { ...before, status, cancelReason, version: before.version + 1 } as const
        yield* Scene.commit(fences, [{ _tag: "OrderPlaced", order: before }])
        yield* Scene.commit(fences, [{ _tag: "OrderChanged", before, after }])
        if (yield* hasOpen(buyer)) open.push(status)
        assert.strictEqual(yield* hasOpen(seller), open.includes(status))
      }
      assert.deepEqual(open, ["CONFIRMED", "PREPARING", "SHIPPED", "DELIVERED"])
      assert.isFalse(yield* hasOpen(userId(Scene.next())))
    })
  )

  it.effect("a user's orders are listed newest first, over pages of any size", () =>
    Effect.gen(function* () {
      const { buyer, buy } = yield* market
      const { buy: buyOther } = yield* market
      const repository = yield* Orders
      const bought = yield* Effect.forEach([1, 2, 3, 4], buy)
      yield* buyOther(1)
      for (const limit of [1, 2, 4, 5]) {
        assert.deepEqual(yield* allPages(limit, (page) => repository.list(buyer, page)), bought.toReversed())
      }
      const confirmed = yield* repository.list(buyer, { ...firstPage, status: "CONFIRMED" })
      assert.deepEqual(confirmed.items, bought.toReversed())
      const cancelled = yield* repository.list(buyer, { ...firstPage, status: "CANCELLED" })
      assert.deepEqual(cancelled, { items: [], nextCursor: null })
      assert.deepEqual(yield* repository.list(userId(Scene.next()), firstPage), { items: [], nextCursor: null })
    })
  )

  it.effect.each(badCursors)("refuses a cursor that is none: %j", (cursor) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip((yield* Orders).list(userId(Scene.next()), { limit: 1, cursor }))
      assert.strictEqual(error._tag, "InvalidCursor")
    })
  )
}

export const ofStatements = (it: It) => {
  it.effect("an entry says what moved, why, and what the balance was then", () =>
    Effect.gen(function* () {
      const { buyer, buy, fences } = yield* market
      const order = yield* buy(3)
      yield* Scene.commit(fences, [Scene.charge(buyer, 5000)])
      const { items, nextCursor } = yield* (yield* Statements).list(buyer, firstPage)
      assert.isNull(nextCursor)
      assert.deepEqual(
        items.map(({ type, amount, balanceAfter, orderId: of }) => [type, amount, balanceAfter, of]),
        [
          ["CHARGE", MoneyDelta(5000), won(1_002_000), undefined],
          ["PAYMENT", MoneyDelta(-3000), won(997_000), order.orderId],
          ["CHARGE", MoneyDelta(1_000_000), won(1_000_000), undefined]
        ]
      )
      assert.strictEqual(new Set(items.map(({ entryId }) => entryId)).size, 3)
    })
  )

  it.effect("balances are exact over pages of any size, whatever is committed in between", () =>
    Effect.gen(function* () {
      const { buyer, buy, fences } = yield* market
      const { buy: buyOther } = yield* market
      const repository = yield* Statements
      yield* Effect.forEach([1, 2, 3], (quantity) => Effect.andThen(buy(quantity), buyOther(1)))
      for (const limit of [1, 2, 3, 4, 5]) {
        const before = yield* repository.list(buyer, { limit: 100, cursor: undefined })
        const paged = yield* allPages(limit, (page) =>
          Effect.tap(repository.list(buyer, page), () => Scene.commit(fences, [Scene.charge(buyer, 1)]))
        )
        assert.deepEqual(paged, before.items)
      }
      let balance = 0
      for (const { amount, balanceAfter } of (yield* repository.list(buyer, {
        ...firstPage,
        limit: 100
      })).items.toReversed()) {
        balance += amount
        assert.strictEqual(balanceAfter, balance)
      }
    })
  )

  it.effect("who has no wallet has no history", () =>
    Effect.gen(function* () {
      const page = yield* (yield* Statements).list(userId(Scene.next()), firstPage)
      assert.deepEqual(page, { items: [], nextCursor: null })
    })
  )

  it.effect.each(badCursors)("refuses a cursor that is none: %j", (cursor) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip((yield* Statements).list(userId(Scene.next()), { limit: 1, cursor }))
      assert.strictEqual(error._tag, "InvalidCursor")
    })
  )
}

export const ofCoupons = (it: It) => {
  it.effect("a code belongs to one coupon", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const seller = yield* Scene.register("SELLER")
      const id = yield* Scene.offered(seller)
      const taken = yield* Effect.flip(Scene.offered(seller, { code: id }))
      assert.strictEqual(taken._tag, "CouponCodeTaken")
      const { createdAt, ...entry } = (yield* repository.get(id))!
      assert.isAbove(createdAt, 0)
      assert.deepEqual(entry, {
        ...Struct.omit(coupon({ couponId: id }), ["held", "pending"]),
        code: id,
        name: "Welcome",
        grantOn: undefined
      })
      assert.isUndefined(yield* repository.get(couponId(Scene.next())))
    })
  )

  it.effect("a key makes one coupon, and its answer is kept with it", () =>
    Effect.gen(function* () {
      const [repository, journal] = [yield* Coupons, yield* Journal]
      const seller = yield* Scene.register("SELLER")
      const key = RequestKey(Scene.next())
      const make = (code?: string, once = key) => {
        const id = couponId(Scene.next())
        const kept = { key: once, answered: { bodyHash: Scene.next(), answer: JSON.stringify(id) } }
        const terms = { ...coupon({ couponId: id }), code: code ?? id, name: "Welcome", grantOn: undefined }
        return Effect.map(repository.create({ ...terms, createdBy: seller }, undefined, kept), (isFirst) => ({
          id,
          isFirst,
          kept
        }))
      }
      const all = yield* Effect.replicateEffect(
        Effect.suspend(() => make()),
        10,
        { concurrency: "unbounded" }
      )
      const made = all.filter(({ isFirst }) => isFirst)
      const [{ id, kept } = assert.fail("none was made")] = made
      assert.lengthOf(made, 1)
      const there = yield* Effect.forEach(all, (each) => repository.get(each.id))
      assert.deepEqual(
        there.flatMap((entry) => entry?.couponId ?? []),
        [id]
      )
      const [found] = yield* journal.find([key])
      assert.deepInclude(found, kept.answered)

      // The code is its own: the key is what is found first, and what a refusal leaves unused.
      assert.isFalse((yield* make(id)).isFirst)
      const another = RequestKey(Scene.next())
      assert.strictEqual((yield* Effect.flip(make(id, another)))._tag, "CouponCodeTaken")
      assert.deepEqual(yield* journal.find([another]), [undefined])
      assert.isTrue((yield* make(undefined, another)).isFirst)
    })
  )

  it.effect("a new coupon is told of in the same commit", () =>
    Effect.gen(function* () {
      const id = yield* Scene.offered(yield* Scene.register("SELLER"))
      assert.deepEqual((yield* (yield* Books).read).events.get(id), ["CouponCreated"])
    })
  )

  it.effect("it is counted what became of those that were issued, and what they took off", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const { fences, buyer, product } = yield* market
      const seller = yield* Scene.register("SELLER")
      const many = { perUserLimit: 9 }
      const [one, other] = [yield* Scene.offered(seller, many), yield* Scene.offered(seller, many)]
      const issues = [1, 2, 3, 4, 5].map((slot) => Scene.issued(buyer, one, slot))
      yield* Scene.commit(fences, ...issues.map((issue) => [issue]), [Scene.issued(buyer, other)])
      const [first, second, third] = issues.map(({ userCouponId }) => userCouponId)
      yield* Scene.commit(
        fences,
        Scene.boughtWith(buyer, product, first!, 100).changes,
        Scene.boughtWith(buyer, product, second!, 250).changes,
        [Scene.revoked(buyer, third!)]
      )
      const none = { issued: 0, used: 0, held: 0, refunded: 0, revoked: 0, expired: 0, totalDiscount: won(0) }
      const counted = { ...none, issued: 5, used: 2, revoked: 1, totalDiscount: won(350) }
      assert.deepEqual(yield* repository.statistics(one), counted)
      assert.deepEqual(yield* repository.statistics(other), { ...none, issued: 1 })
      assert.deepEqual(yield* repository.statistics(couponId(Scene.next())), none)
    })
  )

  it.effect("those are counted as expired that could still be used otherwise", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const { fences, buyer, product } = yield* market
      const until = (yield* Journal).now() - 1000
      const seller = yield* Scene.register("SELLER")
      const old = yield* Scene.offered(seller, { perUserLimit: 3, validity: { from: undefined, until } })
      const issues = [1, 2, 3].map((slot) => Scene.issued(buyer, old, slot))
      yield* Scene.commit(fences, ...issues.map((issue) => [issue]))
      const [first, second] = issues.map(({ userCouponId }) => userCouponId)
      yield* Scene.commit(fences, Scene.boughtWith(buyer, product, first!).changes, [Scene.revoked(buyer, second!)])
      const { issued, used, revoked, expired } = yield* repository.statistics(old)
      assert.deepEqual([issued, used, revoked, expired], [3, 1, 1, 1])
    })
  )

  it.effect("who registers is owed what is given then, and can be had", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const seller = yield* Scene.register("SELLER")
      const fences = [yield* Scene.claimed]
      const now = (yield* Journal).now()
      const hourMs = 3_600_000
      const welcome = (change: Parameters<typeof Scene.offered>[1] = {}) =>
        Scene.offered(seller, { grantOn: "REGISTRATION", ...change })
      const given = [yield* welcome(), yield* welcome({ issue: { from: now - hourMs, until: now + hourMs } })]
      assert.strictEqual((yield* repository.get(given[0]!))?.grantOn, "REGISTRATION")
      const [gone, suspended] = [yield* welcome({ totalQuantity: 1 }), yield* welcome()]
      yield* welcome({ issue: { from: now + hourMs, until: undefined } })
      yield* welcome({ issue: { from: undefined, until: now - hourMs } })
      yield* welcome({ validity: { from: undefined, until: now - hourMs } })
      yield* Scene.offered(seller)
      const close = (id: CouponId, condition: "SUSPENDED" | "CANCELLED"): Change => ({
        _tag: "CouponEdited",
        couponId: id,
        edit: { condition }
      })
      yield* Scene.commit(fences, [Scene.issued(seller, gone)], [close(suspended, "SUSPENDED")])

      const [first, second] = [yield* Scene.register(), yield* Scene.register()]
      // For the users of other tests.
      yield* Scene.commit(fences, ...given.map((id) => [close(id, "CANCELLED")]))
      const owedTo = (user: UserId) =>
        Effect.map(repository.takeOwed(1000), (owed) =>
          owed.flatMap(({ userId: to, couponId: of }) => (to === user ? [of] : [])).toSorted()
        )
      assert.deepEqual(yield* owedTo(first), given)
      assert.deepEqual(yield* owedTo(second), [])
      yield* Effect.forEach(given, (of) => repository.settleOwed({ userId: first, couponId: of }))
    })
  )

  it.effect("what is owed is told in parts, to one at a time", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const seller = yield* Scene.register("SELLER")
      const fences = [yield* Scene.claimed]
      const welcome = yield* Scene.offered(seller, { grantOn: "REGISTRATION" })
      const newcomers = yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => Scene.register())
      const closed: Change = { _tag: "CouponEdited", couponId: welcome, edit: { condition: "CANCELLED" } }
      yield* Scene.commit(fences, [closed])
      const parts = yield* Effect.all(
        [1, 2, 3, 4].map(() => repository.takeOwed(2)),
        { concurrency: 4 }
      )
      for (const part of parts) assert.isAtMost(part.length, 2)
      const rest = yield* repository.takeOwed(1000)
      const told = [...parts.flat(), ...rest].filter((owed) => owed.couponId === welcome)
      assert.deepEqual(told.map((owed) => owed.userId).toSorted(), newcomers)
    })
  )

  it.effect("a code tells its coupon while that can be had by it", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const seller = yield* Scene.register("SELLER")
      const fences = [yield* Scene.claimed]
      const now = (yield* Journal).now()
      const hourMs = 3_600_000
      const over = { from: undefined, until: now - hourMs }
      const [open, gone, suspended, goneAndSuspended, goneAndOver] = [
        yield* Scene.offered(seller, { issueBy: ["CODE"], issue: { from: now - hourMs, until: now + hourMs } }),
        yield* Scene.offered(seller, { totalQuantity: 1 }),
        yield* Scene.offered(seller),
        yield* Scene.offered(seller, { totalQuantity: 1 }),
        yield* Scene.offered(seller, { totalQuantity: 1, issue: over })
      ]
      const others = [
        suspended,
        goneAndSuspended,
        goneAndOver,
        yield* Scene.offered(seller, { issueBy: ["FIRST_COME", "GRANT"] }),
        yield* Scene.offered(seller, { issue: { from: now + hourMs, until: undefined } }),
        yield* Scene.offered(seller, { issue: over }),
        yield* Scene.offered(seller, { validity: over })
      ]
      const suspend = (id: CouponId): Change => ({
        _tag: "CouponEdited",
        couponId: id,
        edit: { condition: "SUSPENDED" }
      })
      yield* Scene.commit(fences, ...[gone, goneAndSuspended, goneAndOver].map((id) => [Scene.issued(seller, id)]))
      yield* Scene.commit(fences, [suspend(suspended)], [suspend(goneAndSuspended)])
      assert.deepEqual(yield* Effect.forEach([open, gone], repository.claimable), [open, gone])
      for (const code of [...others, open.toUpperCase(), `${open} `, "", "\0", "%"]) {
        assert.isUndefined(yield* repository.claimable(code))
      }
    })
  )

  it.effect("those are listed that can be issued now, newest first, over pages of any size", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const seller = yield* Scene.register("SELLER")
      const fences = [yield* Scene.claimed]
      const now = (yield* Journal).now()
      const hourMs = 3_600_000
      const at = (from: number | undefined, until: number | undefined) =>
        Scene.offered(seller, { issue: { from, until } })
      const open = [yield* at(undefined, undefined), yield* at(now - hourMs, now + hourMs)]
      yield* at(now + hourMs, undefined)
      yield* Scene.offered(seller, { issueBy: ["CODE", "GRANT"] })
      yield* at(undefined, now - hourMs)
      yield* Scene.offered(seller, { validity: { from: undefined, until: now - hourMs } })
      const [gone, suspended] = [yield* Scene.offered(seller, { totalQuantity: 1 }), yield* Scene.offered(seller)]
      yield* Scene.commit(
        fences,
        [Scene.issued(seller, gone)],
        [{ _tag: "CouponEdited", couponId: suspended, edit: { condition: "SUSPENDED" } }]
      )
      const last = yield* at(now - hourMs, undefined)
      for (const limit of [1, 2, 100]) {
        const listed = yield* allPages(limit, repository.issuable)
        const found = listed.map((entry) => entry.couponId)
        const [first] = open
        assert.deepEqual(
          found.filter((id) => id >= first!),
          [last, ...open.toReversed()]
        )
      }
    })
  )

  it.effect("a seller's coupons are listed newest first, whatever has become of them", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const [sellerId, other] = [yield* Scene.register("SELLER"), yield* Scene.register("SELLER")]
      const past = (yield* Journal).now() - 1000
      const made = [
        yield* Scene.offered(sellerId, { sellerId }),
        yield* Scene.offered(sellerId, { sellerId, issueBy: ["CODE"] }),
        yield* Scene.offered(sellerId, { sellerId, validity: { from: undefined, until: past } })
      ]
      yield* Scene.offered(other, { sellerId: other })
      yield* Scene.offered(sellerId, { sellerId: undefined })
      for (const limit of [1, 2, 3]) {
        const listed = yield* allPages(limit, (page) => repository.ofSeller(permit(sellerId), page))
        assert.deepEqual(
          listed.map((entry) => [entry.couponId, entry.code]),
          made.toReversed().map((id) => [id, id])
        )
      }
    })
  )

  it.effect("a user's coupons are listed newest first, by status and over pages of any size", () =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const { fences, buyer, product } = yield* market
      const seller = yield* Scene.register("SELLER")
      const until = (yield* Journal).now() - 1000
      const [fresh, old] = [
        yield* Scene.offered(seller),
        yield* Scene.offered(seller, { validity: { from: undefined, until } })
      ]
      const issues = [Scene.issued(buyer, fresh), Scene.issued(buyer, old), Scene.issued(seller, fresh)]
      yield* Scene.commit(fences, ...issues.map((issue) => [issue]))
      const [used] = issues
      const { order, changes } = Scene.boughtWith(buyer, product, used!.userCouponId)
      yield* Scene.commit(fences, changes)
      const statuses = (list: ReadonlyArray<{ readonly status: string; readonly rank: number }>) =>
        list.map(({ status, rank }) => [status, rank])
      for (const limit of [1, 2, 3]) {
        const all = yield* allPages(limit, (page) => repository.ofUser(buyer, { ...page, status: undefined }))
        assert.deepEqual(statuses(all), [
          ["EXPIRED", 1],
          ["USED", 1]
        ])
        assert.deepInclude(all[1], { orderId: order.orderId, issuedAt: 1_700_000_000_000, userId: buyer })
      }
      const expired = yield* repository.ofUser(buyer, { ...firstPage, status: "EXPIRED" })
      assert.deepEqual(statuses(expired.items), [["EXPIRED", 1]])
      const others = yield* repository.ofUser(seller, { ...firstPage, status: "ISSUED" })
      assert.deepEqual(statuses(others.items), [["ISSUED", 2]])
    })
  )

  it.effect.each(badCursors)("refuses a cursor that is none: %j", (cursor) =>
    Effect.gen(function* () {
      const repository = yield* Coupons
      const asked = { limit: 1, cursor, status: undefined }
      assert.strictEqual((yield* Effect.flip(repository.issuable(asked)))._tag, "InvalidCursor")
      const ofSeller = repository.ofSeller(permit(userId(Scene.next())), asked)
      assert.strictEqual((yield* Effect.flip(ofSeller))._tag, "InvalidCursor")
      assert.strictEqual((yield* Effect.flip(repository.ofUser(userId(Scene.next()), asked)))._tag, "InvalidCursor")
    })
  )
}
