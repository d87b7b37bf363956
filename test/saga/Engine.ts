/** The engine of one node, over a journal in memory that a test may wrap. */
import { Effect, Layer, Struct } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import { permit } from "../../src/domain/Authority.ts"
import type { Coupon } from "../../src/domain/Coupon.ts"
import {
  couponId,
  type CouponId,
  type ProductId,
  RequestKey,
  type UserCouponId,
  type UserId,
  userId,
  uuidOf
} from "../../src/domain/Ids.ts"
import { type Money, pieces, won } from "../../src/domain/Money.ts"
import * as Entropy from "../../src/Entropy.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { charge } from "../../src/saga/Charge.ts"
import { checkout } from "../../src/saga/Checkout.ts"
import { createProduct } from "../../src/saga/Products.ts"
import { type Keyed, Transact } from "../../src/saga/Transact.ts"
import { issue } from "../../src/saga/Coupons.ts"
import { coupon, seller, uuid } from "../domain/Samples.ts"

export type JournalShape = Journal["Service"]

export const partitions = 4

/** An engine; `wrap` stands between it and the disk. */
export const engine = (wrap: (journal: JournalShape) => JournalShape = (journal) => journal) =>
  Transact.layer({ requestTimeoutMs: 5000, stepsMost: 2000 }).pipe(
    Layer.provideMerge(Directory.layer({ partitions, owner: "test", residentActors: 1000 })),
    Layer.provideMerge(GroupCommit.layer({ batchSize: 64, inFlight: 2, queueSize: 2000, drainWithin: "1 second" })),
    Layer.provideMerge(Layer.effect(Journal, Effect.map(Journal, wrap)).pipe(Layer.provide(MemoryJournal.layer))),
    Layer.provideMerge(MemoryTables.layer),
    Layer.provide(Entropy.layer)
  )

/** The request a client would repeat. */
export const request = (key: number, body = 0): Keyed => ({ key: RequestKey(uuid(1000 + key)), bodyHash: uuid(body) })

/** A user whose wallet has been charged. */
export const user = (n: number, balance: number) =>
  Effect.gen(function* () {
    const id = userId(uuid(500 + n))
    const { users, wallets } = yield* MemoryTables
    const none = { passwordHash: "", withdrawn: false } as const
    users.set(uuidOf(id), { loginId: `user-${n}`, name: `User ${n}`, role: "BUYER", ...none })
    wallets.set(uuidOf(id), 0)
    if (balance > 0) yield* charge({ request: request(100_000 + n), user: permit(id), amount: balance })
    return id
  })

/** A product on sale. */
export const onSale = (stock: number, price = 1000) =>
  Effect.gen(function* () {
    const { users } = yield* MemoryTables
    users.set(uuidOf(seller), { loginId: "seller", name: "S", role: "SELLER", passwordHash: "", withdrawn: false })
    const { productId } = yield* createProduct({
      seller: permit(seller),
      name: "Sneaker",
      description: "",
      category: undefined,
      price: won(price),
      stock: pieces(stock),
      saleStatus: "ON_SALE"
    })
    return productId
  })

/** A coupon to be had: 1,000 won off. */
export const offered = (change: Partial<Coupon>) =>
  Effect.gen(function* () {
    const { coupons } = yield* MemoryTables
    const id = couponId(uuid(700 + coupons.size))
    const record = Struct.omit(coupon(change), ["couponId", "held", "pending"])
    coupons.set(uuidOf(id), { ...record, code: id, name: "Welcome", createdBy: seller, createdAt: 0 })
    return id
  })

/** Asks for a coupon. */
export const take = (wanted: CouponId, who: UserId, key: number) =>
  issue({ request: request(200_000 + key), wanted: permit({ couponId: wanted, userId: who }) })

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

/** What the disk says, and that it agrees with memory. */
export const audit = Effect.gen(function* () {
  const tables = yield* MemoryTables
  const directory = yield* Directory
  const disagreements: Array<string> = []
  for (const partition of directory.owned()) {
    for (const [uuid_, balance] of tables.wallets) {
      const wallet = partition.peek("wallet", userId(uuid_))
      if (wallet !== undefined && (wallet.balance !== balance || wallet.held + wallet.incoming !== 0)) {
        disagreements.push(`wallet ${uuid_}: ${JSON.stringify(wallet)}, on disk ${balance}`)
      }
    }
  }
  return {
    disagreements,
    orders: tables.orders.size,
    stock: [...tables.products.values()].map(({ onHand }) => onHand),
    money: [...tables.wallets.values()].reduce((sum, balance) => sum + balance, 0),
    paid: [...tables.orders.values()].reduce((sum, { order }) => sum + order.paid, 0),
    outbox: tables.outbox.map(({ type }) => type)
  }
})
