/**
 * The shapes of what clients do, and what each should come to when nothing goes wrong. A shape that never came to that
 * in many worlds tests nothing: the run fails.
 */
import { Effect, Schema } from "effect"
import type { CouponCondition } from "../../src/domain/Coupon.ts"
import { type CouponId, ProductId, UserCouponId, type UserId } from "../../src/domain/Ids.ts"
import { maxStock, won } from "../../src/domain/Money.ts"
import type { Client } from "./Client.ts"
import type { Operation } from "./Operation.ts"
import type { Options } from "./Options.ts"
import { orderShapes, orderShapesWithCoupons } from "./OrderShapes.ts"
import { anyBuyer, anyProduct, came, type Shape, shape } from "./Shape.ts"

/** One request, which should be answered, or refused for this reason. */
const saying = (
  name: string,
  weight: number,
  should: "Ok" | (string & {}),
  operation: (client: Client, heat: number) => Operation
) =>
  shape(name, weight, (client, heat) =>
    Effect.map(client.say(name, operation(client, heat)), (outcome) => came(outcome, should))
  )

const decodeCreated = Schema.decodeUnknownSync(Schema.Struct({ productId: ProductId }))

const checkout = (
  client: Client,
  buyer: UserId,
  items: ReadonlyArray<readonly [ProductId, number]>,
  total?: number
) => ({
  _tag: "Checkout" as const,
  key: client.key(),
  buyer,
  items: items.map(([product, quantity]) => ({ product, quantity })),
  coupon: undefined,
  expectedTotal: total === undefined ? undefined : won(total)
})

const buyOne = (client: Client, heat: number) =>
  checkout(client, anyBuyer(client, heat), [[anyProduct(client, heat), client.rng.between(1, 3)]])

const charge = (client: Client, user: UserId, amount: number) => ({
  _tag: "Charge" as const,
  key: client.key(),
  user,
  amount
})

const several = (client: Client, heat: number) => {
  const products = new Set(Array.from({ length: client.rng.between(2, 5) }, () => anyProduct(client, heat / 2)))
  return checkout(
    client,
    anyBuyer(client, heat),
    [...products].map((product) => [product, 1])
  )
}

/** Looks at a product, then asks for a change of it as it was seen. */
const seeing = (
  name: string,
  weight: number,
  should: string,
  operation: (
    client: Client,
    product: ProductId,
    seen: { readonly version: number; readonly price: number }
  ) => Operation
) =>
  shape(name, weight, (client, heat) =>
    Effect.gen(function* () {
      const product = anyProduct(client, heat)
      const seen = yield* client.look(product)
      if (seen === undefined) return false
      return came(yield* client.say(name, operation(client, product, seen)), should)
    })
  )

