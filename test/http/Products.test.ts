import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Unavailable } from "../../src/persistence/Failures.ts"
import * as Shop from "./Shop.ts"
import { buy, call, outcome, person, product } from "./Shop.ts"

describe("A product", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    it.effect("is put up for sale and seen by everybody", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const body = { name: " Sneaker ", price: 1500, stock: 30, description: "Two\nlines", category: "shoes" }
        const created = yield* call("POST", "/products", { token: seller.token, body })
        assert.strictEqual(created.status, 201)
        assert.strictEqual(created.headers.get("etag"), '"1"')
        assert.deepInclude(created.body, {
          ...body,
          name: "Sneaker",
          saleStatus: "ON_SALE",
          stockStatus: "AVAILABLE",
          sellerId: seller.userId,
          version: 1
        })
        const read = yield* call("GET", `/products/${String(created.body["productId"])}?fresh=true`)
        assert.deepStrictEqual(read.body, created.body)
        assert.strictEqual(read.headers.get("etag"), '"1"')
      })
    )

    it.effect("shows what has been sold at once", () =>
      Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"), { stock: 2 })
        const buyer = yield* person("BUYER", 10_000)
        yield* buy(buyer, id, 2)
        const { body } = yield* call("GET", `/products/${id}`)
        assert.deepInclude(body, { stock: 0, stockStatus: "OUT_OF_STOCK", version: 1 })
      })
    )

    it.effect("is edited by whoever saw its last version", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const path = `/products/${yield* product(seller)}`
        const edit = (options: Shop.Call) =>
          call("PATCH", path, { token: seller.token, body: { price: 900, category: "sale" }, ...options })

        assert.strictEqual((yield* edit({})).body["code"], "PRECONDITION_REQUIRED")
        const edited = yield* edit({ ifMatch: 1 })
        assert.strictEqual(edited.status, 200)
        assert.deepInclude(edited.body, { price: 900, category: "sale", version: 2, name: "Sneaker" })
        assert.strictEqual(edited.headers.get("etag"), '"2"')
        for (const ifMatch of [1, 3, 'W/"2"', '"nonsense"', '""']) {
          const stale = yield* edit({ ifMatch })
          assert.deepInclude(stale.body, { status: 412, code: "STALE_VERSION", version: 2 }, String(ifMatch))
        }
        for (const ifMatch of ["2", "nonsense", '"2', 'w/"2"', '"2" "3"', '"2"3', '" "', "", "*", '"2", "3"']) {
          assert.deepInclude((yield* edit({ ifMatch })).body, { status: 400, code: "MALFORMED_IF_MATCH" }, ifMatch)
        }
        const weak = yield* edit({ ifMatch: 'W/"2"', headers: { "accept-language": "en" } })
        assert.include(weak.body["detail"], "A weak tag")
      })
    )

    it.effect("is restocked, and loses only pieces that are there", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const path = `/products/${yield* product(seller, { stock: 10 })}`
        const adjust = (delta: number, ifMatch?: number) =>
          call("POST", `${path}/stock`, { token: seller.token, body: { delta }, ...(ifMatch ? { ifMatch } : {}) })
        assert.deepInclude((yield* adjust(5)).body, { status: 428, code: "PRECONDITION_REQUIRED" })
        assert.deepInclude((yield* adjust(5, 1)).body, { stock: 15, version: 2 })
        assert.deepInclude((yield* adjust(5, 1)).body, { status: 412, version: 2 })
        assert.deepInclude((yield* adjust(-16, 2)).body, { status: 400, code: "STOCK_SHORTAGE", available: 15 })
        assert.deepInclude((yield* adjust(-15, 2)).body, { stock: 0, version: 3 })
      })
    )

    it.effect("is discontinued, not deleted", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const id = yield* product(seller)
        const remove = (ifMatch?: number) =>
          call("DELETE", `/products/${id}`, { token: seller.token, ...(ifMatch ? { ifMatch } : {}) })
        assert.strictEqual((yield* remove()).status, 428)
        assert.strictEqual((yield* remove(9)).status, 412)
        const gone = yield* remove(1)
        assert.deepInclude(gone.body, { saleStatus: "DISCONTINUED", stockStatus: "DISCONTINUED", version: 2 })
        assert.strictEqual((yield* call("GET", `/products/${id}`)).body["saleStatus"], "DISCONTINUED")
        const buyer = yield* person("BUYER", 10_000)
        assert.deepInclude((yield* buy(buyer, id)).body, { code: "PRODUCT_NOT_ON_SALE", saleStatus: "DISCONTINUED" })
      })
    )

    it.effect("is sold by sellers and administrators, and edited by its own seller and administrators", () =>
      Effect.gen(function* () {
        const [seller, other, admin, buyer, manager] = yield* Effect.all([
          person("SELLER"),
          person("SELLER"),
          person("ADMIN"),
          person("BUYER"),
          person("MANAGER")
        ])
        const fields = { name: "Sneaker", price: 1000, stock: 1 }
        for (const { token } of [buyer, manager]) {
          assert.strictEqual(yield* outcome("POST", "/products", { token, body: fields }), "403 FORBIDDEN")
        }
        assert.strictEqual(yield* outcome("POST", "/products", { body: fields }), "401 UNAUTHENTICATED")
        const gone = yield* person("SELLER")
        yield* call("DELETE", `/users/${gone.userId}`, gone)
        assert.strictEqual(
          yield* outcome("POST", "/products", { token: gone.token, body: fields }),
          "404 USER_NOT_FOUND"
        )
        const path = `/products/${yield* product(seller)}`
        for (const { token } of [other, buyer, manager]) {
          const edit = { token, ifMatch: 1 }
          assert.strictEqual(yield* outcome("PATCH", path, { ...edit, body: { price: 1 } }), "403 FORBIDDEN")
          assert.strictEqual(yield* outcome("DELETE", path, edit), "403 FORBIDDEN")
          assert.strictEqual(yield* outcome("POST", `${path}/stock`, { ...edit, body: { delta: 1 } }), "403 FORBIDDEN")
        }
        assert.strictEqual(yield* outcome("DELETE", path, { token: admin.token, ifMatch: 1 }), "200")
      })
    )
  })
})

