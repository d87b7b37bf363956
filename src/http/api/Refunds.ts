import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { OrderId, RefundId } from "../../domain/Ids.ts"
import { Money } from "../../domain/Money.ts"
import { RefundStatus } from "../../domain/Order.ts"
import { ClaimedOrderId, page, PageQuery, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, changing, problems, writing } from "./Problems.ts"

export const ManualRefund = Schema.Struct({
  refundId: RefundId,
  orderId: OrderId,
  amount: Money,
  /** Of it, what a gateway did not give back. */
  viaGateway: Money,
  requestedAt: Timestamp
}).annotate({ identifier: "ManualRefund" })

export const RefundDone = Schema.Struct({ orderId: ClaimedOrderId }).annotate({ identifier: "RefundDone" })

export class RefundsApi extends HttpApiGroup.make("refunds")
  .add(
    HttpApiEndpoint.get("list", "/admin/refunds", {
      query: PageQuery,
      success: page(ManualRefund),
      error: problems(...asking, "FORBIDDEN", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(
      OpenApi.Description,
      "What waits for a person: a gateway refused it too often, or the buyer has left. Oldest first."
    ),
    HttpApiEndpoint.put("done", "/admin/refunds/:refundId", {
      params: { refundId: RefundId },
      payload: RefundDone,
      success: Schema.Struct({ refundId: RefundId, status: RefundStatus }),
      error: problems(...writing, ...changing, "FORBIDDEN", "ORDER_NOT_FOUND", "NOT_REFUNDABLE")
    }).annotate(OpenApi.Description, "A person has given the money back.")
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Refunds for a person to finish") {}
