/** Paying an order that was made before (seed 001 §2.5, §6.1). */
import { Effect, Schema } from "effect"
import { OrderId, PaymentId, paymentId, refundId } from "../domain/Ids.ts"
import { Money, zero } from "../domain/Money.ts"
import type { Permitted } from "../domain/Authority.ts"
import { OrderNotPayable } from "../domain/OrderLife.ts"
import { InsufficientBalance } from "../domain/Wallet.ts"
import { change, type ChangeRefusal } from "./Orders.ts"
import type { Answer, Failure, Keyed, Transact } from "./Transact.ts"

export const PaymentAnswer = Schema.Struct({
  paymentId: PaymentId,
  orderId: OrderId,
  status: Schema.Literal("COMPLETED"),
  paidAmount: Money,
  /** The wallet's balance when this payment and everything admitted before it is committed. */
  balance: Money
})
export type PaymentAnswer = typeof PaymentAnswer.Type

/** A payment that came to nothing ended its order, and so it is kept like one that did not. */
const Refused = Schema.Struct({ refused: Schema.Struct({ balance: Money, required: Money }) })
const Kept = Schema.Union([PaymentAnswer, Refused])

export interface PaymentRequest {
  readonly request: Keyed
  readonly order: Permitted<OrderId>
}

/**
 * Pays an order with its buyer's wallet. Without enough money in it the order ends CANCELLED, its stock and its coupon
 * are free again (seed 000 F4), and whoever repeats the request is told the same.
 */
export const pay = ({
  request,
  order: paid
}: PaymentRequest): Effect.Effect<Answer<PaymentAnswer>, ChangeRefusal | Failure, Transact> =>
  change<typeof Kept.Type>({
    request,
    order: paid,
    schema: Kept,
    deed: (id) => ({ _tag: "Pay", paymentId: paymentId(id), tenders: undefined, paymentKey: undefined }),
    answer: ({ order, balance }) => ({
      paymentId: order.payments.at(-1)?.paymentId ?? noPayment,
      orderId: order.orderId,
      status: "COMPLETED",
      paidAmount: order.paidAmount,
      balance: balance ?? zero
    })
  }).pipe(
    Effect.catchTag("InsufficientBalance", ({ balance, required }) =>
      change<typeof Kept.Type>({
        request,
        order: paid,
        schema: Kept,
        deed: (id) => ({ _tag: "Cancel", refundId: refundId(id), reason: "INSUFFICIENT_BALANCE", items: undefined }),
        answer: () => ({ refused: { balance, required } })
      }).pipe(
        // Somebody else has ended it, or paid it, since.
        Effect.catchTag("OrderNotCancellable", ({ orderStatus }) => Effect.fail(new OrderNotPayable({ orderStatus })))
      )
    ),
    Effect.flatMap(({ answer, replayed }) =>
      "refused" in answer ? Effect.fail(new InsufficientBalance(answer.refused)) : Effect.succeed({ answer, replayed })
    )
  )

/** A paid order has a payment. */
const noPayment = PaymentId.make("pay_00000000-0000-0000-0000-000000000000")
