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
  idempotency: {
    /** How long an answer can be replayed (api.md, Conventions; G15). */
    keptHours: 24
  }
} as const
