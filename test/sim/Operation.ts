/** What clients ask for, as data; what it is to HTTP; and what they can be told. */
import { Exit } from "effect"
import { HttpServerResponse } from "effect/http"
import type { CouponCondition } from "../../src/domain/Coupon.ts"
import type { CouponId, OrderId, ProductId, RefundId, UserCouponId, UserId } from "../../src/domain/Ids.ts"
import type { Money } from "../../src/domain/Money.ts"
import type { ProductEdit } from "../../src/domain/Product.ts"
import type { PaymentKey, Tender } from "../../src/domain/Tender.ts"
import { keyed } from "../../src/http/Idempotency.ts"
import type { Role } from "../../src/domain/Authority.ts"
import type { CouponPolicy } from "../../src/saga/Orders.ts"
import type { Keyed } from "../../src/saga/Transact.ts"

export interface Item {
  readonly product: ProductId
  /** Anything a client may have sent. */
  readonly quantity: number
}

/** With a `key`, which is what its client calls it, it may be made twice and happens once. */
export type Operation =
  | {
      readonly _tag: "Checkout"
      readonly key: string
      readonly buyer: UserId
      readonly items: ReadonlyArray<Item>
      readonly coupon: UserCouponId | undefined
      readonly expectedTotal: Money | undefined
    }
  /** An order to be paid later. */
  | {
      readonly _tag: "Order"
      readonly key: string
      readonly buyer: UserId
      readonly items: ReadonlyArray<Item>
      readonly coupon: UserCouponId | undefined
      readonly policy: CouponPolicy
    }
  /** Without tenders, with the wallet; without a gateway's key, the buyer has still to go to the gateway's page. */
  | {
      readonly _tag: "Pay"
      readonly key: string
      readonly buyer: UserId
      readonly order: OrderId
      readonly tenders: ReadonlyArray<Tender> | undefined
      readonly paymentKey: PaymentKey | undefined
    }
  /** The buyer is back from the gateway's page. */
  | {
      readonly _tag: "Confirm"
      readonly key: string
      readonly buyer: UserId
      readonly order: OrderId
      readonly paymentKey: PaymentKey
      readonly amount: Money
    }
  | {
      readonly _tag: "Cancel"
      readonly key: string
      readonly buyer: UserId
      readonly order: OrderId
      readonly items: ReadonlyArray<Item> | undefined
    }
  | {
      readonly _tag: "AskRefund"
      readonly key: string
      readonly buyer: UserId
      readonly order: OrderId
      readonly items: ReadonlyArray<Item> | undefined
    }
  | {
      readonly _tag: "DecideRefund"
      readonly seller: UserId
      readonly order: OrderId
      readonly refund: RefundId
      readonly approved: boolean
    }
  | {
      readonly _tag: "Progress"
      readonly seller: UserId
      readonly order: OrderId
      readonly to: "PREPARING" | "SHIPPED" | "DELIVERED"
    }
  | { readonly _tag: "ReadOrder"; readonly buyer: UserId; readonly order: OrderId }
  | { readonly _tag: "Charge"; readonly key: string; readonly user: UserId; readonly amount: number }
  /** By whoever sells what it is for, or by the one who gets it. */
  | {
      readonly _tag: "Issue"
      readonly key: string
      readonly coupon: CouponId
      readonly user: UserId
      readonly grantedBy: UserId | undefined
    }
  | {
      readonly _tag: "Adjust"
      readonly seller: UserId
      readonly product: ProductId
      readonly version: number
      readonly delta: number
    }
  | {
      readonly _tag: "Edit"
      readonly seller: UserId
      readonly product: ProductId
      readonly version: number
      readonly edit: ProductEdit
    }
  | {
      readonly _tag: "EditCoupon"
      readonly seller: UserId
      readonly coupon: CouponId
      readonly version: number
      readonly condition: CouponCondition
    }
  | { readonly _tag: "Create"; readonly seller: UserId; readonly price: Money; readonly stock: number }
  | { readonly _tag: "Withdraw"; readonly user: UserId }
  | { readonly _tag: "ReadProduct"; readonly product: ProductId }
  | { readonly _tag: "ReadWallet"; readonly user: UserId }
  | { readonly _tag: "ReadCoupon"; readonly coupon: CouponId }

/** An operation as a client sends it. */
export interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  readonly path: string
  /** Who asks; nobody needs to say who reads. */
  readonly who?: { readonly user: UserId; readonly role: Role }
  readonly key?: string
  /** The version to edit. */
  readonly ifMatch?: number
  /** Its fields are in the order of the schema's. */
  readonly body?: object
}

const buyer = (user: UserId) => ({ user, role: "BUYER" }) as const
const seller = (user: UserId) => ({ user, role: "SELLER" }) as const

const statusOf = { OPEN: "ACTIVE", SUSPENDED: "SUSPENDED", CANCELLED: "CANCELLED" } as const

const sentItems = (items: ReadonlyArray<Item>) =>
  items.map(({ product: productId, quantity }) => ({ productId, quantity }))