describe("A change that is made", () => {
  it.live("is not told as if nothing had happened, when what became of it cannot be read", () => {
    let away = false
    const catalogue = Shop.layer({
      catalogue: (disk) => ({
        ...disk,
        get: (id) => (away ? Effect.fail(new Unavailable()) : disk.get(id))
      })
    })
    return Effect.gen(function* () {
      const { token, ...seller } = yield* person("SELLER")
      const path = `/products/${yield* product({ token, ...seller })}`
      away = true
      const price = outcome("PATCH", path, { token, ifMatch: 1, body: { price: 900 } })
      assert.strictEqual(yield* price, "503 TIMED_OUT")
      const delta = outcome("POST", `${path}/stock`, { token, ifMatch: 2, body: { delta: 1 } })
      assert.strictEqual(yield* delta, "503 TIMED_OUT")
      assert.strictEqual(yield* outcome("DELETE", path, { token, ifMatch: 3 }), "503 TIMED_OUT")
      const body = { name: "Sock", price: 100, stock: 1 }
      assert.strictEqual(yield* outcome("POST", "/products", { token, body }), "503 TIMED_OUT")
      assert.strictEqual(yield* outcome("GET", path), "503 UNAVAILABLE")
      away = false
      assert.deepInclude((yield* call("GET", path)).body, { price: 900, saleStatus: "DISCONTINUED", version: 4 })
    }).pipe(Effect.provide(catalogue))
  })
})

describe("A product that is put up for sale with a key", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    const body = { name: "Boot", price: 1000, stock: 3, category: "shoes" }

    it.effect("is one however often it is asked for, and told as it was when it was made", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const { token } = seller
        const make = call("POST", "/products", { token, key: "k", body })
        const made = yield* make
        assert.strictEqual(made.status, 201)
        assert.isNull(made.headers.get("idempotent-replayed"))
        const path = `/products/${String(made.body["productId"])}`
        assert.deepStrictEqual((yield* call("GET", path)).body, made.body)
        yield* call("PATCH", path, { token, ifMatch: 1, body: { price: 5, category: "wool", saleStatus: "SUSPENDED" } })
        const again = yield* make
        assert.deepStrictEqual([again.status, again.text], [made.status, made.text])
        assert.strictEqual(again.headers.get("idempotent-replayed"), "true")
        assert.strictEqual(again.headers.get("etag"), '"1"')
        assert.strictEqual((yield* call("GET", path)).body["price"], 5)
      })
    )

    it.effect(
      "is not another one: the key goes with its body, its user and its route, and without one there is another",
      () =>
        Effect.gen(function* () {
          const [one, other] = [yield* person("SELLER"), yield* person("SELLER")]
          const make = (token: string, options: Shop.Call = {}) =>
            call("POST", "/products", { token, key: "k", body, ...options })
          const ids = new Set([
            (yield* make(one.token)).body["productId"],
            (yield* make(other.token)).body["productId"],
            (yield* make(one.token, { key: "l" })).body["productId"],
            (yield* call("POST", "/products", { token: one.token, body })).body["productId"],
            (yield* call("POST", "/products", { token: one.token, body })).body["productId"]
          ])
          assert.strictEqual(ids.size, 5)
          const reused = yield* make(one.token, { body: { ...body, price: 2 } })
          assert.deepInclude(reused.body, { status: 422, code: "IDEMPOTENCY_KEY_REUSED" })
          const bad = yield* make(one.token, { key: "k k" })
          assert.deepInclude(bad.body, { status: 400, code: "IDEMPOTENCY_KEY_REQUIRED" })
        })
    )

    it.effect("is one when it is asked for fifty times at once", () =>
      Effect.gen(function* () {
        const { token } = yield* person("SELLER")
        const answers = yield* Effect.replicateEffect(call("POST", "/products", { token, key: "k", body }), 50, {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
        assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
        assert.strictEqual(answers.filter(({ headers }) => headers.has("idempotent-replayed")).length, 49)
      })
    )
  })
})

