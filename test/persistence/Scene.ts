/** The people, products and transactions of these tests. Every id is used once, so tests can share a database. */
import { Effect } from "effect"
import { permit, type Privilege, type Role } from "../../src/domain/Authority.ts"
import {
  couponId,
  type CouponId,
  Epoch,
  orderId,
  PartitionId,
  paymentId,
  productId,
  type ProductId,
  RequestKey,
  TransactionId,
  userCouponId,
  type UserCouponId,
  userId,
  type UserId,
  uuidOf
} from "../../src/domain/Ids.ts"
import { MoneyDelta, pieces, won } from "../../src/domain/Money.ts"
import { inFull, type Order, placed } from "../../src/domain/Order.ts"
import { make as makeProduct, type Product } from "../../src/domain/Product.ts"
import type { Change, Fence, Transaction } from "../../src/domain/Transaction.ts"
import { Journal, takeOver } from "../../src/persistence/Journal.ts"
import { Users } from "../../src/persistence/Users.ts"
import { Coupons, type NewCoupon } from "../../src/persistence/Coupons.ts"
import { coupon, uuid } from "../domain/Samples.ts"

/** No other process has these. */
let used = process.pid * 0x1_000_000
/** An id nobody has; later ones are greater. */
export const next = () => uuid(++used)

export const fence = (epoch: Epoch | undefined, of: PartitionId): Fence => ({ partition: of, epoch: epoch ?? Epoch(0) })

let claims = 0
/** Claims a partition that nobody else has. */
export const claimed = Effect.gen(function* () {
  const partition = PartitionId(++claims)
  const [epoch] = yield* takeOver(yield* Journal, [partition], "test")
  return fence(epoch, partition)
})

export const register = (role: Role = "BUYER", name = "Kim") =>
  Effect.gen(function* () {
    const users = yield* Users
    const id = userId(next())
    yield* users.register({ userId: id, loginId: `login-${id}`, name, role: permit(role), passwordHash: "hash" })
    return id
  })

const farMs = 60_000

/** A transaction with a minute to go. */
export const transaction = (change: Partial<Transaction> & Pick<Transaction, "fences" | "changes">) =>
  Effect.map(Journal, (journal): Transaction => {
    const id = TransactionId(next())
    return {
      id,
      key: RequestKey(id),
      answered: undefined,
      deadline: journal.now() + farMs,
      events: [],
      ...change
    }
  })

export const charge = (user: UserId, amount: number): Change => ({
  _tag: "MoneyMoved",
  userId: user,
  delta: MoneyDelta(amount),
  reason: "CHARGE"
})

export const created = (
  sellerId: UserId,
  stock: number,
  texts: Partial<Pick<Product, "name" | "price" | "saleStatus">> & {
    readonly description?: string
    readonly category?: string | undefined
  } = {}
): { readonly id: ProductId; readonly changes: ReadonlyArray<Change> } => {
  const id = productId(next())
  const { description = "", category, ...rest } = texts
  const product = makeProduct({
    productId: id,
    sellerId,
    name: "Sneaker",
    price: won(1000),
    onHand: pieces(stock),
    saleStatus: "ON_SALE",
    ...rest
  })
  return {
    id,
    changes: [
      { _tag: "ProductCreated", product, description, category },
      { _tag: "StockMoved", productId: id, delta: stock, reason: "INITIAL" }
    ]
  }
}

export const orderOf = (buyer: UserId, product: ProductId, quantity: number, price = 1000): Order => {
  const id = next()
  const amount = won(price * quantity)
  return placed({
    orderId: orderId(id),
    userId: buyer,
    status: "CONFIRMED",
    lines: [
      {
        productId: product,
        name: "Sneaker",
        unitPrice: won(price),
        quantity: pieces(quantity),
        amount,
        discount: won(0),
        cancelled: pieces(0)
      }
    ],
    payments: [inFull(paymentId(id), amount)],
    totalAmount: amount,
    discountAmount: won(0),
    userCouponId: undefined,
    paidAmount: amount,
    paidAt: 1_700_000_000_000,
    createdAt: 1_700_000_000_000
  })
}

/** A coupon that is there. */
export const offered = (createdBy: UserId, change: Partial<NewCoupon> = {}, by?: Privilege) =>
  Effect.gen(function* () {
    const id = couponId(next())
    const { create } = yield* Coupons
    const terms = { ...coupon({ couponId: id }), code: id, name: "Welcome", grantOn: undefined }
    yield* create({ ...terms, createdBy, ...change }, by, { key: RequestKey(uuidOf(id)), answered: undefined })
    return id
  })

export const issued = (to: UserId, of: CouponId, slot = 1): Change & { readonly userCouponId: UserCouponId } => ({
  _tag: "CouponIssued",
  userCouponId: userCouponId(next()),
  couponId: of,
  userId: to,
  slot,
  issuedAt: 1_700_000_000_000
})

export const revoked = (from: UserId, userCoupon: UserCouponId, reason = "fraud"): Change => ({
  _tag: "CouponRevoked",
  userCouponId: userCoupon,
  userId: from,
  reason
})

/** An order of one piece that a coupon made cheaper, and what it changes. */
export const boughtWith = (buyer: UserId, product: ProductId, userCoupon: UserCouponId, discount = 100) => {
  const full = orderOf(buyer, product, 1)
  const order: Order = {
    ...full,
    lines: full.lines.map((line) => ({ ...line, discount: won(discount) })),
    payments: full.payments.map((payment) => ({ ...payment, amount: won(payment.amount - discount) })),
    discountAmount: won(discount),
    userCouponId: userCoupon,
    paidAmount: won(full.totalAmount - discount)
  }
  const use: Change = {
    _tag: "CouponUsed",
    userCouponId: userCoupon,
    to: "USED",
    userId: buyer,
    orderId: order.orderId
  }
  return { order, changes: [...bought(order), use] }
}

/** What a paid order changes. */
export const bought = (order: Order): ReadonlyArray<Change> => [
  { _tag: "OrderPlaced", order },
  {
    _tag: "MoneyMoved",
    userId: order.userId,
    delta: MoneyDelta(-order.paidAmount),
    reason: "PAYMENT",
    orderId: order.orderId
  },
  ...order.lines.map(({ productId: product, quantity }): Change => ({
    _tag: "StockMoved",
    productId: product,
    delta: -quantity,
    reason: "SALE",
    orderId: order.orderId
  }))
]

/** Commits, each alone, and expects it to be committed. */
export const commit = (fences: ReadonlyArray<Fence>, ...all: ReadonlyArray<ReadonlyArray<Change>>) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    for (const changes of all) {
      const verdicts = yield* journal.commit([yield* transaction({ fences, changes })])
      if (verdicts[0] !== "Committed" && typeof verdicts[0] !== "number")
        return yield* Effect.die(`not committed: ${verdicts}`)
    }
  })
