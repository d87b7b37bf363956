import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { ProductId } from "../../src/domain/Ids.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import type { Order } from "../../src/domain/Order.ts"
import { type Deed } from "../../src/domain/OrderLife.ts"
import { moves } from "../../src/domain/OrderMoves.ts"
import { type Product, ProductKind } from "../../src/domain/Product.ts"
import type { Change } from "../../src/domain/Transaction.ts"
import { couponFrom, type UserCouponStatus } from "../../src/domain/UserCoupon.ts"
import { type Wallet, WalletKind } from "../../src/domain/Wallet.ts"
import {
  after,
  approved,
  askRefund,
  boot,
  cancel,
  created,
  decideRefund,
  inStatus,
  lived,
  mixed,
  pay,
  pay1,
  refund1,
  Steps
} from "./Orders.ts"
import { coupon, product, sneaker, voucher, wallet } from "./Samples.ts"

/** What moves, in short: `wallet −5200`, `sneaker held +3`. */
const short = (changes: ReadonlyArray<Change>): ReadonlyArray<string> => {
  const name = (id: ProductId) => (id === sneaker ? "sneaker" : "boot")
  const signed = (delta: number) => (delta > 0 ? `+${delta}` : `${delta}`)
  return changes.flatMap((change) => {
    switch (change._tag) {
      case "OrderPlaced":
      case "OrderChanged":
        return []
      case "MoneyMoved":
        return `wallet ${signed(change.delta)} ${change.reason}`
      case "GatewayMoved":
        return `gateway ${signed(change.delta)}`
      case "StockReserved":
        return `${name(change.productId)} reserved ${signed(change.delta)}`
      case "StockMoved":
        return `${name(change.productId)} ${signed(change.delta)} ${change.reason}`
      case "CouponUsed":
        return `coupon ${change.to}`
      default:
        return change._tag
    }
  })
}

const paidByCard = [mixed("key"), approved]
const notPaid: Deed = { _tag: "NotPaid", paymentId: pay1, cancel: undefined }
const refunded: Deed = { _tag: "Refunded", refundId: refund1 }
const prepare: Deed = { _tag: "Advance", to: "PREPARING" }

describe("What an order moves", () => {
  it.each<[string, ReadonlyArray<Deed>, Deed, ReadonlyArray<string>]>([
    [
      "paid by wallet",
      [],
      pay,
      [
        "coupon USED",
        "wallet -5200 PAYMENT",
        "sneaker reserved -3",
        "sneaker -3 SALE",
        "boot reserved -7",
        "boot -7 SALE"
      ]
    ],
    ["paid in part by card: the wallet's part", [], mixed(), ["wallet -200 PAYMENT"]],
    ["not paid after all: the wallet's part again", [mixed()], notPaid, ["wallet +200 REFUND"]],
    [
      "approved: what the wallet did not give",
      [mixed("key")],
      approved,
      ["coupon USED", "gateway +5000", "sneaker reserved -3", "sneaker -3 SALE", "boot reserved -7", "boot -7 SALE"]
    ],
    ["cancelled unpaid: what was held", [], cancel(), ["coupon ISSUED", "sneaker reserved -3", "boot reserved -7"]],
    [
      "cancelled: everything",
      [pay],
      cancel(),
      ["coupon REFUNDED", "wallet +5200 REFUND", "sneaker +3 RETURN", "boot +7 RETURN"]
    ],
    [
      "cancelled in part: that part, and not the coupon",
      [pay],
      cancel([[boot, 1]]),
      ["wallet +328 REFUND", "boot +1 RETURN"]
    ],
    [
      "cancelled, paid by card: the wallet's part first",
      paidByCard,
      cancel(),
      ["coupon REFUNDED", "wallet +200 REFUND", "sneaker +3 RETURN", "boot +7 RETURN"]
    ],
    ["given back by the gateway: the rest", [...paidByCard, cancel()], refunded, ["gateway -5000"]],
    ["prepared: nothing", [pay], prepare, []],
    ["asked back: nothing yet", [pay], askRefund(), []],
    ["refused to take back: nothing", [pay, askRefund()], decideRefund(false), []],
    [
      "taken back: what was asked for",
      [pay, askRefund([[sneaker, 2]])],
      decideRefund(true),
      ["wallet +1932 REFUND", "sneaker +2 RETURN"]
    ]
  ])("%s", (_, deeds, deed, expected) => {
    const before = after(created, ...deeds)
    assert.deepStrictEqual(short(moves(before, after(before, deed)).changes), expected)
  })

  it("placed, it reserves, and holds its coupon", () => {
    assert.deepStrictEqual(short(moves(undefined, created).changes), [
      "coupon HELD",
      "sneaker reserved +3",
      "boot reserved +7"
    ])
  })

  it("placed and paid at once, it reserves nothing", () => {
    const paid: Order = { ...inStatus("CONFIRMED"), paymentDeadline: undefined }
    assert.deepStrictEqual(short(moves(undefined, paid).changes), [
      "coupon USED",
      "wallet -5200 PAYMENT",
      "sneaker -3 SALE",
      "boot -7 SALE"
    ])
    assert.deepStrictEqual(
      moves(undefined, paid).products.map(([, { _tag }]) => _tag),
      ["Take", "Take"]
    )
  })
})

