/**
 * Toss Payments, core API (docs.tosspayments.com/reference). Basic authentication with the secret key and no password;
 * `Idempotency-Key` on what moves money, kept for 15 days: the same key has the same answer, also a refusal. An error is
 * `{ code, message }` with a status. A payment's `paymentKey` is also its transaction id. Order and amount are compared
 * with those the buyer agreed to before a payment is approved.
 *
 * Not in the documents: whether a 5xx, `PROVIDER_ERROR` or `FAILED_*` was processed. So each leaves the outcome open.
 */
import { Effect, type Redacted, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Money, sum } from "../../domain/Money.ts"
import { gatewayTransactionId } from "../../domain/Tender.ts"
import * as Adapter from "./Adapter.ts"
import type { Gateway } from "./Gateway.ts"
import { fromIso } from "./Seoul.ts"

export interface TossSettings {
  readonly secretKey: Redacted.Redacted<string>
  /** `https://api.tosspayments.com` */
  readonly baseUrl: string
}

const Cancel = Schema.Struct({ cancelAmount: Money, canceledAt: Schema.String })

const Payment = Schema.Struct({
  paymentKey: Schema.NonEmptyString,
  orderId: Schema.String,
  status: Schema.String,
  totalAmount: Money,
  approvedAt: Schema.optional(Schema.NullOr(Schema.String)),
  cancels: Schema.optional(Schema.NullOr(Schema.Array(Cancel))),
  card: Schema.optional(Schema.NullOr(Schema.Struct({ number: Schema.optional(Schema.NullOr(Schema.String)) }))),
  failure: Schema.optional(Schema.NullOr(Schema.Struct({ code: Schema.String, message: Schema.String })))
})
type Payment = typeof Payment.Type

const Failure = Schema.Struct({ code: Schema.String, message: Schema.String })
const failureIn = Schema.decodeUnknownOption(Failure)

/** Codes that mean something else than their status says. */
const codes: Record<string, Adapter.Meaning> = {
  ALREADY_PROCESSED_PAYMENT: "Again",
  ALREADY_CANCELED_PAYMENT: "Again",
  INVALID_API_KEY: "Settings",
  UNAUTHORIZED_KEY: "Settings",
  INCORRECT_BASIC_AUTH_FORMAT: "Settings",
  FORBIDDEN_REQUEST: "Settings",
  // The first request by this key is not answered yet.
  IDEMPOTENT_REQUEST_PROCESSING: "Unclear",
  PROVIDER_ERROR: "Unclear",
  COMMON_ERROR: "Unclear"
}

/** What an answer that is no payment means. A 403 is a refusing card company's too. */
export const meaningOf = (status: number, code: string | undefined): Adapter.Meaning => {
  const known = code === undefined ? undefined : codes[code]
  if (known !== undefined) return known
  if (code?.startsWith("FAILED_")) return "Unclear"
  return status === 403 && code !== undefined ? "Declined" : Adapter.meaningOfStatus(status)
}

const refused = ({ status, body }: Adapter.Answer) => {
  const told = failureIn(body)
  const { code, message } = told._tag === "Some" ? told.value : { code: undefined, message: "" }
  return new Adapter.Refused({ meaning: meaningOf(status, code), code: code ?? `HTTP_${status}`, reason: message })
}

/** What a payment's status means. One that waits for its approval, or for a deposit, is not found. */
export const told = (payment: Payment): Adapter.Told | undefined => {
  const { orderId, status, totalAmount: approvedAmount, failure } = payment
  const transactionId = gatewayTransactionId(payment.paymentKey)
  switch (status) {
    case "DONE":
      return { orderId, found: approved(payment) }
    case "CANCELED":
    case "PARTIAL_CANCELED": {
      const cancels = payment.cancels ?? []
      const cancelledAmount = sum(cancels.map(({ cancelAmount }) => cancelAmount))
      const cancelledAt = lastOf(cancels)
      return { orderId, found: { _tag: "Cancelled", transactionId, approvedAmount, cancelledAmount, cancelledAt } }
    }
    case "ABORTED":
    case "EXPIRED":
      return { orderId, found: { _tag: "Declined", code: failure?.code ?? status, reason: failure?.message ?? "" } }
    default:
      return undefined
  }
}

const lastOf = (cancels: Payment["cancels"]) =>
  Math.max(0, ...(cancels ?? []).map(({ canceledAt }) => fromIso(canceledAt)))

const approved = ({ paymentKey, totalAmount, approvedAt, card }: Payment) => ({
  _tag: "Approved" as const,
  transactionId: gatewayTransactionId(paymentKey),
  approvedAt: fromIso(approvedAt ?? ""),
  approvedAmount: totalAmount,
  label: Adapter.masked(card?.number)
})

export const make = (http: HttpClient.HttpClient, { secretKey, baseUrl }: TossSettings): Gateway => {
  const ask = Adapter.exchange("toss", http)
  const payment = Adapter.read("toss", Payment)
  const authorised = HttpClientRequest.basicAuth(secretKey, "")
  const pathOf = (paymentKey: string) => `${baseUrl}/v1/payments/${encodeURIComponent(paymentKey)}`

  const heard = (answer: Adapter.Answer): Effect.Effect<Payment, Adapter.Failure> =>
    answer.status === 200 ? payment(answer.body) : Effect.fail(refused(answer))

  const post = (url: string, idempotencyKey: string, body: unknown) =>
    ask(
      HttpClientRequest.post(url).pipe(
        authorised,
        HttpClientRequest.setHeader("idempotency-key", idempotencyKey),
        HttpClientRequest.bodyJsonUnsafe(body)
      )
    ).pipe(Effect.flatMap(heard))

  return Adapter.make("toss", {
    approve: ({ paymentId, orderId, paymentKey, amount }) =>
      Effect.flatMap(post(`${baseUrl}/v1/payments/confirm`, paymentId, { paymentKey, orderId, amount }), (found) =>
        found.status === "DONE"
          ? Effect.succeed({ orderId: found.orderId, found: approved(found) })
          : Effect.fail(new Adapter.Refused({ meaning: "Unclear", code: found.status, reason: "Not approved yet" }))
      ),

    find: ({ paymentKey }) =>
      Effect.flatMap(ask(HttpClientRequest.get(pathOf(paymentKey)).pipe(authorised)), (answer) =>
        answer.status === 404 ? Effect.undefined : Effect.map(heard(answer), told)
      ),

    cancel: ({ paymentKey, refundId, amount, reason }) =>
      Effect.map(
        post(`${pathOf(paymentKey)}/cancel`, refundId, {
          cancelReason: Adapter.shortened(reason, 200),
          cancelAmount: amount
        }),
        ({ cancels }) => ({ cancelledAt: lastOf(cancels) })
      ),

    undo: undefined
  })
}