const withoutCoupons: ReadonlyArray<Shape> = [
  saying("buy one", 30, "Ok", buyOne),
  saying("buy several", 8, "Ok", several),
  saying("buy the last", 8, "Ok", (client, heat) =>
    checkout(client, anyBuyer(client, heat), [[client.shop.scarce, 1]])
  ),
  saying("buy the most", 2, "Ok", (client) => checkout(client, client.owner, [[client.shop.plenty, 10_000]])),
  saying("charge", 14, "Ok", (client, heat) => charge(client, anyBuyer(client, heat), client.rng.between(1, 4) * 1000)),

  saying("buy none", 1, "ValidationFailed", (client, heat) =>
    checkout(client, client.owner, [[anyProduct(client, heat), 0]])
  ),
  saying("buy too many", 1, "ValidationFailed", (client) =>
    checkout(client, client.owner, [[client.shop.plenty, 10_001]])
  ),
  saying("buy more than there is", 2, "StockShortage", (client) =>
    checkout(client, client.owner, [[client.shop.hot, 5000]])
  ),
  saying("buy without money", 2, "InsufficientBalance", (client) =>
    checkout(client, client.shop.poor, [[client.shop.hot, 1]])
  ),
  saying("buy what does not exist", 1, "ProductNotFound", (client) =>
    checkout(client, client.owner, [
      [client.shop.hot, 1],
      [client.shop.nothing, 1]
    ])
  ),
  saying("buy as nobody", 1, "UserNotFound", (client) => checkout(client, client.shop.nobody, [[client.shop.hot, 1]])),
  saying("buy what is not on sale", 1, "ProductNotOnSale", (client) =>
    checkout(client, client.owner, [[client.shop.withheld, 1]])
  ),
  saying("charge nothing", 1, "InvalidAmount", (client) => charge(client, client.owner, 0)),
  saying("charge too little", 1, "ChargeBelowMinimum", (client) => charge(client, client.owner, 999)),
  saying("charge too much", 1, "InvalidAmount", (client) => charge(client, client.owner, 1_000_000_001)),
  saying("charge past the limit", 1, "BalanceLimitExceeded", (client) => charge(client, client.shop.rich, 3000)),
  saying("leave with money", 1, "BalanceRemaining", (client) => ({ _tag: "Withdraw", user: client.shop.rich })),
  saying("leave", 1, "Ok", (client) => ({
    _tag: "Withdraw",
    user: client.rng.some(client.shop.leavers) ?? client.owner
  })),
  shape("leave while money comes in", 2, (client) =>
    Effect.gen(function* () {
      const user = client.rng.some(client.shop.leavers) ?? client.owner
      const outcomes = yield* Effect.all(
        [
          client.say("leave while money comes in", charge(client, user, 1000)),
          client.say("leave while money comes in", { _tag: "Withdraw", user })
        ],
        { concurrency: 2 }
      )
      return outcomes.some((outcome) => came(outcome, "Ok"))
    })
  ),
  shape("leave while buying for nothing", 2, (client) =>
    Effect.gen(function* () {
      const user = client.rng.some(client.shop.leavers) ?? client.owner
      const outcomes = yield* Effect.all(
        [
          client.say("leave while buying for nothing", checkout(client, user, [[client.shop.free, 1]])),
          client.say("leave while buying for nothing", { _tag: "Withdraw", user })
        ],
        { concurrency: 2 }
      )
      return outcomes.some((outcome) => came(outcome, "Ok"))
    })
  ),
  saying("buy and may leave", 1, "Ok", (client) =>
    checkout(client, client.rng.some(client.shop.leavers) ?? client.owner, [[client.shop.free, 1]])
  ),

  seeing("restock", 5, "Ok", ({ rng, shop }, product, { version }) => ({
    _tag: "Adjust",
    seller: shop.seller,
    product,
    version,
    delta: rng.between(1, 9)
  })),
  seeing("take out", 2, "Ok", ({ shop }, product, { version }) => ({
    _tag: "Adjust",
    seller: shop.seller,
    product,
    version,
    delta: -1
  })),
  seeing("take out more than there is", 1, "StockShortage", ({ shop }, product, { version }) => ({
    _tag: "Adjust",
    seller: shop.seller,
    product,
    version,
    delta: -1_000_000
  })),
  seeing("restock past the limit", 1, "StockLimitExceeded", ({ shop }, product, { version }) => ({
    _tag: "Adjust",
    seller: shop.seller,
    product,
    version,
    delta: maxStock
  })),
  seeing("edit the price", 3, "Ok", ({ rng, shop }, product, { version }) => ({
    _tag: "Edit",
    seller: shop.seller,
    product,
    version,
    edit: { price: won(product === shop.free ? 0 : rng.between(1, 20) * 100) }
  })),
  seeing("suspend or resume", 2, "Ok", ({ rng, shop }, product, { version }) => ({
    _tag: "Edit",
    seller: shop.seller,
    product,
    version,
    edit: { saleStatus: rng.chance(0.2) ? "SUSPENDED" : "ON_SALE" }
  })),
  seeing("edit what was edited", 1, "StaleVersion", ({ shop }, product, { version }) => ({
    _tag: "Edit",
    seller: shop.seller,
    product,
    version: version - 1,
    edit: {}
  })),
  seeing("buy at the price seen", 2, "Ok", (client, product, { price }) =>
    checkout(client, client.owner, [[product, 1]], price)
  ),
  seeing("buy at another price", 1, "PriceChanged", (client, product, { price }) =>
    checkout(client, client.owner, [[product, 1]], price + 1)
  ),

  shape("add a product", 1, (client) => {
    const { rng, shop } = client
    const price = won(rng.between(1, 9) * 100)
    return Effect.map(
      client.say("add a product", { _tag: "Create", seller: shop.seller, price, stock: rng.between(0, 5) }),
      (outcome) => {
        if (outcome._tag !== "Ok") return false
        shop.products.push(decodeCreated(outcome.answer).productId)
        return true
      }
    )
  }),
  // The database refuses it, whatever the actors think: nobody else may suffer. HTTP asks who it is before that.
  saying("add a product of nobody", 1, "NotNow", ({ shop }) => ({
    _tag: "Create",
    seller: shop.nobody,
    price: won(100),
    stock: 1
  })),
  saying("read a product", 4, "Ok", (client, heat) => ({ _tag: "ReadProduct", product: anyProduct(client, heat) })),
  saying("read a wallet", 4, "Ok", ({ owner }) => ({ _tag: "ReadWallet", user: owner })),
  saying("read what does not exist", 1, "Ok", ({ shop }) => ({ _tag: "ReadProduct", product: shop.nothing })),

  shape("repeat", 4, (client, heat) =>
    Effect.gen(function* () {
      const request = client.request("repeat", buyOne(client, heat))
      if ((yield* client.ask(request))._tag !== "Ok") return false
      const again = yield* client.once(request)
      return again._tag === "Ok" && again.replayed
    })
  ),
  shape("ask many times at once", 4, (client, heat) =>
    Effect.gen(function* () {
      const request = client.request("ask many times at once", buyOne(client, heat))
      const times = Array.from({ length: client.rng.between(2, 4) }, () => client.ask(request))
      const outcomes = yield* Effect.all(times, { concurrency: times.length })
      return outcomes.every(({ _tag }) => _tag === "Ok")
    })
  ),
  shape("another body", 3, (client, heat) =>
    Effect.gen(function* () {
      const first = buyOne(client, heat)
      const items = first.items.map(({ product, quantity }) => ({ product, quantity: quantity + 1 }))
      const other = { ...first, items }
      const asked = [client.request("another body", first), client.request("another body", other)]
      const outcomes = yield* Effect.forEach(asked, (request) => client.ask(request), {
        concurrency: client.rng.between(1, 2)
      })
      return outcomes.some((outcome) => came(outcome, "KeyReused"))
    })
  )
]

