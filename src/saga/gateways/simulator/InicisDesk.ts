/** KG Inicis, from the other side. Codes that are not public are the simulator's own. */
import { Schema } from "effect"
import { hash } from "node:crypto"
import { minus, won, zero } from "../../../domain/Money.ts"
import { seoul } from "../Seoul.ts"
import { type Charge, leftOf } from "./Charges.ts"
import { type Asked, type Desk, json, refuse } from "./Desk.ts"
import { orderIn } from "./Behaviour.ts"

const Api = json(
  Schema.Struct({
    mid: Schema.String,
    type: Schema.Literals(["inquiry", "refund", "partialRefund"]),
    timestamp: Schema.String,
    clientIp: Schema.String,
    data: Schema.Record(Schema.String, Schema.String),
    hashData: Schema.String
  })
)

const result = (resultCode: string, resultMsg: string) => ({ status: 200, body: { resultCode, resultMsg } })
const unsigned = refuse(401, { resultCode: "9997", resultMsg: "서명이 올바르지 않습니다." })
const day = (ms: number) => seoul(ms).slice(0, 8)
const time = (ms: number) => seoul(ms).slice(8)

const transaction = (charge: Charge) => {
  const last = charge.refunds.at(-1)
  const cancelled = last === undefined ? "APPROVAL" : leftOf(charge) === zero ? "CANCEL" : "PART_CANCEL"
  return {
    resultCode: "SUCCESS",
    resultMsg: "정상완료",
    tid: charge.transactionId,
    oid: charge.orderId,
    price: String(charge.amount),
    paymethod: "Card",
    transactionStatus: cancelled,
    approvedDate: day(charge.at),
    approvedTime: time(charge.at),
    ...(last && { cancelDate: day(last.at), cancelTime: time(last.at) })
  }
}

export interface Keys {
  readonly mid: string
  readonly signKey: string
  readonly apiKey: string
}

export const make = ({ mid, signKey, apiKey }: Keys): Desk => {
  const approval = (text: string): Asked => {
    const form = new URLSearchParams(text)
    const of = (name: string) => form.get(name) ?? ""
    const token = of("authToken")
    const timestamp = of("timestamp")
    const signature = hash("sha256", `authToken=${token}&timestamp=${timestamp}`, "hex")
    const verification = hash("sha256", `authToken=${token}&signKey=${signKey}&timestamp=${timestamp}`, "hex")
    if (of("mid") !== mid || of("signature") !== signature || of("verification") !== verification) return unsigned
    return {
      _tag: "Approve",
      paymentKey: token,
      orderId: orderIn(token) ?? "",
      amount: won(Number(of("price"))),
      transactionId: `StdpayCARD${mid}${hash("sha256", token, "hex").slice(0, 20)}`,
      idempotencyKey: undefined
    }
  }

  return {
    hear: ({ method, path, text }) => {
      if (method === "POST" && path === "/api/payAuth") return approval(text)
      const asked = method === "POST" ? Api(text) : undefined
      if (asked === undefined || path !== `/v2/pg/${asked.type}`) return refuse(404, undefined)
      const { type, timestamp, data, hashData } = asked
      const plain = apiKey + mid + type + timestamp + JSON.stringify(data)
      if (asked.mid !== mid || hashData !== hash("sha512", plain, "hex")) return unsigned
      if (type === "inquiry") return { _tag: "Inquire", by: { orderId: data["oid"] ?? "" } }
      const transactionId = data["tid"] ?? ""
      if (type === "refund") return { _tag: "Cancel", transactionId, refundId: "all", amount: undefined }
      const leaving = won(Number(data["confirmPrice"]))
      const amount = won(Number(data["price"]))
      return { _tag: "Cancel", transactionId, refundId: `leaving ${leaving}`, amount, leaving }
    },
    approved: (charge) => ({
      status: 200,
      body: {
        resultCode: "0000",
        resultMsg: "정상처리되었습니다.",
        mid,
        tid: charge.transactionId,
        MOID: charge.orderId,
        TotPrice: String(charge.amount),
        payMethod: "Card",
        applDate: day(charge.at),
        applTime: time(charge.at),
        CARD_Num: "536112******1234"
      }
    }),
    declined: result("9001", "결제가 거절되었습니다."),
    again: result("9002", "이미 사용된 인증 토큰입니다."),
    // Of what was declined there is no transaction.
    found: (charge) =>
      charge.status === "DECLINED"
        ? result("NOT_FOUND", "거래내역이 존재하지 않습니다.")
        : { status: 200, body: transaction(charge) },
    notFound: result("NOT_FOUND", "거래내역이 존재하지 않습니다."),
    refunded: (charge, { amount, at }) => ({
      status: 200,
      body: {
        resultCode: "00",
        resultMsg: "정상처리되었습니다.",
        ...(leftOf(charge) === zero && amount === charge.amount
          ? { cancelDate: day(at), cancelTime: time(at) }
          : { prtcDate: day(at), prtcTime: time(at), prtcPrice: amount, prtcRemains: minus(charge.amount, amount) })
      }
    }),
    refundedBefore: () => result("500626", "이미 취소된 거래입니다."),
    tooMuch: result("9003", "부분취소 금액이 올바르지 않습니다."),
    notCancelable: result("9004", "취소할 거래가 없습니다."),
    busy: { status: 429, body: undefined },
    // As mobile pages are told; of the web's payments by card nothing public says that they are.
    notice: ({ status, transactionId, orderId, amount }) => ({
      contentType: "application/x-www-form-urlencoded",
      text: new URLSearchParams({
        P_STATUS: status === "APPROVED" ? "00" : "01",
        P_TID: transactionId,
        P_MID: mid,
        P_OID: orderId,
        P_TYPE: "CARD",
        P_AMT: String(amount)
      }).toString()
    })
  }
}
