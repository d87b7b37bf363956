import { assert, describe, it } from "@effect/vitest"
import { paymentId, productId, refundId } from "../../src/domain/Ids.ts"
import { pieces, won } from "../../src/domain/Money.ts"
import {
  inFull,
  type Order,
  type OrderLine,
  OrderStatus,
  partOf,
  placed,
  type Refund,
  statusView
} from "../../src/domain/Order.ts"
import { buyer, order, uuid, voucher } from "./Samples.ts"

describe("An order's status", () => {
  it.each([
    ["CREATED", "PENDING", "ORDERED", "PAYMENT_PENDING"],
    ["PROCESSING", "PROCESSING", "PAYMENT_IN_PROGRESS", "PAYMENT_PENDING"],
    ["CONFIRMED", "COMPLETED", "PAID", "PAID"],
    ["SHIPPED", "COMPLETED", "SHIPPING", "SHIPPING"],
    ["COMPLETED", "COMPLETED", "PURCHASE_CONFIRMED", "DELIVERED"],
    ["CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED"]
  ] as const)("%s has the other sources' names %s, %s and %s", (status, simple, fulfilment, tracking) => {
    assert.deepStrictEqual(
      (["simple", "fulfilment", "tracking"] as const).map((view) => statusView(status, view)),
      [simple, fulfilment, tracking]
    )
  })

  it("has a name in every view", () => {
    for (const status of OrderStatus.literals) assert.notStrictEqual(statusView(status, "tracking"), "")
  })
})

describe("An order, to who sold a part of it,", () => {
  const line = (n: number, amount: number, discount: number): OrderLine => ({
    productId: productId(uuid(n)),
    name: "Sneaker",
    unitPrice: won(amount),
    quantity: pieces(1),
    amount: won(amount),
    discount: won(discount),
    cancelled: pieces(0)
  })
  const whole: Order = placed({
    orderId: order,
    userId: buyer,
    status: "CONFIRMED",
    lines: [line(1, 1000, 100), line(2, 3000, 300)],
    payments: [inFull(paymentId(uuid(9)), won(3600))],
    totalAmount: won(4000),
    discountAmount: won(400),
    userCouponId: voucher,
    paidAmount: won(3600),
    createdAt: 0
  })
  const partOfSecond = (change: Partial<Order>) =>
    partOf({ ...whole, ...change }, ({ productId: id }) => id === productId(uuid(2)))

  it("has their lines, and what these come to", () => {
    const sums = { totalAmount: won(3000), discountAmount: won(300), paidAmount: won(2700) }
    const part = { ...whole, lines: whole.lines.slice(1), ...sums, payments: [], userCouponId: undefined }
    assert.deepStrictEqual(partOfSecond({}), part)
  })

  it("is not paid if it is not", () => {
    assert.strictEqual(partOfSecond({ status: "CREATED", payments: [], paidAmount: won(0) })?.paidAmount, 0)
  })

  it("tells of no refund of another's pieces", () => {
    const refund = (n: number, ...of: ReadonlyArray<number>): Refund => ({
      refundId: refundId(uuid(n)),
      amount: won(900),
      viaGateway: won(0),
      status: "REFUNDED",
      attempts: 0,
      dueAt: undefined,
      reason: undefined,
      items: of.map((id) => ({ productId: productId(uuid(id)), quantity: pieces(1) })),
      requestedAt: 0
    })
    const [others, both, theirs] = [refund(1, 1), refund(2, 1, 2), refund(3, 2)]
    assert.deepStrictEqual(partOfSecond({ refunds: [others, both, theirs] })?.refunds, [theirs])
  })

  it("is none without any line of theirs", () => assert.isUndefined(partOf(whole, () => false)))
})