const anyCoupon = ({ rng, shop }: Client, heat: number): CouponId | undefined =>
  rng.chance(heat) ? shop.hotCoupon : rng.some(shop.coupons)

const issueOf = (client: Client, user: UserId, coupon: CouponId, grantedBy?: UserId): Operation => ({
  _tag: "Issue",
  key: client.key(),
  coupon,
  user,
  grantedBy
})

const decodeIssued = Schema.decodeUnknownSync(Schema.Struct({ userCouponId: UserCouponId }))

/** Gets a coupon, and goes shopping with it. */
const holding = (
  name: string,
  weight: number,
  shopping: (client: Client, heat: number, coupon: UserCouponId, kind: CouponId) => Effect.Effect<boolean>
) =>
  shape(name, weight, (client, heat) =>
    Effect.gen(function* () {
      const coupon = client.rng.some(client.shop.generous) ?? client.shop.hotCoupon
      const issued = yield* client.say(name, issueOf(client, client.owner, coupon))
      if (issued._tag !== "Ok") return false
      return yield* shopping(client, heat, decodeIssued(issued.answer).userCouponId, coupon)
    })
  )

const buyWith = (client: Client, heat: number, coupon: UserCouponId) => ({
  ...several(client, heat),
  buyer: client.owner,
  coupon
})

