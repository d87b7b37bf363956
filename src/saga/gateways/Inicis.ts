/**
 * KG Inicis (manual.inicis.com): the standard payment for the web (`payAuth`), and INIAPI v2 for inquiries and refunds.
 *
 * `payAuth` takes a form signed with the web's sign key (`sha256`), at one of Inicis' data centres: which, the buyer's
 * consent says (`idc_name`), and so does a payment key here, `fc:<authToken>`. It is looked up, never taken as an address.
 * INIAPI takes `{ mid, type, timestamp, clientIp, data, hashData }`, signed with the API key: `hashData` is
 * `sha512(key + mid + type + timestamp + data)`, with `data` exactly as it is sent.
 *
 * There are no idempotency keys. A token can be approved once; of an order that was refused an inquiry tells whether it
 * was so before. A refund of a part names what will be left (`confirmPrice`), so it cannot be carried out twice.
 *
 * Not in what is public, and to be tried at Inicis' test shop before a real one relies on it:
 *
 * - Most result codes. So each refusal is checked by an inquiry, and an inquiry has an answer only if its code is known
 *   here: `SUCCESS`, or `NOT_FOUND`, which is our guess. If Inicis says it otherwise, refusals stay unknown.
 * - How wrong keys are answered: taken to be 401 or 403.
 * - How much of a payment was given back in parts: an inquiry tells that, not how much.
 * - The names of the moments in an inquiry; ones that are not told are taken to be now.
 *
 * Payments on mobile pages (`P_REQ_URL`) follow another protocol and are not in here.
 */