describe("What others are told of an order", () => {
  const told = (before: Order | undefined, now: Order) => moves(before, now).events.map(({ type }) => type)

  it.each<[string, ReadonlyArray<Deed>, Deed, ReadonlyArray<string>]>([
    ["paid", [], pay, ["OrderConfirmed"]],
    ["cancelled unpaid", [], cancel(), ["OrderCancelled"]],
    ["cancelled", [pay], cancel(), ["OrderCancelled", "RefundChanged"]],
    ["cancelled in part", [pay], cancel([[boot, 1]]), ["RefundChanged"]],
    ["at the gateway", [], mixed(), ["OrderChanged"]],
    ["not paid", [mixed()], notPaid, ["PaymentFailed", "PaymentFailed"]],
    ["prepared", [pay], prepare, ["OrderPreparing"]],
    ["asked back", [pay], askRefund(), ["RefundChanged"]]
  ])("%s", (_, deeds, deed, expected) => {
    const before = after(created, ...deeds)
    const now = after(before, deed)
    assert.deepStrictEqual(told(before, now), expected)
    for (const { payload } of moves(before, now).events) {
      assert.deepInclude(payload, { version: before.version + 1 })
      assert.deepStrictEqual(JSON.parse(JSON.stringify(payload)), payload)
    }
  })

  it("is of one that was made", () => assert.deepStrictEqual(told(undefined, created), ["OrderCreated"]))
})

/** Stock, money and coupon as their actors have them. */
class World {
  wallet: Wallet = {
    ...wallet(100_000),
    coupons: [{ userCouponId: voucher, couponId: coupon().couponId, slot: 1, status: "ISSUED", pending: undefined }]
  }
  readonly products = new Map<ProductId, Product>([
    [sneaker, product({ onHand: pieces(10) })],
    [boot, product({ productId: boot, onHand: pieces(10) })]
  ])

  /** Holds all that a change moves; what it gives back, is as if nothing had been asked. */
  do(before: Order | undefined, now: Order) {
    const { products, wallet: purse } = moves(before, now)
    for (const [id, command] of products) {
      const state = this.products.get(id)
      const held = Result.getOrThrow(ProductKind.hold(id, state, command)).state
      assert.deepStrictEqual(ProductKind.release(held, command), state)
      this.products.set(id, ProductKind.settle(held, command) ?? held)
      assert.isTrue(held.reserved >= 0 && held.reserved <= held.onHand)
    }
    if (purse === undefined) return
    const held = Result.getOrThrow(WalletKind.hold(now.userId, this.wallet, purse)).state
    assert.deepStrictEqual(WalletKind.release(held, purse), this.wallet)
    this.wallet = WalletKind.settle(held, purse) ?? held
  }
}

const couponOf = ({ status, paidAt }: Order): UserCouponStatus => {
  if (status === "CREATED") return "HELD"
  if (status !== "CANCELLED") return "USED"
  return paidAt === undefined ? "ISSUED" : "REFUNDED"
}

describe("Whatever becomes of an order, what it moves", () => {
  it.prop("ends where the order says, in the actors", [Steps], ([steps]) => {
    const world = new World()
    world.do(undefined, created)
    for (const { before, after: order } of lived(steps)) {
      if (order === undefined) continue
      world.do(before, order)
      const isPaid = order.paidAt !== undefined
      for (const { productId, quantity, cancelled } of order.lines) {
        const shelf = world.products.get(productId)
        assert.strictEqual<number | undefined>(shelf?.onHand, 10 - (isPaid ? quantity - cancelled : 0))
        assert.strictEqual<number | undefined>(shelf?.reserved, order.status === "CREATED" ? quantity : 0)
      }
      const theirs = order.payments.filter(({ method, status }) => method === "WALLET" && status !== "FAILED")
      const taken = theirs.reduce((all, { amount, refunded: back }) => all + amount - back, 0)
      assert.strictEqual(world.wallet.balance, won(100_000 - taken))
      assert.deepInclude(world.wallet, {
        held: won(0),
        incoming: won(0),
        purchases: order.status === "CREATED" ? 1 : 0
      })
      assert.strictEqual(world.wallet.coupons[0]?.status, couponOf(order))
      assert.isUndefined(world.wallet.coupons[0]?.pending)
    }
  })

  it.prop("ends where the order says, on disk", [Steps], ([steps]) => {
    const life = lived(steps).flatMap(({ before, after: order }) => (order === undefined ? [] : [{ before, order }]))
    const changes = [
      ...moves(undefined, created).changes,
      ...life.flatMap(({ before, order }) => moves(before, order).changes)
    ]
    const last = life.at(-1)?.order ?? created
    const total = (deltaOf: (change: Change) => number) => changes.reduce((all, change) => all + deltaOf(change), 0)
    for (const { productId, quantity, cancelled } of last.lines) {
      const reserved = total((one) => (one._tag === "StockReserved" && one.productId === productId ? one.delta : 0))
      const moved = total((one) => (one._tag === "StockMoved" && one.productId === productId ? one.delta : 0))
      assert.strictEqual(reserved, last.status === "CREATED" ? quantity : 0)
      assert.strictEqual(-moved, last.paidAt === undefined ? 0 : quantity - cancelled)
    }
    const has = last.payments
      .filter(({ method, status }) => status === "COMPLETED" || (status === "DEBITED" && method === "WALLET"))
      .reduce((all, { amount, refunded: back }) => all + amount - back, 0)
    const given = total((one) => (one._tag === "MoneyMoved" ? -one.delta : one._tag === "GatewayMoved" ? one.delta : 0))
    assert.strictEqual(given, has)
    let status: UserCouponStatus = "ISSUED"
    for (const change of changes) {
      if (change._tag !== "CouponUsed") continue
      assert.include(couponFrom[change.to], status)
      status = change.to
    }
    assert.strictEqual(status, couponOf(last))
  })
})