/** Asks all nodes at once, and looks at another one as soon as any has answered. */
const everywhere = shape("ask everywhere, and look", 4, (client) =>
  Effect.gen(function* () {
    const { rng, owner: user, shop } = client
    const operation = rng.chance(0.5)
      ? charge(client, user, rng.between(1, 4) * 1000)
      : checkout(client, user, [[shop.hot, 1]])
    const request = client.request("ask everywhere, and look", operation)
    const looks = Effect.forEach(
      client.nodes,
      (node) => client.at(node, client.request("look", { _tag: "ReadWallet", user })),
      { concurrency: client.nodes.length }
    )
    const outcomes = yield* Effect.forEach(
      client.nodes,
      (node) => Effect.tap(client.at(node, request), ({ _tag }) => (_tag === "Ok" ? looks : Effect.void)),
      { concurrency: client.nodes.length }
    )
    return outcomes.every((outcome) => came(outcome, "Ok"))
  })
)

const aboutCoupons: ReadonlyArray<Shape> = [
  saying("get a coupon", 8, "Ok", (client, heat) =>
    issueOf(client, anyBuyer(client, heat), anyCoupon(client, heat) ?? client.shop.hotCoupon)
  ),
  saying("get one of the last coupons", 4, "Ok", (client, heat) =>
    issueOf(client, anyBuyer(client, heat), client.shop.scarceCoupon)
  ),
  saying("come too late", 3, "CouponExhausted", (client, heat) =>
    issueOf(client, anyBuyer(client, heat), client.shop.scarceCoupon)
  ),
  saying("get what is not to be had", 1, "CouponNotIssuable", (client) =>
    issueOf(client, client.owner, client.shop.withheldCoupon)
  ),
  saying("get a coupon that does not exist", 1, "CouponNotFound", (client) =>
    issueOf(client, client.owner, client.shop.noCoupon)
  ),
  saying("get a coupon as nobody", 1, "UserNotFound", (client) =>
    issueOf(client, client.shop.nobody, client.shop.hotCoupon)
  ),
  saying("give a coupon", 4, "Ok", (client, heat) =>
    issueOf(client, anyBuyer(client, heat), anyCoupon(client, heat) ?? client.shop.hotCoupon, client.shop.seller)
  ),
  shape("get more than one may have", 3, (client) =>
    Effect.gen(function* () {
      const coupon = client.shop.onceCoupon
      const asks = [issueOf(client, client.owner, coupon), issueOf(client, client.owner, coupon)]
      const outcomes = yield* Effect.forEach(asks, (ask) => client.say("get more than one may have", ask), {
        concurrency: client.rng.between(1, 2)
      })
      return outcomes.some((outcome) => came(outcome, "CouponAlreadyIssued"))
    })
  ),
  shape("leave while a coupon comes in", 1, (client) =>
    Effect.gen(function* () {
      const user = client.rng.some(client.shop.leavers) ?? client.owner
      const outcomes = yield* Effect.all(
        [
          client.say("leave while a coupon comes in", issueOf(client, user, client.shop.hotCoupon)),
          client.say("leave while a coupon comes in", { _tag: "Withdraw", user })
        ],
        { concurrency: 2 }
      )
      return outcomes.some((outcome) => came(outcome, "Ok"))
    })
  ),
  shape("suspend or resume a coupon", 3, (client, heat) =>
    Effect.gen(function* () {
      const { rng, shop } = client
      const coupon = anyCoupon(client, heat) ?? shop.hotCoupon
      const version = yield* client.lookAtCoupon(coupon)
      if (version === undefined) return false
      const condition = rng.chance(0.3) ? "SUSPENDED" : "OPEN"
      const edit = { _tag: "EditCoupon", seller: shop.seller, coupon, version, condition } as const
      return came(yield* client.say("suspend or resume a coupon", edit), "Ok")
    })
  ),
  saying("read a coupon", 3, "Ok", (client, heat) => ({
    _tag: "ReadCoupon",
    coupon: anyCoupon(client, heat) ?? client.shop.hotCoupon
  })),
  shape("repeat an issue", 3, (client) =>
    Effect.gen(function* () {
      const request = client.request("repeat an issue", issueOf(client, client.owner, client.shop.hotCoupon))
      const times = Array.from({ length: client.rng.between(1, 3) }, () => client.ask(request))
      const outcomes = yield* Effect.all(times, { concurrency: times.length })
      if (!outcomes.every(({ _tag }) => _tag === "Ok")) return false
      const again = yield* client.once(request)
      return again._tag === "Ok" && again.replayed
    })
  ),
  holding("buy with a coupon", 8, (client, heat, coupon) =>
    Effect.map(client.say("buy with a coupon", buyWith(client, heat, coupon)), (outcome) => came(outcome, "Ok"))
  ),
  holding("buy with a coupon twice at once", 4, (client, heat, coupon) =>
    Effect.gen(function* () {
      const asks = [buyWith(client, heat, coupon), buyWith(client, heat, coupon)]
      const outcomes = yield* Effect.forEach(asks, (ask) => client.say("buy with a coupon twice at once", ask), {
        concurrency: client.rng.between(1, 2)
      })
      return ["Ok", "CouponNotUsable"].every((should) => outcomes.some((outcome) => came(outcome, should)))
    })
  ),
  holding("buy with a suspended coupon", 3, (client, heat, coupon, kind) =>
    Effect.gen(function* () {
      const name = "buy with a suspended coupon"
      const { seller } = client.shop
      const put = (version: number | undefined, condition: CouponCondition) =>
        client.say(name, { _tag: "EditCoupon", seller, coupon: kind, version: version ?? 0, condition })
      const suspended = yield* put(yield* client.lookAtCoupon(kind), "SUSPENDED")
      const bought = yield* client.say(name, buyWith(client, heat, coupon))
      yield* put(yield* client.lookAtCoupon(kind), "OPEN")
      return came(suspended, "Ok") && came(bought, "CouponNotUsable")
    })
  ),
  // The database refuses one of them, and whoever is in the same batch must not notice.
  shape("get a coupon beside a product of nobody", 3, (client) =>
    Effect.gen(function* () {
      const { shop, owner } = client
      const name = "get a coupon beside a product of nobody"
      const create = { _tag: "Create", seller: shop.nobody, price: won(100), stock: 1 } as const
      const [issued] = yield* Effect.all(
        [client.say(name, issueOf(client, owner, shop.hotCoupon)), client.say(name, create)],
        { concurrency: 2 }
      )
      return came(issued, "Ok")
    })
  ),
  holding("buy with the coupon of another", 1, (client, heat, coupon) =>
    Effect.map(
      client.say("buy with the coupon of another", { ...buyWith(client, heat, coupon), buyer: client.shop.hotBuyer }),
      (outcome) => came(outcome, "CouponNotUsable")
    )
  )
]

export const shapes = [...withoutCoupons, ...aboutCoupons, everywhere, ...orderShapes, ...orderShapesWithCoupons]

const deckOf = (each: ReadonlyArray<Shape>) => each.flatMap((one) => Array.from({ length: one.weight }, () => one))
const plain = deckOf(withoutCoupons)
const withCoupons = deckOf([...aboutCoupons, everywhere])
const withOrders = deckOf(orderShapes)
const withBoth = deckOf(orderShapesWithCoupons)

/** Every shape there is in a world as often as it weighs. */
export const shapesIn = ({ coupons = false, orders = false }: Options): ReadonlyArray<Shape> => [
  ...plain,
  ...(coupons ? withCoupons : []),
  ...(orders ? withOrders : []),
  ...(coupons && orders ? withBoth : [])
]