import { Clock, Effect, Redacted, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { hash } from "node:crypto"
import { minus, won } from "../../domain/Money.ts"
import { gatewayTransactionId, type PaymentKey } from "../../domain/Tender.ts"
import * as Adapter from "./Adapter.ts"
import type { Gateway } from "./Gateway.ts"
import { fromSeoul, seoul } from "./Seoul.ts"

export interface InicisSettings {
  readonly mid: string
  /** Of the web's payments. */
  readonly signKey: Redacted.Redacted<string>
  /** Of INIAPI. */
  readonly apiKey: Redacted.Redacted<string>
  /** Where approvals go, with `{idc}` for the data centre: `https://{idc}stdpay.inicis.com` */
  readonly payUrl: string
  /** `https://iniapi.inicis.com` */
  readonly apiUrl: string
  /** Our address, as Inicis is told it. */
  readonly clientIp: string
}

const idcs = ["fc", "ks", "stg"]
export const keyForm = {
  pattern: new RegExp(`^(?:${idcs.join("|")}):.`),
  says: `Inicis' idc_name (${idcs.join(", ")}), a colon, and its authToken`
}

/** An amount as Inicis writes it, a number or digits. */
const Price = Schema.Union([Schema.Int, Schema.String.check(Schema.isPattern(/^\d{1,15}$/))])

const Approval = Schema.Struct({
  resultCode: Schema.String,
  tid: Schema.NonEmptyString,
  MOID: Schema.String,
  TotPrice: Price,
  applDate: Schema.String,
  applTime: Schema.String,
  CARD_Num: Schema.optional(Schema.NullOr(Schema.String))
})

const Transaction = Schema.Struct({
  resultCode: Schema.Literal("SUCCESS"),
  tid: Schema.NonEmptyString,
  oid: Schema.String,
  price: Price,
  transactionStatus: Schema.String,
  approvedDate: Schema.optional(Schema.NullOr(Schema.String)),
  approvedTime: Schema.optional(Schema.NullOr(Schema.String)),
  cancelDate: Schema.optional(Schema.NullOr(Schema.String)),
  cancelTime: Schema.optional(Schema.NullOr(Schema.String))
})
type Transaction = typeof Transaction.Type

const Refund = Schema.Struct({
  cancelDate: Schema.optional(Schema.NullOr(Schema.String)),
  cancelTime: Schema.optional(Schema.NullOr(Schema.String)),
  prtcDate: Schema.optional(Schema.NullOr(Schema.String)),
  prtcTime: Schema.optional(Schema.NullOr(Schema.String))
})

const Result = Schema.Struct({
  resultCode: Schema.String,
  resultMsg: Schema.optional(Schema.NullOr(Schema.String))
})
const resultIn = Schema.decodeUnknownOption(Result)

/** What an answer means that does not say success; `undefined`: it has no code. */
export const meaningOf = (status: number, code: string | undefined): Adapter.Meaning => {
  if (status !== 200) return Adapter.meaningOfStatus(status)
  return code === undefined ? "Unclear" : "Again"
}

const refused = ({ status, body }: Adapter.Answer) => {
  const result = resultIn(body)
  const { resultCode: code, resultMsg } = result._tag === "Some" ? result.value : { resultCode: undefined }
  const meaning = meaningOf(status, code)
  return new Adapter.Refused({ meaning, code: code ?? `HTTP_${status}`, reason: resultMsg ?? "" })
}

/** A day and a time of it; the epoch, where they are not told. */
const moment = (day: string | null | undefined, time: string | null | undefined) =>
  day && time ? fromSeoul(day + time) : 0

/** What a transaction's status means. */
export const told = (transaction: Transaction): Adapter.Told | undefined => {
  const { tid, oid: orderId, price, transactionStatus: status } = transaction
  const transactionId = gatewayTransactionId(tid)
  const approvedAmount = won(Number(price))
  const cancelledAt = moment(transaction.cancelDate, transaction.cancelTime)
  switch (status) {
    case "APPROVAL": {
      const approvedAt = moment(transaction.approvedDate, transaction.approvedTime)
      return { orderId, found: { _tag: "Approved", transactionId, approvedAt, approvedAmount, label: undefined } }
    }
    case "CANCEL":
    case "PART_CANCEL": {
      const cancelledAmount = status === "CANCEL" ? approvedAmount : undefined
      return { orderId, found: { _tag: "Cancelled", transactionId, approvedAmount, cancelledAmount, cancelledAt } }
    }
    default:
      return undefined
  }
}

/** Where a payment key is approved, and by which token; `undefined` if it is none of Inicis'. */
export const addressOf = (payUrl: string, key: PaymentKey) => {
  const colon = key.indexOf(":")
  const idc = key.slice(0, colon)
  if (colon < 0 || !idcs.includes(idc)) return undefined
  return { url: `${payUrl.replace("{idc}", idc)}/api/payAuth`, authToken: key.slice(colon + 1) }
}

export const make = (http: HttpClient.HttpClient, settings: InicisSettings): Gateway => {
  const { mid, signKey, apiKey, payUrl, apiUrl, clientIp } = settings
  const ask = Adapter.exchange("inicis", http)

  const approval = Adapter.read("inicis", Approval)
  const transaction = Adapter.read("inicis", Transaction)
  const refund = Adapter.read("inicis", Refund)

  /** One call of INIAPI v2. */
  const api = Effect.fnUntraced(function* (type: "inquiry" | "refund" | "partialRefund", data: Record<string, string>) {
    const timestamp = seoul(yield* Clock.currentTimeMillis)
    const plain = Redacted.value(apiKey) + mid + type + timestamp + JSON.stringify(data)
    const body = { mid, type, timestamp, clientIp, data, hashData: hash("sha512", plain, "hex") }
    return yield* ask(HttpClientRequest.post(`${apiUrl}/v2/pg/${type}`).pipe(HttpClientRequest.bodyJsonUnsafe(body)))
  })

  const codeOf = ({ status, body }: Adapter.Answer) => {
    const result = resultIn(body)
    return status === 200 && result._tag === "Some" ? result.value.resultCode : undefined
  }

  const cancel = Effect.fnUntraced(function* (type: "refund" | "partialRefund", data: Record<string, string>) {
    const answer = yield* api(type, data)
    return codeOf(answer) === "00" ? yield* refund(answer.body) : yield* refused(answer)
  })

  const gateway = Adapter.make("inicis", {
    approve: Effect.fnUntraced(function* ({ paymentKey, amount }) {
      const address = addressOf(payUrl, paymentKey)
      if (address === undefined)
        return yield* new Adapter.Refused({ meaning: "Declined", code: "PAYMENT_KEY", reason: "No key of Inicis'" })
      const { url, authToken } = address
      const timestamp = String(yield* Clock.currentTimeMillis)
      const key = Redacted.value(signKey)
      const answer = yield* ask(
        HttpClientRequest.post(url).pipe(
          HttpClientRequest.bodyUrlParams({
            mid,
            authToken,
            timestamp,
            signature: hash("sha256", `authToken=${authToken}&timestamp=${timestamp}`, "hex"),
            verification: hash("sha256", `authToken=${authToken}&signKey=${key}&timestamp=${timestamp}`, "hex"),
            charset: "UTF-8",
            format: "JSON",
            price: String(amount)
          })
        )
      )
      if (codeOf(answer) !== "0000") return yield* refused(answer)
      const { tid, MOID: orderId, TotPrice, applDate, applTime, CARD_Num } = yield* approval(answer.body)
      return {
        orderId,
        found: {
          _tag: "Approved" as const,
          transactionId: gatewayTransactionId(tid),
          approvedAt: fromSeoul(applDate + applTime),
          approvedAmount: won(Number(TotPrice)),
          label: Adapter.masked(CARD_Num)
        }
      }
    }),

    find: Effect.fnUntraced(function* ({ orderId }) {
      const answer = yield* api("inquiry", { oid: orderId })
      if (codeOf(answer) === "SUCCESS") return told(yield* transaction(answer.body))
      return codeOf(answer) === "NOT_FOUND" ? undefined : yield* refused(answer)
    }),

    cancel: Effect.fnUntraced(function* ({ transactionId: tid, amount, approvedAmount, remaining, reason }) {
      const msg = Adapter.shortened(reason, 100)
      const left = minus(remaining, amount)
      const found = yield* amount === approvedAmount
        ? cancel("refund", { tid, msg })
        : cancel("partialRefund", { tid, msg, price: String(amount), confirmPrice: String(left), currency: "WON" })
      return { cancelledAt: moment(found.cancelDate ?? found.prtcDate, found.cancelTime ?? found.prtcTime) }
    }),

    undo: (_, { transactionId }) => cancel("refund", { tid: transactionId, msg: "Not this payment" })
  })
  return { ...gateway, keyForm }
}
