/** The limits the sources name (requirements A29), in one place. */
import { won } from "./Money.ts"

export const Policy = {
  wallet: {
    /** The least amount of a charge, in won (W6, C13; seed 003 §1.2). */
    minCharge: won(1_000),
    /** The most amount of one charge, in won (G2). */
    maxCharge: won(1_000_000_000)
  },
  product: {
    /** The longest product name, in characters (PR9). */
    nameMax: 100,
    /** LOW_STOCK at or below this many available pieces (C25). */
    lowStock: 10
  },
  order: {
    /** The most lines of one order. */
    linesMax: 100
  },
  coupon: {
    /** The longest name, and the longest code a person may choose, in characters. */
    nameMax: 100,
    codeMax: 40,
    /** The most of one coupon. */
    quantityMax: 100_000_000,
    /** How many of one coupon a user can have: unless told otherwise, and at the most (C15). */
    perUserLimit: 1,
    perUserMost: 100,
    /** The most products, and the most categories, a coupon can be limited to. */
    productsMost: 100,
    categoriesMost: 20
  },
  payment: {
    /** How long a buyer has to come back from a gateway's page (Y8, A29). */
    attemptTimeoutMs: 600_000,
    /** How often a call of a gateway is repeated, at the most (Y9, C23, A29). */
    maxRetries: 3,
    /** How long one call of a gateway may take (Y15). */
    callTimeoutMs: 5000,
    /** The wait before the first repetition, doubled by each up to the most; half of it and more, by chance (O24). */
    backoffMs: 200,
    backoffMostMs: 2000,
    /** So many calls of a gateway fail in a row, and it is left alone for so long (A29). */
    breaker: { failures: 5, openMs: 10_000 },
    /** Which gateway carries out which method, where there is no other word (Y4). */
    routing: { CARD: "toss", BANK_TRANSFER: "nice", KAKAOPAY: "inicis", NAVERPAY: "nice" }
  },
  idempotency: {
    /** How long an answer can be replayed (api.md, Conventions; G15). */
    keptHours: 24
  }
} as const
