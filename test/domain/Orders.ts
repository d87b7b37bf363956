/** Orders tests speak of: three pieces at 1,000 won and seven at 333, 131 won off, none of which divides evenly. */
import { Result, Schema } from "effect"
import { paymentId, productId, refundId } from "../../src/domain/Ids.ts"
import { gatewayTransactionId, paymentKey } from "../../src/domain/Tender.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import { type Order, type OrderStatus, payable, placed } from "../../src/domain/Order.ts"
import { type Deed, decide, underWay } from "../../src/domain/OrderLife.ts"
import { Policy } from "../../src/domain/Policy.ts"
import { buyer, order as orderId, sneaker, uuid, voucher } from "./Samples.ts"

export const boot = productId(uuid(13))
export const createdAt = 1_700_000_000_000
export const deadline = createdAt + Policy.order.paymentDeadlineMs
/** When the orders that are paid were. */
export const paidAt = createdAt + 60_000

export const pay1 = paymentId(uuid(21))
export const refund1 = refundId(uuid(31))

const line = (of: typeof sneaker, price: number, quantity: number, discount: number) => ({
  productId: of,
  name: "Sneaker",
  unitPrice: won(price),
  quantity: pieces(quantity),
  amount: won(price * quantity),
  discount: won(discount),
  cancelled: pieces(0)
})

/** One that waits for 5,200 won. */
export const created: Order = placed({
  orderId,
  userId: buyer,
  status: "CREATED",
  lines: [line(sneaker, 1000, 3, 101), line(boot, 333, 7, 30)],
  payments: [],
  totalAmount: won(5331),
  discountAmount: won(131),
  userCouponId: voucher,
  paidAmount: won(0),
  createdAt,
  paymentDeadline: deadline,
  shippingAddress: "Seoul"
})

export const pay: Deed & { readonly _tag: "Pay" } = {
  _tag: "Pay",
  paymentId: pay1,
  tenders: undefined,
  gateway: undefined,
  paymentKey: undefined
}
/** 5,000 won of it by card. */
export const mixed = (key?: string): Deed & { readonly _tag: "Pay" } => ({
  _tag: "Pay",
  paymentId: pay1,
  tenders: [
    { method: "WALLET", amount: won(200) },
    { method: "CARD", amount: won(5000) }
  ],
  gateway: "toss",
  paymentKey: key === undefined ? undefined : paymentKey(key)
})
export const askGateway: Deed = { _tag: "AskGateway", paymentKey: paymentKey("key"), amount: won(5000) }
export const approved: Deed & { readonly _tag: "Approved" } = {
  _tag: "Approved",
  paymentId: pay1,
  gatewayId: gatewayTransactionId("gateway-1")
}
export const approvedLate: Deed = { ...approved, _tag: "ApprovedLate" }
export const cancel = (
  items?: ReadonlyArray<readonly [typeof sneaker, number]>,
  change: Partial<Deed & { readonly _tag: "Cancel" }> = {}
): Deed => ({ _tag: "Cancel", refundId: refund1, reason: "BUYER", items: items && itemsOf(items), ...change })
export const askRefund = (items?: ReadonlyArray<readonly [typeof sneaker, number]>): Deed => ({
  _tag: "AskRefund",
  refundId: refund1,
  items: items && itemsOf(items)
})
export const decideRefund = (isApproved: boolean): Deed => ({
  _tag: "DecideRefund",
  refundId: refund1,
  approved: isApproved
})

const itemsOf = (items: ReadonlyArray<readonly [typeof sneaker, number]>) =>
  items.map(([id, quantity]) => ({ productId: id, quantity: pieces(quantity) }))

/** What becomes of an order by some deeds, a second apart; they must be allowed. */
export const after = (order: Order, ...deeds: ReadonlyArray<Deed>): Order =>
  deeds.reduce((was, deed, n) => Result.getOrThrow(decide(was, deed, paidAt + n * 1000)), order)

const path = ["PREPARING", "SHIPPED", "DELIVERED", "COMPLETED"] as const
const advances = path.map((to): Deed => ({ _tag: "Advance", to }))

/** One of each status, paid by wallet if it is paid. */
export const inStatus = (status: OrderStatus): Order => {
  if (status === "CREATED") return created
  if (status === "CANCELLED") return after(created, cancel())
  return after(created, pay, ...advances.slice(0, path.findIndex((each) => each === status) + 1))
}

