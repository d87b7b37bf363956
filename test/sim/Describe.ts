/** Operations, outcomes and transactions in a few words, and the ids they are about. */
import type { Change, Transaction } from "../../src/domain/Transaction.ts"
import type { Request } from "./History.ts"
import type { Names } from "./Names.ts"
import type { Item, Operation, Outcome } from "./Operation.ts"

const itemsIn = (names: Names, items: ReadonlyArray<Item>) =>
  items.map(({ product, quantity }) => `${quantity} ${names.of(product)}`).join(" + ")

export const operation = (names: Names, asked: Operation): string => {
  switch (asked._tag) {
    case "Checkout": {
      const items = itemsIn(names, asked.items)
      const total = asked.expectedTotal === undefined ? "" : ` for ${asked.expectedTotal}`
      const coupon = asked.coupon === undefined ? "" : ` with ${names.of(asked.coupon)}`
      return `${names.of(asked.buyer)} buys ${items}${coupon}${total}, ${asked.key}`
    }
    case "Order": {
      const coupon = asked.coupon === undefined ? "" : ` with ${names.of(asked.coupon)} (${asked.policy})`
      return `${names.of(asked.buyer)} orders ${itemsIn(names, asked.items)}${coupon}, ${asked.key}`
    }
    case "Pay": {
      const tenders = (asked.tenders ?? []).map(({ method, amount }) => `${amount} by ${method}`).join(" + ")
      const key = asked.paymentKey === undefined ? "" : ` (${asked.paymentKey})`
      return `${names.of(asked.buyer)} pays ${names.of(asked.order)}: ${tenders || "all by WALLET"}${key}, ${asked.key}`
    }
    case "Confirm":
      return `${names.of(asked.buyer)} has agreed to pay ${asked.amount} of ${names.of(asked.order)} (${asked.paymentKey}), ${asked.key}`
    case "Cancel":
    case "AskRefund": {
      const what = asked._tag === "Cancel" ? "cancels" : "gives back"
      const items = asked.items === undefined ? "all" : itemsIn(names, asked.items)
      return `${names.of(asked.buyer)} ${what} ${items} of ${names.of(asked.order)}, ${asked.key}`
    }
    case "DecideRefund":
      return `${names.of(asked.refund)} of ${names.of(asked.order)} is ${asked.approved ? "approved" : "refused"}`
    case "Progress":
      return `${names.of(asked.order)} is to be ${asked.to}`
    case "ReadOrder":
      return `read ${names.of(asked.order)}`
    case "Charge":
      return `${names.of(asked.user)} charges ${asked.amount}, ${asked.key}`
    case "Issue": {
      const giver = asked.grantedBy === undefined ? "" : `${names.of(asked.grantedBy)} gives `
      return `${giver}${names.of(asked.user)} a coupon of ${names.of(asked.coupon)}, ${asked.key}`
    }
    case "Adjust":
      return `${asked.delta} pieces to ${names.of(asked.product)} at version ${asked.version}`
    case "Edit":
      return `edit ${names.of(asked.product)} at version ${asked.version}: ${JSON.stringify(asked.edit)}`
    case "EditCoupon":
      return `${names.of(asked.coupon)} at version ${asked.version} is to be ${asked.condition}`
    case "Create":
      return `${names.of(asked.seller)} adds a product: ${asked.stock} pieces at ${asked.price}`
    case "Withdraw":
      return `${names.of(asked.user)} leaves`
    case "ReadProduct":
      return `read ${names.of(asked.product)}`
    case "ReadWallet":
      return `read ${names.of(asked.user)}`
    case "ReadCoupon":
      return `read ${names.of(asked.coupon)}`
  }
}

export const outcome = (heard: Outcome): string => {
  switch (heard._tag) {
    case "Ok":
      return `${heard.replayed ? "as before: " : ""}${JSON.stringify(heard.answer)}`
    case "Refused":
      return `refused, ${JSON.stringify(heard.error)}`
    case "NotNow":
      return `not now, ${heard.reason}`
    case "Unknown":
      return `unknown, ${heard.reason}`
    case "Defect":
      return `defect, ${heard.reason}`
  }
}

