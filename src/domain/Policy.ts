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
    /** The longest reason for taking one away, in characters. */
    reasonMax: 200,
    /** The most of one coupon. */
    quantityMax: 100_000_000,
    /** How many of one coupon a user can have: unless told otherwise, and at the most (C15). */
    perUserLimit: 1,
    perUserMost: 100,
    /** How one can be had, unless told otherwise (I12). */
    issueBy: ["FIRST_COME", "GRANT"],
    /** The most products, and the most categories, a coupon can be limited to. */
    productsMost: 100,
    categoriesMost: 20
  },
  idempotency: {
    /** How long an answer can be replayed (api.md, Conventions; G15). */
    keptHours: 24
  }
} as const
