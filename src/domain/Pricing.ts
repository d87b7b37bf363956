/** What an order costs, from the quotes of its products. */
import { Array as Arr, Result, Schema } from "effect"
import { type Coupon, discounts } from "./Coupon.ts"
import { minus, Money, pieces, type Quantity, sum, times, zero } from "./Money.ts"
import type { OrderLine } from "./Order.ts"
import type { Product } from "./Product.ts"
import type { CouponNotUsable } from "./UserCoupon.ts"

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

/**
 * Prices `quantity` pieces of each product, less what a coupon takes off. Fails when the coupon cannot be used for
 * them, and when the buyer named what there is to pay and it is something else.
 */
export const quote = (
  items: ReadonlyArray<{ readonly product: Product; readonly quantity: Quantity }>,
  expectedTotal: Money | undefined,
  coupon?: Coupon
): Result.Result<Quote, CouponNotUsable | PriceChanged> => {
  const priced = items.map(({ product, quantity }) => ({
    product,
    line: {
      productId: product.productId,
      name: product.name,
      unitPrice: product.price,
      quantity,
      amount: times(product.price, quantity)
    }
  }))
  const taken = coupon === undefined ? Result.succeed(priced.map(() => zero)) : discounts(coupon, priced)
  return Result.flatMap(taken, (each) => {
    const lines = Arr.zipWith(priced, each, ({ line }, discount) => ({ ...line, discount, cancelled: pieces(0) }))
    const total = sum(lines.map((line) => line.amount))
    const discount = sum(each)
    const payable = minus(total, discount)
    return expectedTotal !== undefined && expectedTotal !== payable
      ? Result.fail(new PriceChanged({ expectedTotal, total: payable }))
      : Result.succeed({ lines, total, discount, payable })
  })
}
