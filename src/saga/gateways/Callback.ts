/**
 * Callbacks (webhooks, notices): what a gateway sends by itself when something has become of a payment. One is read for
 * the order it names and for nothing else: what has become of it, the gateway is asked (decision 15).
 *
 * - Toss (docs.tosspayments.com/guides/webhook): JSON, `PAYMENT_STATUS_CHANGED` with the payment as `data`, unsigned; a
 *   `DEPOSIT_CALLBACK` has its `orderId` outside. Sent again up to seven times until it is answered with 200.
 * - NICE (nicepay-manual, api/hook.md): JSON, the payment, signed `hex(sha256(tid + amount + ediDate + secretKey))`.
 *   Answered with 200 and `OK`.
 * - Inicis: a form, unsigned: `P_OID` from mobile pages (`P_NOTI_URL`), `no_oid` of a deposit into a virtual account, in
 *   EUC-KR; what is read of it is ASCII. Sent again until it is answered with `OK`.
 */
import { Schema } from "effect"
import type { GatewayName } from "../../domain/Tender.ts"

export interface Callback {
  /** The order it names. Whoever sends one can name any. */
  readonly orderId: string
  /** What is signed, and the signature, where there is one. */
  readonly signed?: { readonly text: string; readonly signature: string }
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** The fields of a body, JSON or a form. */
const fieldsOf = (body: string): unknown => {
  const parsed = parse(body)
  return parsed._tag === "Some" ? parsed.value : Object.fromEntries(new URLSearchParams(body))
}

const reader = <A, I>(schema: Schema.Codec<A, I>, read: (fields: A) => Callback | undefined) => {
  const decode = Schema.decodeUnknownOption(schema)
  return (fields: unknown): Callback | undefined => {
    const decoded = decode(fields)
    return decoded._tag === "Some" ? read(decoded.value) : undefined
  }
}

const text = Schema.optional(Schema.NullOr(Schema.String))
const named = (orderId: string | null | undefined) => (orderId ? { orderId } : undefined)

const readers: Record<GatewayName, (fields: unknown) => Callback | undefined> = {
  toss: reader(
    Schema.Struct({ orderId: text, data: Schema.optional(Schema.Struct({ orderId: text })) }),
    ({ orderId, data }) => named(data?.orderId ?? orderId)
  ),
  nice: reader(
    Schema.Struct({
      orderId: Schema.String,
      tid: Schema.String,
      amount: Schema.Union([Schema.Finite, Schema.String]),
      ediDate: Schema.String,
      signature: text
    }),
    ({ orderId, tid, amount, ediDate, signature }) =>
      signature ? { orderId, signed: { text: `${tid}${amount}${ediDate}`, signature } } : { orderId }
  ),
  inicis: reader(Schema.Struct({ P_OID: text, no_oid: text, NO_OID: text }), ({ P_OID, no_oid, NO_OID }) =>
    named(P_OID ?? no_oid ?? NO_OID)
  )
}

/** What a gateway's callback says; `undefined` for what is none. */
export const callbackIn = (gateway: GatewayName, body: string): Callback | undefined => readers[gateway](fieldsOf(body))
