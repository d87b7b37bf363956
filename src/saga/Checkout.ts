/**
 * One-shot checkout: order and wallet payment in one transaction, no state between (design §1, §4; seed 003 §3.1).
 *
 * hold stock → price → hold money → commit → settle
 */
import { Array as Arr, Effect, Schema } from "effect"
import { orderId, OrderId, paymentId, type ProductId, type UserId } from "../domain/Ids.ts"
import { loss, Money, type Quantity } from "../domain/Money.ts"
import type { Order } from "../domain/Order.ts"
import { type PriceChanged, quote } from "../domain/Pricing.ts"
import type { ProductRefusal } from "../domain/Product.ts"
import type { Change, DomainEvent } from "../domain/Transaction.ts"
import type { WalletRefusal } from "../domain/Wallet.ts"
import { iso } from "./Time.ts"
import { type Answer, type Failure, type Keyed, Transact } from "./Transact.ts"

export interface CheckoutItem {
  readonly productId: ProductId
  readonly quantity: Quantity
}

export interface CheckoutRequest {
  readonly request: Keyed
  readonly buyer: UserId
  /** At least one, each product once. */
  readonly items: ReadonlyArray<CheckoutItem>
  /** What the buyer expects to pay; another total is refused. */
  readonly expectedTotal: Money | undefined
}

export const CheckoutAnswer = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CONFIRMED"),
  totalAmount: Money,
  discountAmount: Money,
  paidAmount: Money,
  /** The wallet's balance when this purchase and everything admitted before it is committed. */
  balance: Money,
  /** RFC 3339. */
  transactedAt: Schema.String
})
export type CheckoutAnswer = typeof CheckoutAnswer.Type

export const checkout = ({
  request,
  buyer,
  items,
  expectedTotal
}: CheckoutRequest): Effect.Effect<
  Answer<CheckoutAnswer>,
  ProductRefusal | WalletRefusal | PriceChanged | Failure,
  Transact
> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      request,
      answer: CheckoutAnswer,
      plan: Effect.fnUntraced(function* ({ id, now, hold, holdAll }) {
        const products = yield* holdAll(
          "product",
          items.map(({ productId, quantity }) => [productId, { _tag: "Take", quantity }])
        )
        const quoted = Arr.zipWith(products, items, (product, { quantity }) => ({ product, quantity }))
        const { lines, total, discount, payable } = yield* Effect.fromResult(quote(quoted, expectedTotal))
        const { balance } = yield* hold("wallet", buyer, { _tag: "Take", amount: payable })
        const order: Order = {
          orderId: orderId(id),
          userId: buyer,
          status: "CONFIRMED",
          lines,
          payments: [{ paymentId: paymentId(id), method: "WALLET", amount: payable }],
          totalAmount: total,
          discountAmount: discount,
          paidAmount: payable,
          createdAt: now
        }
        return {
          changes: changesOf(order),
          events: [confirmed(order)],
          answer: {
            orderId: order.orderId,
            status: "CONFIRMED" as const,
            totalAmount: total,
            discountAmount: discount,
            paidAmount: payable,
            balance,
            transactedAt: iso(now)
          }
        }
      })
    })
  )

const changesOf = (order: Order): ReadonlyArray<Change> => [
  { _tag: "OrderPlaced", order },
  {
    _tag: "MoneyMoved",
    userId: order.userId,
    delta: loss(order.paidAmount),
    reason: "PAYMENT",
    orderId: order.orderId
  },
  ...order.lines.map(({ productId, quantity }): Change => ({
    _tag: "StockMoved",
    productId,
    delta: -quantity,
    reason: "SALE",
    orderId: order.orderId
  }))
]

const confirmed = (order: Order): DomainEvent => ({
  type: "OrderConfirmed",
  entity: order.orderId,
  payload: {
    userId: order.userId,
    paidAmount: order.paidAmount,
    lines: order.lines.map(({ productId, quantity, unitPrice }) => ({ productId, quantity, unitPrice }))
  }
})
