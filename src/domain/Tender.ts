/** Means of payment: an order is paid by tenders, each of which pays a part of it (C11; seed 002 P3). */
import { Brand, Schema } from "effect"
import { Money } from "./Money.ts"

/** The methods that a gateway carries out. */
export const GatewayMethod = Schema.Literals(["CARD", "BANK_TRANSFER", "KAKAOPAY", "NAVERPAY"])
export type GatewayMethod = typeof GatewayMethod.Type

export const Method = Schema.Literals(["WALLET", ...GatewayMethod.literals])
export type Method = typeof Method.Type

export const Tender = Schema.Struct({ method: Method, amount: Money })
export type Tender = typeof Tender.Type

/** Toss Payments, NICE Payments and KG Inicis (Y4). */
export const GatewayName = Schema.Literals(["toss", "nice", "inicis"])
export type GatewayName = typeof GatewayName.Type

/**
 * What a gateway gives a buyer who has agreed to pay, for the shop to have the payment approved with: Toss' `paymentKey`,
 * NICE's `tid`, Inicis' `idc_name:authToken`.
 */
export const PaymentKey = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,4096}$/u, { message: "must be 1 to 4096 visible characters of ASCII" })
).pipe(Schema.brand("PaymentKey"))
export type PaymentKey = typeof PaymentKey.Type
export const paymentKey = Brand.nominal<PaymentKey>()

/** What a gateway calls an approved payment, to give it back by. */
export const GatewayTransactionId = Schema.NonEmptyString.pipe(Schema.brand("GatewayTransactionId"))
export type GatewayTransactionId = typeof GatewayTransactionId.Type
export const gatewayTransactionId = Brand.nominal<GatewayTransactionId>()
