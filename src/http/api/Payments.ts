import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { OrderId, PaymentId } from "../../domain/Ids.ts"
import { Money } from "../../domain/Money.ts"
import { ClaimedOrderId, IdempotencyKey, replayable } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { keyed, problems, writing } from "./Problems.ts"

export const PaymentRequest = Schema.Struct({ orderId: ClaimedOrderId }).annotate({ identifier: "PaymentRequest" })

export const Paid = Schema.Struct({
  paymentId: PaymentId,
  orderId: OrderId,
  status: Schema.Literal("COMPLETED"),
  paidAmount: Money,
  /** The wallet's balance after this payment. */
  balance: Money
}).annotate({ identifier: "Payment" })

export class PaymentsApi extends HttpApiGroup.make("payments")
  .add(
    HttpApiEndpoint.post("process", "/payments/process", {
      headers: IdempotencyKey,
      payload: PaymentRequest,
      success: replayable(Paid),
      error: problems(
        ...writing,
        ...keyed,
        "ORDER_NOT_FOUND",
        "USER_NOT_FOUND",
        "ORDER_NOT_PAYABLE",
        "INSUFFICIENT_BALANCE"
      )
    }).annotate(
      OpenApi.Description,
      "Pays an order with its buyer's wallet. Without enough in it the order is cancelled."
    )
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Payments of orders") {}
