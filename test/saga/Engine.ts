/** The engine of one node, over a journal in memory that a test may wrap. */
import { Effect, Layer, Schema, Struct } from "effect"
import { isDeepStrictEqual } from "node:util"
import { Directory } from "../../src/actors/Directory.ts"
import type { Actors, KindName } from "../../src/domain/Actors.ts"
import { permit } from "../../src/domain/Authority.ts"
import type { Coupon, GrantOn } from "../../src/domain/Coupon.ts"
import {
  couponId,
  type CouponId,
  type OrderId,
  orderId,
  productId,
  type ProductId,
  refundId,
  RequestKey,
  type UserCouponId,
  type UserId,
  userId,
  uuidOf
} from "../../src/domain/Ids.ts"
import { type Money, pieces, won } from "../../src/domain/Money.ts"
import type { Deed } from "../../src/domain/OrderLife.ts"
import * as Entropy from "../../src/Entropy.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import * as MemoryCatalogue from "../../src/persistence/MemoryCatalogue.ts"
import * as MemoryCoupons from "../../src/persistence/MemoryCoupons.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import * as MemoryOrders from "../../src/persistence/MemoryOrders.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as MemoryUsers from "../../src/persistence/MemoryUsers.ts"
import { charge } from "../../src/saga/Charge.ts"
import { checkout } from "../../src/saga/Checkout.ts"
import { askRefund, change, type CouponPolicy, createOrder } from "../../src/saga/Orders.ts"
import { pay } from "../../src/saga/Payments.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import { createProduct } from "../../src/saga/Products.ts"
import { type Keyed, Transact } from "../../src/saga/Transact.ts"
import { claim, issue } from "../../src/saga/Coupons.ts"
import { coupon, seller, uuid } from "../domain/Samples.ts"

export type JournalShape = Journal["Service"]

export const partitions = 4

const repositories = Layer.mergeAll(MemoryUsers.layer, MemoryCatalogue.layer, MemoryCoupons.layer, MemoryOrders.layer)

/** An engine over some tables; `wrap` stands between it and the disk. */
export const engineOver = (wrap: (journal: JournalShape) => JournalShape = (journal) => journal) =>
  Transact.layer({ requestTimeoutMs: 5000, stepsMost: 2000 }).pipe(
    Layer.provideMerge(Directory.layer({ partitions, owner: "test", residentActors: 1000 })),
    Layer.provideMerge(GroupCommit.layer({ batchSize: 64, inFlight: 2, queueSize: 2000, drainWithin: "1 second" })),
    Layer.provideMerge(Layer.effect(Journal, Effect.map(Journal, wrap)).pipe(Layer.provide(MemoryJournal.layer))),
    Layer.provideMerge(Layer.mergeAll(repositories, MemoryGateway.layer)),
    Layer.provideMerge(MemoryTables.layer),
    Layer.provide(Entropy.layer)
  )

/** An engine with tables of its own. */
export const engine = (wrap?: (journal: JournalShape) => JournalShape) =>
  engineOver(wrap).pipe(Layer.provideMerge(MemoryTables.layer))

/** The request a client would repeat. */
export const request = (key: number, body = 0): Keyed => ({ key: RequestKey(uuid(1000 + key)), bodyHash: uuid(body) })

/** A user whose wallet has been charged. */
export const user = (n: number, balance: number) =>
  Effect.gen(function* () {
    const id = userId(uuid(500 + n))
    const { users, wallets } = yield* MemoryTables
    const none = { tier: "BRONZE", passwordHash: "", withdrawn: false } as const
    users.set(uuidOf(id), { loginId: `user-${n}`, name: `User ${n}`, role: "BUYER", ...none })
    wallets.set(uuidOf(id), 0)
    if (balance > 0) yield* charge({ request: request(100_000 + n), user: permit(id), amount: balance })
    return id
  })

/** A product on sale. */
export const onSale = (stock: number, price = 1000) =>
  Effect.gen(function* () {
    const { users } = yield* MemoryTables
    users.set(uuidOf(seller), {
      loginId: "seller",
      name: "S",
      role: "SELLER",
      tier: "BRONZE",
      passwordHash: "",
      withdrawn: false
    })
    const { answer } = yield* createProduct({
      seller: permit(seller),
      name: "Sneaker",
      description: "",
      category: undefined,
      price: won(price),
      stock: pieces(stock),
      saleStatus: "ON_SALE"
    })
    return answer.productId
  })

/** A coupon to be had: 1,000 won off. */
export const offered = ({ grantOn, ...terms }: Partial<Coupon> & { readonly grantOn?: GrantOn }) =>
  Effect.gen(function* () {
    const { coupons } = yield* MemoryTables
    const id = couponId(uuid(700 + coupons.size))
    const record = Struct.omit(coupon(terms), ["couponId", "held", "pending"])
    coupons.set(uuidOf(id), { ...record, code: id, name: "Welcome", grantOn, createdBy: seller, createdAt: 0 })
    return id
  })

