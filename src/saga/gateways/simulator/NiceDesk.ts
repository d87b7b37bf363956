/** NICE Payments, from the other side. */
import { Schema } from "effect"
import { hash } from "node:crypto"
import { Money, zero } from "../../../domain/Money.ts"
import { iso } from "../../Time.ts"
import { type Charge, leftOf } from "./Charges.ts"
import { basic, type Desk, json, jsonNotice, refuse } from "./Desk.ts"
import { orderIn } from "./Behaviour.ts"

const Signed = { ediDate: Schema.String, signData: Schema.String }
const Approve = json(Schema.Struct({ amount: Money, ...Signed }))
const Cancel = json(
  Schema.Struct({ reason: Schema.String, orderId: Schema.String, cancelAmt: Schema.optional(Money), ...Signed })
)

const result = (resultCode: string, resultMsg: string) => ({ status: 200, body: { resultCode, resultMsg } })

export const make = (clientKey: string, secretKey: string): Desk => {
  const signed = (...parts: ReadonlyArray<string | number>) => hash("sha256", parts.join("") + secretKey, "hex")
  const unsigned = refuse(401, { resultCode: "U104", resultMsg: "사용자 인증에 실패하였습니다." })

  const payment = (charge: Charge) => {
    const cancelled = charge.refunds.length === 0 ? "paid" : leftOf(charge) === zero ? "cancelled" : "partialCancelled"
    const ediDate = iso(charge.at)
    const last = charge.refunds.at(-1)
    return {
      resultCode: "0000",
      resultMsg: "정상 처리되었습니다.",
      tid: charge.transactionId,
      orderId: charge.orderId,
      ediDate,
      signature: signed(charge.transactionId, charge.amount, ediDate),
      status: charge.status === "DECLINED" ? "failed" : cancelled,
      paidAt: charge.status === "DECLINED" ? "0" : iso(charge.at),
      failedAt: charge.status === "DECLINED" ? iso(charge.at) : "0",
      cancelledAt: last === undefined ? "0" : iso(last.at),
      payMethod: "card",
      amount: charge.amount,
      balanceAmt: leftOf(charge),
      currency: "KRW",
      card: { cardNum: "536112******1234" },
      cancels: charge.refunds.map(({ refundId, amount, at }) => ({ tid: refundId, amount, cancelledAt: iso(at) }))
    }
  }

  return {
    hear: ({ method, path, headers, text }) => {
      if (headers["authorization"] !== basic(clientKey, secretKey)) return unsigned
      const [, escaped, action] = /^\/v1\/payments\/([^/]+)(\/cancel)?$/.exec(path) ?? []
      const tid = decodeURIComponent(escaped ?? "")
      if (method === "GET" && tid !== "" && action === undefined) return { _tag: "Inquire", by: { paymentKey: tid } }
      if (method === "POST" && tid !== "" && action === undefined) {
        const asked = Approve(text)
        if (asked?.signData !== signed(tid, asked?.amount ?? "", asked?.ediDate ?? "") || asked === undefined)
          return unsigned
        const charge = { paymentKey: tid, orderId: orderIn(tid) ?? "", transactionId: tid, idempotencyKey: undefined }
        return { _tag: "Approve", amount: asked.amount, ...charge }
      }
      const asked = method === "POST" && action !== undefined ? Cancel(text) : undefined
      if (asked === undefined) return refuse(404, { resultCode: "404", resultMsg: "Not Found" })
      if (asked.signData !== signed(tid, asked.ediDate)) return unsigned
      return { _tag: "Cancel", transactionId: tid, refundId: asked.orderId, amount: asked.cancelAmt }
    },
    approved: (charge) => ({ status: 200, body: payment({ ...charge, refunds: [] }) }),
    declined: result("3011", "카드번호 오류"),
    again: result("2201", "기승인존재"),
    found: (charge) => ({ status: 200, body: payment(charge) }),
    notFound: result("A251", "거래내역이 존재하지 않습니다."),
    refunded: (charge) => ({ status: 200, body: payment(charge) }),
    refundedBefore: (charge) =>
      leftOf(charge) === zero ? result("2013", "취소 완료 거래") : result("A127", "주문번호 중복 오류"),
    tooMuch: result("2032", "취소금액이 취소가능금액보다 큼"),
    notCancelable: result("2012", "취소 해당거래 없음"),
    busy: { status: 429, body: { resultCode: "A246", resultMsg: "비정상 과다접속으로 인한 오류입니다" } },
    notice: (charge) => jsonNotice(payment(charge))
  }
}
