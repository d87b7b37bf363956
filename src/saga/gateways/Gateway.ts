/**
 * A payment gateway: whoever takes money from a buyer's card or account for us. The protocol, for sagas:
 *
 * 1. **The intent is durable first.** The buyer agrees on the gateway's own page and comes back with a `paymentKey`; the
 *    caller commits what it is about to ask, and only then asks. A key pays one payment: the caller keeps it unique.
 * 2. **`approve`** takes the money, once per `paymentId`, however often it is asked. What it says is for exactly the order
 *    and the amount that were asked for; money taken for anything else has been given back and is `Declined`.
 * 3. **A failure says what is known.** `Declined`: not taken, and never will be by this key. `GatewayUnavailable`: it
 *    certainly did not happen, and may later. `OutcomeUnknown`: it may have happened, or may yet.
 * 4. **After `OutcomeUnknown`: `inquire`**, and again later, until it says `Approved`, `Declined` or `Cancelled`.
 *    `NotFound` is final no sooner than `Policy.payment.attemptTimeoutMs` after the last `approve`: by then the gateway
 *    has forgotten that the buyer agreed. Whoever compensates after that cannot be overtaken by an approval.
 * 5. **`cancel`** gives back all or a part, once per `refundId`. Refunds of one payment go one after the other, each with
 *    what the books say was left before it: so an unknown outcome is told from the sums of an inquiry. Where a gateway
 *    does not tell the sum of parts (Inicis), it stays unknown, and is a person's; so does one after another that is.
 *
 * A call that is interrupted is one whose outcome is unknown: let it end, also when the client has hung up.
 * `Resilience.guard` puts time limits, repetitions and a circuit breaker around a gateway; those of `Gateways` are guarded.
 * Nobody here keeps a card number: at the most a label with four digits (C42).
 */
import { Context, type Effect, Schema } from "effect"
import type { OrderId, PaymentId, RefundId } from "../../domain/Ids.ts"
import { minus, type Money } from "../../domain/Money.ts"
import { type GatewayMethod, GatewayName, type GatewayTransactionId, type PaymentKey } from "../../domain/Tender.ts"
import type { Callback } from "./Callback.ts"

/** Which payment is meant. */
export interface PaymentRef {
  readonly paymentId: PaymentId
  /** The number the buyer saw on the gateway's page. */
  readonly orderId: OrderId
  readonly paymentKey: PaymentKey
}

export interface Approval extends PaymentRef {
  readonly amount: Money
  readonly method: GatewayMethod
}

export interface Cancellation extends PaymentRef {
  readonly transactionId: GatewayTransactionId
  readonly refundId: RefundId
  readonly amount: Money
  /** Of the payment, when it was approved. */
  readonly approvedAmount: Money
  /** What of it was not given back yet, before this. */
  readonly remaining: Money
  /** Whether another refund of the payment may have been carried out as well: a person is to find out. */
  readonly othersUnknown: boolean
  /** For the buyer's statement. */
  readonly reason: string
}

export interface Approved {
  readonly _tag: "Approved"
  readonly transactionId: GatewayTransactionId
  /** Milliseconds since 1970. */
  readonly approvedAt: number
  readonly approvedAmount: Money
  /** What it was paid with, as a buyer would know it, with four digits at the most: `****1234`. */
  readonly label: string | undefined
}

export type Inquiry =
  | Approved
  /** Approved, and then given back, all of it or a part. */
  | {
      readonly _tag: "Cancelled"
      readonly transactionId: GatewayTransactionId
      readonly approvedAmount: Money
      /** In all; `undefined` for a part, if the gateway does not say how much. */
      readonly cancelledAmount: Money | undefined
      /** The last time; milliseconds since 1970. */
      readonly cancelledAt: number
    }
  /** Final. */
  | { readonly _tag: "Declined"; readonly code: string; readonly reason: string }
  /** Neither taken nor refused so far: the gateway does not know it, or waits for `approve`. */
  | { readonly _tag: "NotFound" }

export interface Cancelled {
  /** Milliseconds since 1970. */
  readonly cancelledAt: number
}

/** The gateway, or whoever issued the card, says no. Final: the buyer may pay in another way. */
export class Declined extends Schema.TaggedError<Declined>()("Declined", {
  gateway: GatewayName,
  /** The gateway's own. */
  code: Schema.String,
  reason: Schema.String
}) {}

export const UnavailableReason = Schema.Literals([
  /** It could not be reached. */
  "Unreachable",
  /** It says that it takes no more for now. */
  "Busy",
  /** It failed too often lately, and is left alone for a while. */
  "CircuitOpen",
  /** Our settings of it are missing or wrong: repeating is of no use, a person has to act. */
  "Settings"
])

/** It certainly did not happen. */
export class GatewayUnavailable extends Schema.TaggedError<GatewayUnavailable>()("GatewayUnavailable", {
  gateway: GatewayName,
  reason: UnavailableReason,
  detail: Schema.String
}) {
  override get message() {
    return this.reason === "Settings"
      ? `The settings of the gateway ${this.gateway} are wrong: ${this.detail}`
      : `The gateway ${this.gateway} is not available (${this.reason}): ${this.detail}`
  }
}

/** It may have happened, or may yet: ask. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  gateway: GatewayName,
  detail: Schema.String
}) {}

export type GatewayFailure = Declined | GatewayUnavailable | OutcomeUnknown

export interface Gateway {
  readonly approve: (approval: Approval) => Effect.Effect<Approved, GatewayFailure>
  readonly inquire: (payment: PaymentRef) => Effect.Effect<Inquiry, GatewayUnavailable>
  readonly cancel: (cancellation: Cancellation) => Effect.Effect<Cancelled, GatewayFailure>
  /** What a payment key of its has to look like; left out by one that says nothing of it. */
  readonly keyForm?: { readonly pattern: RegExp; readonly says: string }
  /** Whether a callback has the gateway's signature; left out by one that signs none. */
  readonly isSigned?: (callback: Callback) => boolean
}

/** The gateways there are, and which of them carries out which method. */
export class Gateways extends Context.Service<
  Gateways,
  {
    /** One without settings fails every call as `GatewayUnavailable`. */
    readonly of: (name: GatewayName) => Gateway
    readonly for: (method: GatewayMethod) => GatewayName
    /** Whether there are settings for it. */
    readonly has: (name: GatewayName) => boolean
    /** The longest a call of any of them takes, in milliseconds. */
    readonly longestMs: number
  }
>()("sluice/saga/gateways/Gateways") {}

/** Of what was approved and given back since, what is still there; `undefined`: the gateway does not say. */
export const leftAt = ({ approvedAmount, cancelledAmount }: Inquiry & { readonly _tag: "Cancelled" }) =>
  cancelledAmount === undefined ? undefined : minus(approvedAmount, cancelledAmount)

/** What an inquiry says of a cancellation that nobody heard the end of. */
export const whatBecameOf = (
  { approvedAmount, remaining, amount, othersUnknown }: Cancellation,
  found: Inquiry
): "Done" | "NotDone" | "Unclear" => {
  const before = approvedAmount - remaining
  if (found._tag === "Approved") return before === 0 ? "NotDone" : "Unclear"
  if (found._tag !== "Cancelled") return "Unclear"
  // The same sum may be another refund's, which nobody has heard the end of either.
  if (found.cancelledAmount === before + amount) return othersUnknown ? "Unclear" : "Done"
  return found.cancelledAmount === before ? "NotDone" : "Unclear"
}