export const entitiesOfRequest = ({ number, operation: asked, keyed }: Request): ReadonlyArray<string> => [
  `request ${number}`,
  ...(keyed === undefined ? [] : [keyed.key]),
  ...entitiesOfOperation(asked)
]

/** The actors it is about, and no others that it may ask: a coupon by the name its owner has for it. */
export const actorsOf = (asked: Operation): ReadonlyArray<string> => {
  const entities = entitiesOfOperation(asked)
  if ((asked._tag === "Checkout" || asked._tag === "Order") && asked.coupon !== undefined)
    return [...entities, asked.coupon]
  return "seller" in asked ? [...entities, asked.seller] : entities
}

const entitiesOfOperation = (asked: Operation): ReadonlyArray<string> => {
  switch (asked._tag) {
    case "Pay":
    case "Confirm":
    case "Cancel":
    case "AskRefund":
    case "ReadOrder":
      return [asked.order, asked.buyer]
    case "DecideRefund":
    case "Progress":
      return [asked.order]
    case "Checkout":
    case "Order":
      return [asked.buyer, ...asked.items.map(({ product }) => product)]
    case "Issue":
      return [asked.coupon, asked.user]
    case "Create":
      return [asked.seller]
    case "Charge":
    case "Withdraw":
    case "ReadWallet":
      return [asked.user]
    case "EditCoupon":
    case "ReadCoupon":
      return [asked.coupon]
    case "Adjust":
    case "Edit":
    case "ReadProduct":
      return [asked.product]
  }
}

const entitiesOfChange = (change: Change): ReadonlyArray<string> => {
  switch (change._tag) {
    case "MoneyMoved":
    case "UserWithdrew":
      return [change.userId]
    case "StockMoved":
    case "StockReserved":
    case "ProductEdited":
      return [change.productId]
    case "ProductCreated":
      return [change.product.productId]
    case "OrderPlaced":
      return [change.order.orderId]
    case "OrderChanged":
      return [change.after.orderId]
    case "GatewayMoved":
      return [change.orderId]
    case "CouponIssued":
      return [change.userCouponId, change.couponId, change.userId]
    case "CouponUsed":
    case "CouponRevoked":
      return [change.userCouponId, change.userId]
    case "CouponEdited":
      return [change.couponId]
    case "Audited":
      return [change.record.entity]
  }
}

export const entitiesOf = ({ id, key, fences, changes }: Transaction): ReadonlyArray<string> => [
  id,
  key,
  ...fences.map(({ partition }) => `partition ${partition}`),
  ...changes.flatMap(entitiesOfChange)
]

const change = (names: Names, made: Change): string => {
  switch (made._tag) {
    case "MoneyMoved":
      return `${names.of(made.userId)} ${made.delta} won`
    case "StockMoved":
      return `${names.of(made.productId)} ${made.delta} pieces`
    case "GatewayMoved":
      return `${names.of(made.orderId)} ${made.delta} won through a gateway`
    case "StockReserved":
      return `${names.of(made.productId)} ${made.delta} pieces reserved`
    case "CouponUsed":
      return `${names.of(made.userCouponId)} ${made.to}`
    case "OrderChanged": {
      const { before, after } = made
      const payments = after.payments.map(
        ({ method, status, amount, refunded }) => `${method} ${amount}−${refunded} ${status}`
      )
      const refunds = after.refunds.map(({ amount, viaGateway, status }) => `back ${amount} (${viaGateway}) ${status}`)
      const parts = [after.cancelReason, ...payments, ...refunds].filter((part) => part !== undefined)
      return `${names.of(after.orderId)} ${before.status} → ${after.status} (${parts.join(", ")})`
    }
    default:
      return `${made._tag} ${entitiesOfChange(made)
        .map((id) => names.of(id))
        .join()}`
  }
}

export const transaction = (names: Names, { id, key, fences, changes }: Transaction): string => {
  const epochs = fences.map(({ partition, epoch }) => `partition ${partition} at epoch ${epoch}`).join(", ")
  const own: string = id
  const name = key === own ? names.of(id) : `${names.of(id)} of ${names.of(key)}`
  return `${name} (${epochs}): ${changes.map((made) => change(names, made)).join(", ")}`
}
