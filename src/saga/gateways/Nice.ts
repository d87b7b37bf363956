/**
 * NICE Payments, REST API v1 (github.com/nicepayments/nicepay-manual), with payments that the server approves. Basic
 * authentication with client key and secret key; what is asked is signed, `hex(sha256(tid + … + ediDate + secretKey))`.
 * An answer has a `resultCode`, `0000` for success, whatever its status. The `tid` of the buyer's consent is also the
 * transaction id of the payment.
 *
 * There are no idempotency keys: a `tid` can be approved once, and a second time is refused as done. A cancellation
 * carries an `orderId` of its own that cannot be used twice for a part: the refund's id.
 *
 * Not in the manual: the code of a `tid` that nobody knows (taken to be 404, or one that says "no such transaction"), and
 * which failures in NICE's own network were processed: each leaves the outcome open.
 */
import { Clock, Effect, Redacted, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { hash } from "node:crypto"
import { iso } from "../Time.ts"
import { minus, Money } from "../../domain/Money.ts"
import { gatewayTransactionId } from "../../domain/Tender.ts"
import * as Adapter from "./Adapter.ts"
import type { Gateway } from "./Gateway.ts"
import { fromIso } from "./Seoul.ts"

export interface NiceSettings {
  readonly clientKey: string
  readonly secretKey: Redacted.Redacted<string>
  /** `https://api.nicepay.co.kr` */
  readonly baseUrl: string
}

const Result = Schema.Struct({ resultCode: Schema.String, resultMsg: Schema.String })
const resultIn = Schema.decodeUnknownOption(Result)

/** Moments that have not come are "0". */
const Payment = Schema.Struct({
  tid: Schema.NonEmptyString,
  orderId: Schema.String,
  status: Schema.String,
  amount: Money,
  balanceAmt: Money,
  paidAt: Schema.String,
  cancelledAt: Schema.String,
  ediDate: Schema.optional(Schema.NullOr(Schema.String)),
  signature: Schema.optional(Schema.NullOr(Schema.String)),
  card: Schema.optional(Schema.NullOr(Schema.Struct({ cardNum: Schema.optional(Schema.NullOr(Schema.String)) }))),
  resultCode: Schema.String,
  resultMsg: Schema.String
})
type Payment = typeof Payment.Type

/** Codes that are no plain refusal. */
const codes: Record<string, Adapter.Meaning> = {
  // Approved before, the same tid or order again, the same request again.
  2201: "Again",
  A225: "Again",
  A127: "Again",
  2156: "Again",
  // Cancelled before, or asked to be.
  2013: "Again",
  2015: "Again",
  // Too many connections.
  A246: "Busy",
  // The shop's key cannot be found; the shop is suspended.
  A301: "Settings",
  2151: "Settings",
  // Failures of databases and networks behind the gateway.
  2000: "Unclear",
  A111: "Unclear",
  A213: "Unclear",
  A226: "Unclear",
  A304: "Unclear",
  A401: "Unclear",
  F106: "Unclear",
  F107: "Unclear",
  F108: "Unclear",
  S999: "Unclear",
  X002: "Unclear",
  X003: "Unclear"
}

/** No such transaction, in an inquiry. */
const absent = new Set(["A210", "A214", "A216", "A251", "2012"])

/** What an answer other than `0000` means; `undefined`: it has no code. */
export const meaningOf = (status: number, code: string | undefined): Adapter.Meaning => {
  const known = code === undefined ? undefined : codes[code]
  if (known !== undefined) return known
  return status === 200 && code !== undefined ? "Declined" : Adapter.meaningOfStatus(status)
}

const refused = ({ status, body }: Adapter.Answer) => {
  const result = resultIn(body)
  const { resultCode: code, resultMsg: reason } =
    result._tag === "Some" ? result.value : { resultCode: undefined, resultMsg: "" }
  return new Adapter.Refused({ meaning: meaningOf(status, code), code: code ?? `HTTP_${status}`, reason })
}

/** What a payment's status means. One that is `ready` waits for its approval. */
export const told = (payment: Payment): Adapter.Told | undefined => {
  const { orderId, status, amount, balanceAmt, resultMsg } = payment
  switch (status) {
    case "paid":
      return { orderId, found: approved(payment) }
    case "cancelled":
    case "partialCancelled":
      return {
        orderId,
        found: {
          _tag: "Cancelled",
          transactionId: gatewayTransactionId(payment.tid),
          approvedAmount: amount,
          cancelledAmount: status === "cancelled" ? amount : minus(amount, balanceAmt),
          cancelledAt: fromIso(payment.cancelledAt)
        }
      }
    case "failed":
    case "expired":
      return { orderId, found: { _tag: "Declined", code: status, reason: resultMsg } }
    default:
      return undefined
  }
}

const approved = ({ tid, amount, paidAt, card }: Payment) => ({
  _tag: "Approved" as const,
  transactionId: gatewayTransactionId(tid),
  approvedAt: fromIso(paidAt),
  approvedAmount: amount,
  label: Adapter.masked(card?.cardNum)
})

export const make = (http: HttpClient.HttpClient, { clientKey, secretKey, baseUrl }: NiceSettings): Gateway => {
  const ask = Adapter.exchange("nice", http)
  const payment = Adapter.read("nice", Payment)
  const authorised = HttpClientRequest.basicAuth(clientKey, secretKey)
  const signed = (...parts: ReadonlyArray<string | number>) =>
    hash("sha256", parts.join("") + Redacted.value(secretKey), "hex")
  const pathOf = (tid: string) => `${baseUrl}/v1/payments/${encodeURIComponent(tid)}`

  const heard = (answer: Adapter.Answer): Effect.Effect<Payment, Adapter.Failure> => {
    const result = resultIn(answer.body)
    return answer.status === 200 && result._tag === "Some" && result.value.resultCode === "0000"
      ? payment(answer.body)
      : Effect.fail(refused(answer))
  }
  const post = (url: string, body: unknown) =>
    Effect.flatMap(ask(HttpClientRequest.post(url).pipe(authorised, HttpClientRequest.bodyJsonUnsafe(body))), heard)

  const cancel = (tid: string, orderId: string, reason: string, part: { readonly cancelAmt?: Money }) =>
    Effect.gen(function* () {
      const ediDate = iso(yield* Clock.currentTimeMillis)
      return yield* post(`${pathOf(tid)}/cancel`, {
        reason: Adapter.shortened(reason, 100),
        orderId,
        ...part,
        ediDate,
        signData: signed(tid, ediDate)
      })
    })

  const gateway = Adapter.make("nice", {
    approve: Effect.fnUntraced(function* ({ paymentKey: tid, amount }) {
      const ediDate = iso(yield* Clock.currentTimeMillis)
      const found = yield* post(pathOf(tid), { amount, ediDate, signData: signed(tid, amount, ediDate) })
      if (found.signature && found.signature !== signed(found.tid, found.amount, found.ediDate ?? ""))
        return yield* new Adapter.Refused({ meaning: "Unclear", code: "SIGNATURE", reason: "Not NICE's signature" })
      if (found.status !== "paid")
        return yield* new Adapter.Refused({ meaning: "Unclear", code: found.status, reason: "Not approved yet" })
      return { orderId: found.orderId, found: approved(found) }
    }),

    find: ({ paymentKey: tid }) =>
      Effect.flatMap(ask(HttpClientRequest.get(pathOf(tid)).pipe(authorised)), (answer) =>
        Effect.matchEffect(heard(answer), {
          onSuccess: (found) => Effect.succeed(told(found)),
          onFailure: (failure) =>
            answer.status === 404 || (failure._tag === "Refused" && absent.has(failure.code))
              ? Effect.undefined
              : Effect.fail(failure)
        })
      ),

    cancel: ({ transactionId, refundId, amount, approvedAmount, reason }) =>
      Effect.map(
        cancel(transactionId, refundId, reason, amount === approvedAmount ? {} : { cancelAmt: amount }),
        ({ cancelledAt }) => ({ cancelledAt: fromIso(cancelledAt) })
      ),

    undo: ({ paymentId }, { transactionId }) => cancel(transactionId, `undo-${paymentId}`, "Not this payment", {})
  })

  return { ...gateway, isSigned: ({ signed: callback }) => callback?.signature === signed(callback?.text ?? "") }
}
