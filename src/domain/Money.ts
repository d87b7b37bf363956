/**
 * Money and counts. Money is an integer in the currency's minor unit (KRW has scale 0, so won). The bounds keep
 * every sum the engine can form below 2^53: 100 lines × 10,000 pieces × 10^9 won = 10^15.
 */
import { Brand, Schema } from "effect"

/** A non-negative amount in won. */
export type Money = number & Brand.Brand<"Money">
/** An amount in won that may be negative: the change of a balance. */
export type MoneyDelta = number & Brand.Brand<"MoneyDelta">
/** A number of pieces. */
export type Quantity = number & Brand.Brand<"Quantity">

export const maxPrice = 1_000_000_000
export const maxBalance = 1_000_000_000_000_000
export const maxStock = 1_000_000_000
export const maxQuantity = 10_000

const money = Brand.nominal<Money>()
const quantity = Brand.nominal<Quantity>()
export const MoneyDelta = Brand.nominal<MoneyDelta>()

/** A whole number; of what is none, or out of bounds, both are told. */
export const between = (minimum: number, maximum: number) => {
  const expected = `a whole number from ${minimum} to ${maximum}`
  return Schema.Number.check(Schema.isInt({ expected }).abort(), Schema.isBetween({ minimum, maximum }, { expected }))
}

/** Any amount of money. */
export const Money = between(0, maxBalance).annotate({ description: "Whole won." }).pipe(Schema.brand("Money"))
/** The price of one piece. */
export const Price = between(0, maxPrice)
  .annotate({ description: "Whole won for one piece." })
  .pipe(Schema.brand("Money"))
/** A number of pieces in stock. */
export const Stock = between(0, maxStock).annotate({ description: "Pieces." }).pipe(Schema.brand("Quantity"))
/** A number of pieces in an order line. */
export const Quantity = between(1, maxQuantity).annotate({ description: "Pieces." }).pipe(Schema.brand("Quantity"))

export const zero = money(0)
export const won = money
export const pieces = quantity

/** A share of an amount, in hundredths of a percent: `10_000` is all of it. */
export type BasisPoints = number & Brand.Brand<"BasisPoints">
export const BasisPoints = between(1, 10_000).pipe(Schema.brand("BasisPoints"))
export const basisPoints = Brand.nominal<BasisPoints>()

/** A share of an amount, rounded down (G4). In two parts, since `amount × share` may not be exact. */
export const shareOf = (amount: Money, share: BasisPoints): Money => {
  const rest = amount % 10_000
  return money(((amount - rest) / 10_000) * share + Math.floor((rest * share) / 10_000))
}

/**
 * Divides an amount in the ratio of `weights`, in whole won, by largest remainder: it always sums to `amount`, and no
 * part is above its weight unless `amount` is above their sum (G4).
 */
export const allocate = (amount: Money, weights: ReadonlyArray<Money>): ReadonlyArray<Money> => {
  const whole = BigInt(sum(weights))
  if (whole === 0n) return weights.map(() => zero)
  const parts = weights.map((weight, n) => {
    const product = BigInt(amount) * BigInt(weight)
    return { n, share: Number(product / whole), remainder: product % whole }
  })
  let left = amount - parts.reduce((total, { share }) => total + share, 0)
  const extra = new Set<number>()
  for (const { n } of parts.toSorted((a, b) => Number(b.remainder - a.remainder) || a.n - b.n)) {
    if (left-- <= 0) break
    extra.add(n)
  }
  return parts.map(({ n, share }) => money(extra.has(n) ? share + 1 : share))
}

export const least = (first: Money, ...others: ReadonlyArray<Money>): Money => money(Math.min(first, ...others))
export const add = (a: Money, b: Money): Money => money(a + b)
/** What is left of `a`, of which `b` is a part. */
export const minus = (a: Money, b: Money): Money => money(a - b)
export const sum = (amounts: Iterable<Money>): Money => {
  let total = 0
  for (const amount of amounts) total += amount
  return money(total)
}
export const times = (price: Money, count: Quantity): Money => money(price * count)
export const gain = (amount: Money): MoneyDelta => MoneyDelta(amount)
export const loss = (amount: Money): MoneyDelta => MoneyDelta(-amount)
