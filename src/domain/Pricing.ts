/** What an order costs, from the quotes of its products. */
import { Result, Schema } from "effect"
import { Money, type Quantity, sum, times, zero } from "./Money.ts"
import type { OrderLine } from "./Order.ts"
import type { Product } from "./Product.ts"

export interface Quote {
  readonly lines: ReadonlyArray<OrderLine>
  readonly total: Money
  readonly discount: Money
  /** `total − discount`. */
  readonly payable: Money
}

/** The price is not the one the buyer saw (C39). */
export class PriceChanged extends Schema.TaggedError<PriceChanged>()("PriceChanged", {
  expectedTotal: Money,
  total: Money
}) {}

/** Prices `quantity` pieces of each product. Fails when the buyer named a total and it is another. */
export const quote = (
  items: ReadonlyArray<{ readonly product: Product; readonly quantity: Quantity }>,
  expectedTotal: Money | undefined
): Result.Result<Quote, PriceChanged> => {
  const lines = items.map(({ product, quantity }) => ({
    productId: product.productId,
    name: product.name,
    unitPrice: product.price,
    quantity,
    amount: times(product.price, quantity)
  }))
  const total = sum(lines.map((line) => line.amount))
  return expectedTotal !== undefined && expectedTotal !== total
    ? Result.fail(new PriceChanged({ expectedTotal, total }))
    : Result.succeed({ lines, total, discount: zero, payable: total })
}