describe("The list of products", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    const names = (answer: Shop.Answer) =>
      Array.isArray(answer.body["items"]) ? answer.body["items"].map(({ name }: { name: string }) => name) : []

    it.effect("is filtered, sorted and given in pages", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        yield* product(seller, { name: "Boot", price: 3000, category: "shoes" })
        yield* product(seller, { name: "Sandal", price: 1000, category: "shoes", stock: 0 })
        yield* product(seller, { name: "Scarf", price: 2000, category: "wool", description: "warm like a boot" })
        const list = (query: string) => Effect.map(call("GET", `/products${query}`), names)

        assert.deepStrictEqual(yield* list(""), ["Scarf", "Sandal", "Boot"])
        assert.deepStrictEqual(yield* list("?sort=price"), ["Sandal", "Scarf", "Boot"])
        assert.deepStrictEqual(yield* list("?sort=-price"), ["Boot", "Scarf", "Sandal"])
        assert.deepStrictEqual(yield* list("?category=shoes&inStock=true"), ["Boot"])
        assert.deepStrictEqual(yield* list("?q=BOOT"), ["Scarf", "Boot"])
        assert.deepStrictEqual(yield* list("?minPrice=1500&maxPrice=2500"), ["Scarf"])

        const first = yield* call("GET", "/products?sort=price&limit=2")
        assert.deepStrictEqual(names(first), ["Sandal", "Scarf"])
        assert.deepStrictEqual(yield* list(`?sort=price&limit=2&cursor=${String(first.body["nextCursor"])}`), ["Boot"])
        const other = `?sort=-price&cursor=${String(first.body["nextCursor"])}`
        assert.strictEqual(yield* outcome("GET", `/products${other}`), "422 INVALID_CURSOR")
      })
    )

    it.effect("shows what is only prepared to who manages it, and to nobody else", () =>
      Effect.gen(function* () {
        const [seller, other, buyer] = [yield* person("SELLER"), yield* person("SELLER"), yield* person()]
        const [manager, stranger, admin] = [yield* person("MANAGER"), yield* person("MANAGER"), yield* person("ADMIN")]
        const assigned = `/users/${seller.userId}/managers/${manager.userId}`
        assert.strictEqual(yield* outcome("PUT", assigned, { token: seller.token }), "204")
        const drop = yield* product(seller, { name: "Next drop", saleStatus: "PREPARING" })
        yield* product(seller, { name: "This drop" })
        yield* product(other, { name: "Another's" })
        const old = yield* product(seller, { name: "Last drop" })
        yield* call("DELETE", `/products/${old}`, { token: seller.token, ifMatch: 1 })

        const seenBy = Effect.fnUntraced(function* (who: Shop.Person | undefined, query = "") {
          const said = { token: who?.token }
          const read = yield* outcome("GET", `/products/${drop}?fresh=true`, said)
          return [read, names(yield* call("GET", `/products?sellerId=${seller.userId}${query}`, said))]
        })
        for (const who of [undefined, other, buyer, stranger]) {
          assert.deepStrictEqual(yield* seenBy(who), ["404 PRODUCT_NOT_FOUND", ["This drop"]])
          assert.deepStrictEqual(yield* seenBy(who, "&saleStatus=PREPARING"), ["404 PRODUCT_NOT_FOUND", []])
          assert.deepStrictEqual(yield* seenBy(who, "&saleStatus=DISCONTINUED"), ["404 PRODUCT_NOT_FOUND", []])
        }
        for (const who of [seller, manager, admin]) {
          assert.deepStrictEqual(yield* seenBy(who), ["200", ["This drop", "Next drop"]])
          assert.deepStrictEqual(yield* seenBy(who, "&saleStatus=PREPARING"), ["200", ["Next drop"]])
          assert.deepStrictEqual(yield* seenBy(who, "&saleStatus=DISCONTINUED"), ["200", ["Last drop"]])
        }
        assert.notInclude(names(yield* call("GET", "/products", { token: admin.token })), "Next drop")

        const released = yield* call("PATCH", `/products/${drop}`, {
          token: seller.token,
          ifMatch: 1,
          body: { saleStatus: "ON_SALE" }
        })
        assert.strictEqual(released.status, 200)
        assert.deepStrictEqual(yield* seenBy(undefined), ["200", ["This drop", "Next drop"]])
      })
    )

    for (const query of [
      "limit=0",
      "limit=101",
      "limit=many",
      "limit=1&limit=2",
      "limit=",
      "sort=random",
      "minPrice=-1",
      "inStock=perhaps",
      "category=",
      "unknown=1",
      "__proto__=1",
      "constructor=1",
      `cursor=${"x".repeat(513)}`,
      "q=%00"
    ]) {
      it.effect(`is not asked for with ${query.slice(0, 30)}`, () =>
        Effect.gen(function* () {
          const { status, body } = yield* call("GET", `/products?${query}`)
          assert.deepInclude(body, { code: "VALIDATION_FAILED" })
          assert.strictEqual(status, 422)
          assert.containSubset(body["errors"], [{ parameter: query.split("=")[0] }])
        })
      )
    }
  })
})