export const sentOf = (operation: Operation): Sent => {
  switch (operation._tag) {
    case "Checkout": {
      const { items, coupon, expectedTotal, key } = operation
      const body = {
        items: sentItems(items),
        ...(coupon === undefined ? {} : { userCouponId: coupon }),
        ...(expectedTotal === undefined ? {} : { expectedTotal })
      }
      return { method: "POST", path: "/checkout", who: buyer(operation.buyer), key, body }
    }
    case "Order": {
      const { items, coupon, policy: couponPolicy, key } = operation
      const body = {
        items: sentItems(items),
        ...(coupon === undefined ? {} : { userCouponId: coupon }),
        couponPolicy
      }
      return { method: "POST", path: "/orders", who: buyer(operation.buyer), key, body }
    }
    case "Pay": {
      const { order: orderId, tenders, paymentKey, key } = operation
      const body = {
        orderId,
        ...(tenders === undefined ? {} : { tenders }),
        ...(paymentKey === undefined ? {} : { paymentKey })
      }
      return { method: "POST", path: "/payments/process", who: buyer(operation.buyer), key, body }
    }
    case "Confirm": {
      const { order: orderId, paymentKey, amount, key } = operation
      const body = { orderId, paymentKey, amount }
      return { method: "POST", path: "/payments/confirm", who: buyer(operation.buyer), key, body }
    }
    case "Cancel": {
      const { order, items, key } = operation
      const body = items === undefined ? {} : { items: sentItems(items) }
      return { method: "PUT", path: `/orders/${order}/cancel`, who: buyer(operation.buyer), key, body }
    }
    case "AskRefund": {
      const { order: orderId, items, key } = operation
      const body = { orderId, ...(items === undefined ? {} : { items: sentItems(items) }) }
      return { method: "POST", path: "/refunds", who: buyer(operation.buyer), key, body }
    }
    case "DecideRefund": {
      const { order, refund, approved } = operation
      return {
        method: "PUT",
        path: `/orders/${order}/refunds/${refund}`,
        who: seller(operation.seller),
        body: { approved }
      }
    }
    case "Progress": {
      const { order, to: status } = operation
      return { method: "PUT", path: `/orders/${order}/status`, who: seller(operation.seller), body: { status } }
    }
    case "ReadOrder":
      return { method: "GET", path: `/orders/${operation.order}`, who: buyer(operation.buyer) }
    case "Charge": {
      const { user, amount, key } = operation
      return { method: "POST", path: "/balances/charge", who: buyer(user), key, body: { amount } }
    }
    case "Issue": {
      const { coupon: couponId, user: userId, grantedBy, key } = operation
      return grantedBy === undefined
        ? { method: "POST", path: "/coupons/issue/limited", who: buyer(userId), key, body: { couponId } }
        : { method: "POST", path: "/coupons/issue", who: seller(grantedBy), key, body: { couponId, userId } }
    }
    case "Adjust": {
      const { product, version, delta } = operation
      const path = `/products/${product}/stock`
      return { method: "POST", path, who: seller(operation.seller), ifMatch: version, body: { delta } }
    }
    case "Edit": {
      const { product, version, edit } = operation
      const path = `/products/${product}`
      return { method: "PATCH", path, who: seller(operation.seller), ifMatch: version, body: edit }
    }
    case "EditCoupon": {
      const { coupon, version, condition } = operation
      const body = { status: statusOf[condition] }
      return { method: "PATCH", path: `/coupons/${coupon}`, who: seller(operation.seller), ifMatch: version, body }
    }
    case "Create": {
      const { price, stock } = operation
      return { method: "POST", path: "/products", who: seller(operation.seller), body: { name: "New", price, stock } }
    }
    case "Withdraw":
      return { method: "DELETE", path: `/users/${operation.user}`, who: buyer(operation.user) }
    case "ReadProduct":
      return { method: "GET", path: `/products/${operation.product}` }
    case "ReadWallet":
      return { method: "GET", path: `/balances/${operation.user}`, who: buyer(operation.user) }
    case "ReadCoupon":
      return { method: "GET", path: `/coupons/${operation.coupon}` }
  }
}

/** What makes an operation happen once, wherever it is asked for. */
export const keyedOf = (operation: Operation): Keyed | undefined => {
  const { who, method, path, key, body } = sentOf(operation)
  return who === undefined || key === undefined || body === undefined
    ? undefined
    : keyed(who.user, `${method} ${path}`, key, body)
}

export interface Answered {
  readonly answer: unknown
  readonly replayed: boolean
}

/** What an asker knows after one attempt. */
export type Outcome =
  | { readonly _tag: "Ok"; readonly answer: unknown; readonly replayed: boolean }
  /** No, for a reason of the business. Nothing changed. */
  | { readonly _tag: "Refused"; readonly reason: string; readonly error: unknown }
  /** Not now. This attempt changed nothing. */
  | { readonly _tag: "NotNow"; readonly reason: string }
  /** It may have happened, or happen yet. */
  | { readonly _tag: "Unknown"; readonly reason: string }
  /** A bug. */
  | { readonly _tag: "Defect"; readonly reason: string }

/** Why a request never arrived. */
export const noConnection = "connection refused"

const notNow = new Set(["Unavailable", "Overloaded", "RequestInProgress", "NotReady"])

export const outcomeOf = (exit: Exit.Exit<Answered, { readonly _tag: string }>): Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "Ok", ...exit.value }
  for (const reason of exit.cause.reasons) {
    // What HTTP would tell those who have hung up.
    const isFarewell = reason._tag === "Die" && HttpServerResponse.isHttpServerResponse(reason.defect)
    if (reason._tag === "Die" && !isFarewell) return { _tag: "Defect", reason: String(reason.defect) }
    if (reason._tag !== "Fail") continue
    const { _tag } = reason.error
    if (_tag === "TimedOut") return { _tag: "Unknown", reason: _tag }
    return notNow.has(_tag) ? { _tag: "NotNow", reason: _tag } : { _tag: "Refused", reason: _tag, error: reason.error }
  }
  return { _tag: "Unknown", reason: "interrupted" }
}
