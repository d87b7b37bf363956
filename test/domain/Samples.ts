/** Things tests speak of. */
import { type Coupon, make as makeCoupon } from "../../src/domain/Coupon.ts"
import { couponId, orderId, productId, userCouponId, userId } from "../../src/domain/Ids.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import { make as makeProduct, type Product } from "../../src/domain/Product.ts"
import { make as makeWallet, type Wallet } from "../../src/domain/Wallet.ts"

/** The `n`-th UUID. */
export const uuid = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`

export const buyer = userId(uuid(1))
export const seller = userId(uuid(2))
export const sneaker = productId(uuid(3))
export const order = orderId(uuid(4))
export const voucher = userCouponId(uuid(6))

export const product = (change: Partial<Product> = {}): Product => ({
  ...makeProduct({
    productId: sneaker,
    sellerId: seller,
    name: "Sneaker",
    price: won(1000),
    onHand: pieces(10),
    saleStatus: "ON_SALE"
  }),
  ...change
})

export const wallet = (balance: number): Wallet => makeWallet(buyer, won(balance))

/** 1,000 won off anything, a hundred of them. */
export const coupon = (change: Partial<Coupon> = {}): Coupon => ({
  ...makeCoupon({
    couponId: couponId(uuid(5)),
    sellerId: undefined,
    discount: { _tag: "FIXED", amount: won(1000) },
    minOrderAmount: won(0),
    firstPurchaseOnly: false,
    productIds: [],
    categories: [],
    tiers: [],
    totalQuantity: 100,
    perUserLimit: 1,
    issueBy: ["FIRST_COME", "CODE", "GRANT"],
    issue: { from: undefined, until: undefined },
    validity: { from: undefined, until: undefined }
  }),
  ...change
})
