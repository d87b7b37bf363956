/** How one gateway's protocol is spoken from the other side: what a request asks for, and how an answer is put. */
import { Schema } from "effect"
import type { Money } from "../../../domain/Money.ts"
import type { Charge, GivenBack } from "./Charges.ts"

export interface Heard {
  readonly method: string
  /** Without the gateway's prefix. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

export interface Reply {
  readonly status: number
  readonly body: unknown
}

/** A callback, as it is sent. */
export interface Notice {
  readonly contentType: string
  readonly text: string
}

export type Asked =
  | {
      readonly _tag: "Approve"
      readonly paymentKey: string
      /** What the buyer agreed to pay for. */
      readonly orderId: string
      readonly amount: Money
      readonly transactionId: string
      readonly idempotencyKey: string | undefined
    }
  | { readonly _tag: "Inquire"; readonly by: { readonly paymentKey: string } | { readonly orderId: string } }
  | {
      readonly _tag: "Cancel"
      readonly transactionId: string
      readonly refundId: string
      /** `undefined`: all that is left. */
      readonly amount: Money | undefined
      /** What must be left after it, where the gateway wants to know. */
      readonly leaving?: Money
    }
  /** It is not even looked at. */
  | { readonly _tag: "Refuse"; readonly reply: Reply }

export interface Desk {
  readonly hear: (heard: Heard) => Asked
  readonly approved: (charge: Charge) => Reply
  readonly declined: Reply
  /** The payment key was used before, under another idempotency key or under none. */
  readonly again: Reply
  readonly found: (charge: Charge) => Reply
  readonly notFound: Reply
  readonly refunded: (charge: Charge, refund: GivenBack) => Reply
  /** The refund was made before: some gateways answer as they did. */
  readonly refundedBefore: (charge: Charge, refund: GivenBack) => Reply
  readonly tooMuch: Reply
  readonly notCancelable: Reply
  readonly busy: Reply
  /** What is sent when something has become of a charge. */
  readonly notice: (charge: Charge) => Notice
}

export const refuse = (status: number, body: unknown): Asked => ({ _tag: "Refuse", reply: { status, body } })

/** A body as JSON; `undefined` when it is none, or not of that shape. */
export const json = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
  return (text: string): A | undefined => {
    const decoded = decode(text)
    return decoded._tag === "Some" ? decoded.value : undefined
  }
}

export const jsonNotice = (body: unknown): Notice => ({
  contentType: "application/json;charset=utf-8",
  text: JSON.stringify(body)
})

export const basic = (user: string, password: string): string => `Basic ${btoa(`${user}:${password}`)}`
