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

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Any amount of money. */
export const Money = between(0, maxBalance).pipe(Schema.brand("Money"))
/** The price of one piece. */
export const Price = between(0, maxPrice).pipe(Schema.brand("Money"))
/** A number of pieces in stock. */
export const Stock = between(0, maxStock).pipe(Schema.brand("Quantity"))
/** A number of pieces in an order line. */
export const Quantity = between(1, maxQuantity).pipe(Schema.brand("Quantity"))

export const zero = money(0)
export const won = money
export const pieces = quantity

export const add = (a: Money, b: Money): Money => money(a + b)
export const sum = (amounts: Iterable<Money>): Money => {
  let total = 0
  for (const amount of amounts) total += amount
  return money(total)
}
export const times = (price: Money, count: Quantity): Money => money(price * count)
export const gain = (amount: Money): MoneyDelta => MoneyDelta(amount)
export const loss = (amount: Money): MoneyDelta => MoneyDelta(-amount)
