/** Means of paying part of an order (C11, Y2). */
import { Schema } from "effect"
import { Money } from "./Money.ts"

export const Method = Schema.Literals(["WALLET", "CARD", "BANK_TRANSFER", "KAKAOPAY", "NAVERPAY"])
export type Method = typeof Method.Type

export const Tender = Schema.Struct({ method: Method, amount: Money })
export type Tender = typeof Tender.Type