/** Asks for a coupon. */
export const take = (wanted: CouponId, who: UserId, key: number) =>
  issue({
    request: request(200_000 + key),
    wanted: permit({ couponId: wanted, userId: who }),
    issueBy: "FIRST_COME"
  })

/** Asks for the coupon of a code. */
export const claimed = (code: string, who: UserId, key: number) =>
  claim({ request: request(400_000 + key), code, user: permit(who) })

export interface Purchase {
  readonly key: number
  readonly body?: number
  readonly buyer: UserId
  readonly product: ProductId
  readonly quantity?: number
  readonly userCouponId?: UserCouponId | undefined
  readonly expectedTotal?: Money
}

export const buy = ({ key, body = 0, buyer, product, quantity = 1, userCouponId, expectedTotal }: Purchase) =>
  checkout({
    request: request(key, body),
    buyer,
    items: [{ productId: product, quantity: pieces(quantity) }],
    userCouponId,
    expectedTotal
  })

export interface Making {
  readonly key: number
  readonly body?: number
  readonly buyer: UserId
  /** Pieces of each product. */
  readonly items: ReadonlyArray<readonly [ProductId, number]>
  readonly userCouponId?: UserCouponId | undefined
  readonly couponPolicy?: CouponPolicy
  readonly expectedTotal?: Money
  readonly shippingAddress?: string
}

/** Makes an order that is not paid. */
export const make = ({
  key,
  body = 0,
  buyer,
  items,
  userCouponId,
  couponPolicy = "reject",
  expectedTotal,
  shippingAddress
}: Making) =>
  createOrder({
    request: request(key, body),
    buyer,
    items: items.map(([id, quantity]) => ({ productId: id, quantity: pieces(quantity) })),
    userCouponId,
    couponPolicy,
    expectedTotal,
    shippingAddress
  })

export const payFor = (order: OrderId, key: number) =>
  pay({
    request: request(300_000 + key),
    order: permit(order),
    tenders: undefined,
    paymentKey: undefined
  })

/** Does something to an order; without a key, a repetition does it again. */
export const does = (order: OrderId, deed: Deed, key?: number) =>
  change({
    request: key === undefined ? undefined : request(400_000 + key),
    order: permit(order),
    // What it creates has ids of its own, whoever asks.
    deed: (id) => (deed._tag === "Cancel" ? { ...deed, refundId: refundId(id) } : deed),
    schema: Schema.String,
    answer: ({ order: { status } }) => status
  })

/** What is paid is sent, delivered and confirmed. */
export const complete = (order: OrderId) =>
  Effect.forEach(["PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"] as const, (to) =>
    does(order, { _tag: "Advance", to })
  )

export const cancel = (
  order: OrderId,
  options: {
    readonly key?: number
    readonly items?: ReadonlyArray<readonly [ProductId, number]>
    readonly reason?: (Deed & { readonly _tag: "Cancel" })["reason"]
  } = {}
) =>
  does(
    order,
    {
      _tag: "Cancel",
      refundId: refundId(uuid(0)),
      reason: options.reason ?? "BUYER",
      items: options.items?.map(([id, quantity]) => ({ productId: id, quantity: pieces(quantity) }))
    },
    options.key
  )

export const askBack = (order: OrderId, key: number, items?: ReadonlyArray<readonly [ProductId, number]>) =>
  askRefund({
    request: request(500_000 + key),
    order: permit(order),
    items: items?.map(([id, quantity]) => ({ productId: id, quantity: pieces(quantity) }))
  })

/** What the disk says, and that it agrees with memory. */
export const audit = Effect.gen(function* () {
  const tables = yield* MemoryTables
  const directory = yield* Directory
  const disagreements: Array<string> = []
  const journal = yield* Journal
  const compare = Effect.fnUntraced(function* <K extends KindName>(kind: K, ids: ReadonlyArray<Actors[K]["id"]>) {
    const loaded = yield* journal.load(kind, ids)
    for (const partition of directory.owned()) {
      for (const [n, id] of ids.entries()) {
        const [inMemory, onDisk] = [partition.peek(kind, id), loaded[n]]
        if (inMemory !== undefined && !isDeepStrictEqual(inMemory, onDisk)) {
          disagreements.push(`${kind} ${id}: ${JSON.stringify(inMemory)}, on disk ${JSON.stringify(onDisk)}`)
        }
      }
    }
  })
  yield* compare("wallet", Array.from(tables.wallets.keys(), userId))
  yield* compare("product", Array.from(tables.products.keys(), productId))
  yield* compare("order", Array.from(tables.orders.keys(), orderId))
  return {
    disagreements,
    orders: tables.orders.size,
    stock: [...tables.products.values()].map(({ onHand }) => onHand),
    reserved: [...tables.products.values()].map(({ reserved }) => reserved),
    coupons: [...tables.userCoupons.values()].map(({ status }) => status),
    money: [...tables.wallets.values()].reduce((sum, balance) => sum + balance, 0),
    paid: [...tables.orders.values()].reduce((sum, { paidAmount }) => sum + paidAmount, 0),
    outbox: tables.outbox.map(({ type }) => type)
  }
})
