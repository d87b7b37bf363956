import { Effect, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { OrderId, ProductId, RefundId } from "../../domain/Ids.ts"
import { Money, Quantity } from "../../domain/Money.ts"
import { RefundStatus } from "../../domain/Order.ts"
import { ClaimedOrderId, ClaimedUserId, example, page, PageQuery, says, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, changing, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

const waiting = {
  refundId: RefundId,
  orderId: OrderId,
  amount: Money,
  reason: Schema.optionalKey(Schema.String),
  items: Schema.Array(Schema.Struct({ productId: ProductId, quantity: Quantity })).pipe(says("The pieces it is for.")),
  requestedAt: Timestamp
}

const sample = {
  refundId: Samples.refund,
  orderId: Samples.order,
  amount: 129_000,
  reason: "Too small",
  items: [{ productId: Samples.product, quantity: 1 }],
  requestedAt: Samples.last
}

export const RequestedRefund = Schema.Struct(waiting).annotate({ identifier: "RequestedRefund" }).pipe(example(sample))

export const WaitingRefund = Schema.Struct({
  ...waiting,
  viaGateway: Money.pipe(says("Of the amount, what a gateway is to give back, or did not."))
})
  .annotate({ identifier: "WaitingRefund" })
  .pipe(example({ ...sample, viaGateway: 100_000 }))

const Waiting = Schema.Literals(["MANUAL", "REFUND_REQUESTED"])

export const RefundDone = Schema.Struct({ orderId: ClaimedOrderId })
  .annotate({ identifier: "RefundDone" })
  .pipe(example({ orderId: Samples.order }))

export const FinishedRefund = Schema.Struct({ refundId: RefundId, status: RefundStatus })
  .annotate({ identifier: "FinishedRefund" })
  .pipe(example({ refundId: Samples.refund, status: "REFUNDED" }))

export class RefundsApi extends HttpApiGroup.make("refunds")
  .add(
    HttpApiEndpoint.get("list", "/admin/refunds", {
      query: { ...PageQuery, status: Waiting.pipe(Schema.withDecodingDefaultKey(Effect.succeed("MANUAL" as const))) },
      success: page(WaitingRefund),
      error: problems(...asking, "FORBIDDEN", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(
      OpenApi.Description,
      "What waits for a person: MANUAL, a gateway refused it too often, or the buyer has left; REFUND_REQUESTED, its seller has not decided, or it is of several sellers and an ADMIN's to decide. Oldest first."
    ),
    HttpApiEndpoint.get("requested", "/sellers/:sellerId/refunds", {
      params: { sellerId: ClaimedUserId },
      query: PageQuery,
      success: page(RequestedRefund),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(
      OpenApi.Description,
      "What buyers want to give back of a seller's products and nobody has decided yet, oldest first; PUT /orders/{orderId}/refunds/{refundId} decides. For the seller and whoever manages for the seller."
    ),
    HttpApiEndpoint.put("done", "/admin/refunds/:refundId", {
      params: { refundId: RefundId },
      payload: RefundDone,
      success: FinishedRefund,
      error: problems(...writing, ...changing, "FORBIDDEN", "ORDER_NOT_FOUND", "NOT_REFUNDABLE")
    }).annotate(OpenApi.Description, "A person has given the money back. Again is no different from once.")
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Refunds that wait for a person") {}
