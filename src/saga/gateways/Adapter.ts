/**
 * What all gateways over HTTP have in common: how an answer, or none, becomes one of the three failures, and that money
 * is only ever approved for the order and the amount that were asked for. A gateway of its own is a `Protocol`: what to
 * send, how to read the answer, and what each refusing code means.
 */
import { ByteSize, Clock, Data, Effect, Predicate, Result, Schema } from "effect"
import { type HttpClient, type HttpClientError, type HttpClientRequest, HttpIncomingMessage } from "effect/http"
import type { GatewayName } from "../../domain/Tender.ts"
import {
  type Approval,
  type Approved,
  type Cancellation,
  type Cancelled,
  Declined,
  type Gateway,
  type GatewayFailure,
  GatewayUnavailable,
  type Inquiry,
  leftAt,
  OutcomeUnknown,
  type PaymentRef,
  whatBecameOf
} from "./Gateway.ts"

/** What a refusing answer means. */
export type Meaning =
  | "Declined"
  /** Perhaps because it was done before: an inquiry tells. */
  | "Again"
  /** Nothing was processed. */
  | "Busy"
  /** The gateway does not know us by these settings. */
  | "Settings"
  /** It may or may not have happened. */
  | "Unclear"

/** A gateway's answer that is no consent. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly meaning: Meaning
  readonly code: string
  readonly reason: string
}> {}

/** What a gateway tells of a payment, and the order it is of. */
export interface Told<Found extends Inquiry = Inquiry> {
  readonly orderId: string
  readonly found: Found
}

export type Failure = Refused | GatewayUnavailable | OutcomeUnknown

export interface Protocol {
  readonly approve: (approval: Approval) => Effect.Effect<Told<Approved>, Failure>
  /** `undefined`: the gateway knows of no such payment. */
  readonly find: (payment: PaymentRef) => Effect.Effect<Told | undefined, Failure>
  readonly cancel: (cancellation: Cancellation) => Effect.Effect<Cancelled, Failure>
  /**
   * Gives back what was approved for another order, or in another amount. `undefined` where the gateway compares both
   * before it approves.
   */
  readonly undo: ((approval: Approval, approved: Approved) => Effect.Effect<unknown, Failure>) | undefined
}

/** An answer: its body is `undefined` when it is no JSON. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

const bodyMost = ByteSize.kibibytes(256)

/** Nothing reaches a gateway that fails like this. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

/** The system's codes of an error and of what caused it. */
const codesOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (depth > 3) return []
  const own = Predicate.hasProperty(error, "code") && typeof error.code === "string" ? [error.code] : []
  return Predicate.hasProperty(error, "cause") ? [...own, ...codesOf(error.cause, depth + 1)] : own
}

const broken = (gateway: GatewayName, { reason }: HttpClientError.HttpClientError) => {
  if (reason._tag === "InvalidUrlError" || reason._tag === "EncodeError")
    return new GatewayUnavailable({ gateway, reason: "Settings", detail: reason._tag })
  const codes = "cause" in reason ? codesOf(reason.cause) : []
  const detail = codes.join(", ") || reason._tag
  return codes.some((code) => neverSent.has(code))
    ? new GatewayUnavailable({ gateway, reason: "Unreachable", detail })
    : new OutcomeUnknown({ gateway, detail })
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** Asks a gateway and hears its answer, whatever it says. */
export const exchange =
  (gateway: GatewayName, http: HttpClient.HttpClient) =>
  (request: HttpClientRequest.HttpClientRequest): Effect.Effect<Answer, GatewayUnavailable | OutcomeUnknown> =>
    http.execute(request).pipe(
      Effect.flatMap((response) =>
        Effect.map(response.text, (text): Answer => {
          const body = parse(text)
          return { status: response.status, body: body._tag === "Some" ? body.value : undefined }
        })
      ),
      Effect.mapError((error) => broken(gateway, error)),
      Effect.provideService(HttpIncomingMessage.MaxBodySize, bodyMost)
    )

/** What a status means, where the gateway says no more. */
export const meaningOfStatus = (status: number): Meaning => {
  if (status === 401 || status === 403) return "Settings"
  if (status === 429) return "Busy"
  // It ran into a limit of time, or into another request for the same.
  if ([408, 409, 425].includes(status)) return "Unclear"
  return status >= 400 && status < 500 ? "Declined" : "Unclear"
}

/** Reads an answer as `schema` has it; one that makes no sense leaves open what happened. */
export const read =
  <A, I>(gateway: GatewayName, schema: Schema.Codec<A, I>) =>
  (body: unknown): Effect.Effect<A, OutcomeUnknown> =>
    Schema.decodeUnknownEffect(schema)(body).pipe(
      // The issue would quote what was in the answer.
      Effect.mapError(() => new OutcomeUnknown({ gateway, detail: "The answer is not as documented" }))
    )

/** Of a card's or an account's number, masked or not, the last four. */
export const masked = (number: string | null | undefined): string | undefined =>
  number ? `****${number.slice(-4)}` : undefined

/** As much of a text as a gateway takes. */
export const shortened = (text: string, bytesMost: number): string => {
  let bytes = 0
  let kept = ""
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMost) break
    kept += character
  }
  return kept
}

/** What a gateway says, without a number in it that could be a card's or an account's (C42). */
export const quiet = (text: string): string => text.replace(/\d[\d -]{5,}\d/g, "****").slice(0, 200)