/** Something to do, whatever the order is. */
export const Step = Schema.Struct({
  kind: Schema.Literals([
    "wallet",
    "card",
    "card with key",
    "mixed",
    "gateway",
    "approved",
    "approved late",
    "not paid",
    "not paid for good",
    "cancel all",
    "cancel some",
    "timeout",
    "advance",
    "refund all",
    "refund some",
    "approve",
    "reject",
    "refunded",
    "delayed"
  ]),
  sneakers: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
  boots: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
  minutes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8 }))
})
export const Steps = Schema.Array(Step).check(Schema.isMinLength(4), Schema.isMaxLength(25))

/** The `n`-th deed of a life; its ids are its own. */
export const deedOf = ({ kind, sneakers, boots }: typeof Step.Type, n: number, order: Order): Deed => {
  const newPayment = paymentId(uuid(1000 + n))
  const newRefund = refundId(uuid(2000 + n))
  const known = underWay(order)?.paymentId ?? newPayment
  const last = order.refunds.at(-1)?.refundId ?? newRefund
  const due = payable(order)
  const items = [
    ...(sneakers === 0 ? [] : [{ productId: sneaker, quantity: pieces(sneakers) }]),
    ...(boots === 0 ? [] : [{ productId: boot, quantity: pieces(boots) }])
  ]
  const some = items.length === 0 ? undefined : items
  const pays = (card: number, key?: string): Deed => ({
    _tag: "Pay",
    paymentId: newPayment,
    tenders: [
      { method: "CARD", amount: won(card) },
      ...(card < due ? [{ method: "WALLET", amount: won(due - card) } as const] : [])
    ],
    gateway: "toss",
    paymentKey: key === undefined ? undefined : paymentKey(key)
  })
  switch (kind) {
    case "wallet":
      return { _tag: "Pay", paymentId: newPayment, tenders: undefined, gateway: undefined, paymentKey: undefined }
    case "card":
      return pays(due)
    case "card with key":
      return pays(due, "key")
    case "mixed":
      return pays(2000)
    case "gateway":
      return { _tag: "AskGateway", paymentKey: paymentKey("key"), amount: underWay(order)?.amount ?? due }
    case "approved":
      return { _tag: "Approved", paymentId: known, gatewayId: gatewayTransactionId("gateway") }
    case "approved late": {
      const failed = order.payments.findLast(({ status, gateway }) => status === "FAILED" && gateway !== undefined)
      return {
        _tag: "ApprovedLate",
        paymentId: failed?.paymentId ?? newPayment,
        gatewayId: gatewayTransactionId("late")
      }
    }
    case "not paid":
      return { _tag: "NotPaid", paymentId: known, cancel: undefined }
    case "not paid for good":
      return { _tag: "NotPaid", paymentId: known, cancel: "PAYMENT_FAILED" }
    case "cancel all":
      return { _tag: "Cancel", refundId: newRefund, reason: "ADMIN", items: undefined }
    case "cancel some":
      return { _tag: "Cancel", refundId: newRefund, reason: "ADMIN", items: some }
    case "timeout":
      return { _tag: "Cancel", refundId: newRefund, reason: "PAYMENT_TIMEOUT", items: undefined }
    case "advance":
      return { _tag: "Advance", to: path[order.history.length % path.length] ?? "COMPLETED" }
    case "refund all":
      return { _tag: "AskRefund", refundId: newRefund, items: undefined }
    case "refund some":
      return { _tag: "AskRefund", refundId: newRefund, items: some }
    case "approve":
      return { _tag: "DecideRefund", refundId: last, approved: true }
    case "reject":
      return { _tag: "DecideRefund", refundId: last, approved: false }
    case "refunded":
      return { _tag: "Refunded", refundId: last }
    case "delayed":
      return { _tag: "RefundDelayed", refundId: last }
  }
}

/** A life: every deed at its moment, with the order before, and after if it was allowed. */
export const lived = (steps: typeof Steps.Type) => {
  let order = created
  let at = createdAt
  return steps.map((step, n) => {
    at += step.minutes * 60_000
    const before = order
    const deed = deedOf(step, n, before)
    const decided = decide(before, deed, at)
    if (Result.isSuccess(decided)) order = decided.success
    return { before, deed, at, after: Result.isSuccess(decided) ? decided.success : undefined }
  })
}
