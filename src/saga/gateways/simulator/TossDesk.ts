/** Toss Payments, from the other side. */
import { Schema } from "effect"
import { Money, zero } from "../../../domain/Money.ts"
import { iso } from "../../Time.ts"
import { type Charge, leftOf } from "./Charges.ts"
import { basic, type Desk, json, jsonNotice, refuse } from "./Desk.ts"
import { orderIn } from "./Behaviour.ts"

const Confirm = json(Schema.Struct({ paymentKey: Schema.String, orderId: Schema.String, amount: Money }))
const Cancel = json(Schema.Struct({ cancelReason: Schema.String, cancelAmount: Schema.optional(Money) }))

const failed = (status: number, code: string, message: string) => ({ status, body: { code, message } })

const payment = (charge: Charge) => {
  const cancelled = charge.refunds.length === 0 ? "DONE" : leftOf(charge) === zero ? "CANCELED" : "PARTIAL_CANCELED"
  return {
    mId: "simulator",
    paymentKey: charge.paymentKey,
    orderId: charge.orderId,
    status: charge.status === "DECLINED" ? "ABORTED" : cancelled,
    method: "카드",
    currency: "KRW",
    totalAmount: charge.amount,
    balanceAmount: leftOf(charge),
    approvedAt: charge.status === "DECLINED" ? null : iso(charge.at),
    card: { number: "12341234****123*" },
    cancels: charge.refunds.map(({ amount, at }) => ({ cancelAmount: amount, canceledAt: iso(at) })),
    failure:
      charge.status === "DECLINED" ? { code: "REJECT_CARD_COMPANY", message: "결제 승인이 거절되었습니다." } : null
  }
}

export const make = (secretKey: string): Desk => ({
  hear: ({ method, path, headers, text }) => {
    if (headers["authorization"] !== basic(secretKey, ""))
      return refuse(401, { code: "UNAUTHORIZED_KEY", message: "인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다." })
    const idempotencyKey = headers["idempotency-key"]
    if (method === "POST" && path === "/v1/payments/confirm") {
      const asked = Confirm(text)
      if (asked === undefined) return refuse(400, { code: "INVALID_REQUEST", message: "잘못된 요청입니다." })
      const { paymentKey, amount } = asked
      if (asked.orderId !== orderIn(paymentKey))
        return refuse(400, { code: "INVALID_REQUEST", message: "주문번호가 일치하지 않습니다." })
      return { _tag: "Approve", paymentKey, orderId: asked.orderId, amount, transactionId: paymentKey, idempotencyKey }
    }
    const [, key, action] = /^\/v1\/payments\/([^/]+)(\/cancel)?$/.exec(path) ?? []
    const paymentKey = decodeURIComponent(key ?? "")
    if (method === "GET" && key !== undefined && action === undefined) return { _tag: "Inquire", by: { paymentKey } }
    const asked = method === "POST" && action !== undefined ? Cancel(text) : undefined
    if (asked === undefined) return refuse(404, { code: "NOT_FOUND", message: "존재하지 않는 정보 입니다." })
    return {
      _tag: "Cancel",
      transactionId: paymentKey,
      refundId: idempotencyKey ?? "",
      amount: asked.cancelAmount
    }
  },
  approved: (charge) => ({ status: 200, body: payment({ ...charge, refunds: [] }) }),
  declined: failed(403, "REJECT_CARD_COMPANY", "결제 승인이 거절되었습니다."),
  again: failed(400, "ALREADY_PROCESSED_PAYMENT", "이미 처리된 결제 입니다."),
  found: (charge) => ({ status: 200, body: payment(charge) }),
  notFound: failed(404, "NOT_FOUND_PAYMENT", "존재하지 않는 결제 입니다."),
  refunded: (charge) => ({ status: 200, body: payment(charge) }),
  refundedBefore: (charge) => ({ status: 200, body: payment(charge) }),
  tooMuch: failed(403, "NOT_CANCELABLE_AMOUNT", "취소 할 수 없는 금액 입니다."),
  notCancelable: failed(403, "NOT_CANCELABLE_PAYMENT", "취소 할 수 없는 결제 입니다."),
  busy: failed(429, "TOO_MANY_REQUESTS", "요청이 너무 많습니다."),
  notice: (charge) =>
    jsonNotice({ eventType: "PAYMENT_STATUS_CHANGED", createdAt: iso(charge.at), data: payment(charge) })
})
