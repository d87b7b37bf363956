/** What a gateway that is none has taken and given back: the books of the simulator, and of the gateway in memory. */
import { minus, type Money, sum, zero } from "../../../domain/Money.ts"

export interface GivenBack {
  readonly refundId: string
  readonly amount: Money
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface Charge {
  readonly paymentKey: string
  readonly orderId: string
  readonly transactionId: string
  /** The Idempotency-Key it was made under, if there was one. */
  readonly idempotencyKey: string | undefined
  readonly status: "APPROVED" | "DECLINED"
  readonly amount: Money
  /** Milliseconds since 1970. */
  readonly at: number
  readonly refunds: ReadonlyArray<GivenBack>
}

/** What is left of a charge. */
export const leftOf = ({ amount, refunds, status }: Charge): Money =>
  status === "APPROVED" ? minus(amount, sum(refunds.map((refund) => refund.amount))) : zero

/** What became of a refund: made now, made before, or not at all. */
export type Refund =
  | { readonly _tag: "Refunded" | "Again"; readonly charge: Charge; readonly refund: GivenBack }
  | { readonly _tag: "TooMuch" | "NotFound" }

export class Charges {
  /** Beyond so many, the oldest are forgotten. */
  readonly #most: number
  readonly #byKey = new Map<string, Charge>()

  constructor(most = 100_000) {
    this.#most = most
  }

  /** Charges, or declines to. A payment key that was used has its charge. */
  charge(asked: Omit<Charge, "refunds">): { readonly charge: Charge; readonly again: boolean } {
    const known = this.#byKey.get(asked.paymentKey)
    if (known !== undefined) return { charge: known, again: true }
    const charge = { ...asked, refunds: [] }
    this.#byKey.set(charge.paymentKey, charge)
    const [oldest] = this.#byKey.keys()
    if (this.#byKey.size > this.#most && oldest !== undefined) this.#byKey.delete(oldest)
    return { charge, again: false }
  }

  /** Gives back, once per `refundId`; without an amount, all that is left. */
  refund(
    transactionId: string,
    { refundId, amount, at }: Omit<GivenBack, "amount"> & { readonly amount: Money | undefined }
  ): Refund {
    const charge = this.byTransaction(transactionId)
    if (charge === undefined) return { _tag: "NotFound" }
    const known = charge.refunds.find((refund) => refund.refundId === refundId)
    if (known !== undefined) return { _tag: "Again", charge, refund: known }
    const refund = { refundId, amount: amount ?? leftOf(charge), at }
    if (refund.amount <= 0 || refund.amount > leftOf(charge)) return { _tag: "TooMuch" }
    const after = { ...charge, refunds: [...charge.refunds, refund] }
    this.#byKey.set(charge.paymentKey, after)
    return { _tag: "Refunded", charge: after, refund }
  }

  /** The approved one. */
  byTransaction(transactionId: string): Charge | undefined {
    return this.all.find((charge) => charge.transactionId === transactionId && charge.status === "APPROVED")
  }

  byKey(paymentKey: string): Charge | undefined {
    return this.#byKey.get(paymentKey)
  }

  /** The latest. */
  byOrder(orderId: string): Charge | undefined {
    return this.all.findLast((charge) => charge.orderId === orderId)
  }

  get all(): ReadonlyArray<Charge> {
    return [...this.#byKey.values()]
  }

  /** Taken and not given back, in all. */
  get kept(): Money {
    return sum(this.all.map(leftOf))
  }
}
