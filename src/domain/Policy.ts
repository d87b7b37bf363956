/** The limits the sources name (requirements A29), in one place. */
import { won } from "./Money.ts"

const minute = 60_000

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
    linesMax: 100,
    /** The most orders of one buyer that wait for their payment: nobody reserves a whole sale without money. */
    unpaidMost: 20,
    /** How long an order waits for its payment (O15, C22; seed 002 P2), in milliseconds. */
    paymentDeadlineMs: 30 * minute,
    /** How long after its payment it can be cancelled (F4, C22; seed 004 §2). */
    cancelWindowMs: 30 * minute,
    /** How long after its delivery a purchase counts as confirmed by a buyer who says nothing (C34). */
    autoConfirmMs: 7 * 24 * 60 * minute
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
    /** How many coupons a wallet takes, of all kinds, those that were used left out: their users had something of them. */
    perWalletMost: 1000,
    /** How one can be had, unless told otherwise (I12). */
    issueBy: ["FIRST_COME", "GRANT"],
    /** The most products, and the most categories, a coupon can be limited to. */
    productsMost: 100,
    categoriesMost: 20
  },
  payment: {
    /** How long a buyer has to come back from a gateway's page (Y8, A29). */
    attemptTimeoutMs: 10 * minute,
    /** How many attempts to pay one order there are: each is kept with the order, also what came to nothing. */
    attemptsMost: 20,
    /** How often a call of a gateway is repeated, at the most (Y9, C23, A29). */
    maxRetries: 3,
    /** How long one call of a gateway may take (Y15). */
    callTimeoutMs: 3000,
    /** When somebody else asks what became of a payment; longer than all repetitions of a call take. */
    recoverMs: 30_000,
    /** How long after a gateway's callback it is asked, if nobody has heard by then: who asked first mostly has. */
    callbackGraceMs: 1000,
    /** The same, once its deadline and the buyer's time are over: by then it is a person's as well (C23). */
    stuckMs: 10 * minute,
    /** How often a refund is asked of a gateway before a person has to see to it (C23), and how long between. */
    refundAttempts: 8,
    refundDelayMs: (attempts: number): number => Math.min(1000 * 4 ** attempts, 10 * minute),
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