const otherPayment = { code: "OTHER_PAYMENT", reason: "The key belongs to a payment of another order or amount" }

/** The gateway that speaks a protocol. */
export const make = (gateway: GatewayName, protocol: Protocol): Gateway => {
  const unavailable = (reason: "Busy" | "Settings" | "Unreachable", detail: string) =>
    new GatewayUnavailable({ gateway, reason, detail })
  const unknown = (detail: string) => new OutcomeUnknown({ gateway, detail })

  /** A refusal that means what it says. */
  const failureOf = ({ meaning, code, reason: said }: Refused) => {
    const reason = quiet(said)
    switch (meaning) {
      case "Declined":
      case "Again":
        return new Declined({ gateway, code, reason })
      case "Busy":
        return unavailable("Busy", `${code} ${reason}`)
      case "Settings":
        return unavailable("Settings", `${code} ${reason}`)
      case "Unclear":
        return unknown(`${code} ${reason}`)
    }
  }

  const inquire = (payment: PaymentRef): Effect.Effect<Inquiry, GatewayUnavailable> =>
    protocol.find(payment).pipe(
      Effect.map((told): Inquiry => {
        if (told === undefined) return { _tag: "NotFound" }
        if (told.orderId !== payment.orderId) return { _tag: "Declined", ...otherPayment }
        const { found } = told
        return found._tag === "Declined" ? { ...found, reason: quiet(found.reason) } : found
      }),
      Effect.mapError((failure) => {
        if (failure._tag === "GatewayUnavailable") return failure
        if (failure._tag === "OutcomeUnknown") return unavailable("Unreachable", failure.detail)
        return unavailable(
          failure.meaning === "Settings" || failure.meaning === "Busy" ? failure.meaning : "Unreachable",
          `${failure.code} ${quiet(failure.reason)}`
        )
      })
    )

  /** What was refused perhaps because it was done before: an inquiry tells; `Unclear` when it does not. */
  const unlessDone = <A extends object>(
    refused: Refused,
    payment: PaymentRef,
    done: (found: Inquiry) => A | "NotDone" | "Unclear"
  ) =>
    inquire(payment).pipe(
      Effect.mapError(({ detail }) => unknown(`${refused.code}; ${detail}`)),
      Effect.flatMap((found): Effect.Effect<A, GatewayFailure> => {
        const known = done(found)
        if (known === "NotDone") return Effect.fail(failureOf(refused))
        return known === "Unclear" ? Effect.fail(unknown(refused.code)) : Effect.succeed(known)
      })
    )

  /** Moments that a gateway does not tell, or not so that we understand it, are now. */
  const moment = (ms: number) => (ms > 0 ? Effect.succeed(ms) : Clock.currentTimeMillis)
  const isAsked = (approval: Approval, { orderId, found }: Told<Approved>) =>
    orderId === approval.orderId && found.approvedAmount === approval.amount
  const another = Effect.fail(new Declined({ gateway, ...otherPayment }))

  const approve = Effect.fnUntraced(function* (approval: Approval) {
    const result = yield* Effect.result(protocol.approve(approval))
    if (Result.isSuccess(result)) {
      const { orderId, found } = result.success
      if (isAsked(approval, result.success)) return found
      const mistake = unknown(`Approved for ${orderId} by mistake, and not given back`)
      if (protocol.undo === undefined) return yield* mistake
      return yield* protocol.undo(approval, found).pipe(
        Effect.mapError(() => mistake),
        Effect.andThen(another)
      )
    }
    if (result.failure._tag !== "Refused") return yield* result.failure
    if (result.failure.meaning !== "Again") return yield* failureOf(result.failure)
    return yield* unlessDone(result.failure, approval, (found) => {
      if (found._tag === "Cancelled" && leftAt(found) !== 0) return "Unclear"
      return found._tag === "Approved" && found.approvedAmount === approval.amount ? found : "NotDone"
    })
  })

  const cancel = Effect.fnUntraced(function* (cancellation: Cancellation) {
    if (cancellation.amount > cancellation.remaining)
      return yield* new Declined({ gateway, code: "TOO_MUCH", reason: "More than is left of the payment" })
    const result = yield* Effect.result(protocol.cancel(cancellation))
    if (Result.isSuccess(result)) return result.success
    if (result.failure._tag !== "Refused") return yield* result.failure
    if (result.failure.meaning !== "Again") return yield* failureOf(result.failure)
    return yield* unlessDone(result.failure, cancellation, (found) => {
      const became = whatBecameOf(cancellation, found)
      if (became !== "Done") return became
      return found._tag === "Cancelled" ? { cancelledAt: found.cancelledAt } : "Unclear"
    })
  })

  return {
    inquire,
    approve: (approval) =>
      Effect.flatMap(approve(approval), ({ transactionId, approvedAmount, approvedAt, label }) =>
        Effect.map(moment(approvedAt), (at): Approved => ({
          _tag: "Approved",
          transactionId,
          approvedAmount,
          approvedAt: at,
          label
        }))
      ),
    cancel: (cancellation) =>
      Effect.flatMap(cancel(cancellation), ({ cancelledAt }) =>
        Effect.map(moment(cancelledAt), (at) => ({ cancelledAt: at }))
      )
  }
}
