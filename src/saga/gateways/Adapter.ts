/**
 * What all gateways over HTTP have in common: how an answer, or none, becomes one of the three failures, and that money
 * is only ever approved for the order and the amount that were asked for. A gateway of its own is a `Protocol`: what to
 * send, how to read the answer, and what each refusing code means.
 */
import { ByteSize, Clock, Data, Effect, Predicate, Schema } from "effect"
import { type HttpClient, type HttpClientError, type HttpClientRequest, HttpIncomingMessage } from "effect/http"
import type { Money } from "../../domain/Money.ts"
import type { GatewayName, GatewayTransactionId } from "../../domain/Tender.ts"
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

/** A payment as a gateway tells of it. */
export type Told = Inquiry & { readonly orderId: string }

export type Failure = Refused | GatewayUnavailable | OutcomeUnknown

export interface Protocol {
  readonly approve: (approval: Approval) => Effect.Effect<Approved & { readonly orderId: string }, Failure>
  /** `undefined`: the gateway knows of no such payment. */
  readonly find: (payment: PaymentRef) => Effect.Effect<Told | undefined, Failure>
  readonly cancel: (cancellation: Cancellation) => Effect.Effect<Cancelled, Failure>
  /** Gives back what was approved for somebody else's order, or in another amount. */
  readonly undo: (
    payment: PaymentRef,
    transactionId: GatewayTransactionId,
    amount: Money
  ) => Effect.Effect<unknown, Failure>
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

const otherPayment = { code: "OTHER_PAYMENT", reason: "The key belongs to a payment of another order or amount" }

/** The gateway that speaks a protocol. */
export const make = (gateway: GatewayName, protocol: Protocol): Gateway => {
  const unavailable = (reason: "Busy" | "Settings" | "Unreachable", detail: string) =>
    new GatewayUnavailable({ gateway, reason, detail })
  const unknown = (detail: string) => new OutcomeUnknown({ gateway, detail })

  /** A refusal that means what it says. */
  const failureOf = ({ meaning, code, reason }: Refused) => {
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
        return told.orderId === payment.orderId ? told : { _tag: "Declined", ...otherPayment }
      }),
      Effect.mapError((failure) => {
        if (failure._tag === "GatewayUnavailable") return failure
        if (failure._tag === "OutcomeUnknown") return unavailable("Unreachable", failure.detail)
        return unavailable(
          failure.meaning === "Settings" || failure.meaning === "Busy" ? failure.meaning : "Unreachable",
          `${failure.code} ${failure.reason}`
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

  return {
    inquire,

    approve: (approval) =>
      protocol.approve(approval).pipe(
        Effect.catchTag("Refused", (refused) =>
          refused.meaning === "Again"
            ? unlessDone(refused, approval, (found) =>
                found._tag === "Approved" ? { ...found, orderId: approval.orderId } : "NotDone"
              )
            : Effect.fail(failureOf(refused))
        ),
        Effect.flatMap(({ orderId, ...approved }) => {
          if (orderId === approval.orderId && approved.approvedAmount === approval.amount)
            return Effect.succeed(approved)
          return protocol.undo(approval, approved.transactionId, approved.approvedAmount).pipe(
            Effect.mapError(() => unknown(`Approved for ${orderId} by mistake, and not given back`)),
            Effect.andThen(Effect.fail(new Declined({ gateway, ...otherPayment })))
          )
        })
      ),

    cancel: (cancellation) => {
      if (cancellation.amount > cancellation.remaining)
        return Effect.fail(new Declined({ gateway, code: "TOO_MUCH", reason: "More than is left of the payment" }))
      return protocol.cancel(cancellation).pipe(
        Effect.catchTag("Refused", (refused) =>
          refused.meaning === "Again"
            ? unlessDone(refused, cancellation, (found) => {
                const became = whatBecameOf(cancellation, found)
                if (became !== "Done") return became
                return found._tag === "Cancelled" ? { cancelledAt: found.cancelledAt } : "Unclear"
              })
            : Effect.fail(failureOf(refused))
        )
      )
    }
  }
}
