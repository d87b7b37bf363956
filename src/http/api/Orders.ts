import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { OrderId, PaymentId, ProductId, RefundId, UserCouponId, UserId } from "../../domain/Ids.ts"
import { Money, Quantity } from "../../domain/Money.ts"
import { CancelReason, OrderView, PaymentStatus, RefundStatus } from "../../domain/Order.ts"
import { Policy } from "../../domain/Policy.ts"
import { Method } from "../../domain/Tender.ts"
import { Unusable } from "../../domain/UserCoupon.ts"
import { CouponPolicy } from "../../saga/Orders.ts"
import {
  ClaimedOrderId,
  ClaimedUserId,
  IdempotencyKey,
  Line,
  page,
  PageQuery,
  replayable,
  Timestamp
} from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, changing, keyed, problems, writing } from "./Problems.ts"

const Item = Schema.Struct({ productId: ProductId, quantity: Quantity })

const eachProductOnce = Schema.makeFilter(
  (items: ReadonlyArray<typeof Item.Type>) => new Set(items.map(({ productId }) => productId)).size === items.length,
  { expected: "each product once" }
)

export const Checkout = Schema.Struct({
  items: Schema.Array(Item).check(Schema.isBetweenLength(1, Policy.order.linesMax), eachProductOnce),
  /** A coupon of the buyer's; if it cannot be used, nothing is bought. */
  userCouponId: Schema.optionalKey(UserCouponId),
  /** What the buyer expects to pay, all discounts taken off; another total is refused. */
  expectedTotal: Schema.optionalKey(Money)
}).annotate({ identifier: "Checkout" })

export const Receipt = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CONFIRMED"),
  totalAmount: Money,
  discountAmount: Money,
  paidAmount: Money,
  /** The wallet's balance after this purchase. */
  balance: Money,
  transactedAt: Timestamp
}).annotate({ identifier: "Receipt" })

export const NewOrder = Schema.Struct({
  ...Checkout.fields,
  /** What to do about a coupon that cannot be used; it is dropped, and the answer says so, unless told otherwise. */
  couponPolicy: Schema.optionalKey(CouponPolicy),
  shippingAddress: Schema.optionalKey(Line(1, 500))
}).annotate({ identifier: "NewOrder" })

export const CreatedOrder = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CREATED"),
  totalAmount: Money,
  discountAmount: Money,
  payableAmount: Money,
  /** Unpaid by then, it is cancelled. */
  paymentDeadline: Timestamp,
  /** `null`: none was asked for. */
  coupon: Schema.NullOr(Schema.Struct({ applied: Schema.Boolean, reason: Schema.optionalKey(Unusable) }))
}).annotate({ identifier: "CreatedOrder" })

const Items = Schema.Array(Item).check(Schema.isBetweenLength(1, Policy.order.linesMax), eachProductOnce)

export const Cancellation = Schema.Struct({
  /** Pieces of a paid order; without, all of it. */
  items: Schema.optionalKey(Items),
  reason: Schema.optionalKey(Line(1, 200))
}).annotate({ identifier: "Cancellation" })

export const Progress = Schema.Struct({
  /** What follows its status now. */
  status: Schema.Literals(["PREPARING", "SHIPPED", "DELIVERED"])
}).annotate({ identifier: "Progress" })

const Refund = Schema.Struct({
  refundId: RefundId,
  status: RefundStatus,
  amount: Money,
  reason: Schema.optionalKey(Schema.String),
  requestedAt: Timestamp
})

export const Order = Schema.Struct({
  orderId: OrderId,
  userId: UserId,
  /** In the words of the `view` asked for. */
  status: Schema.String,
  /** Where it is while it is CREATED (C1). */
  phase: Schema.optionalKey(Schema.Literals(["PENDING", "PROCESSING"])),
  cancelReason: Schema.optionalKey(CancelReason),
  lines: Schema.Array(
    Schema.Struct({
      productId: ProductId,
      name: Schema.String,
      unitPrice: Money,
      quantity: Quantity,
      amount: Money,
      /** This line's part of the order's discount. */
      discount: Money,
      /** Pieces that were cancelled or came back. */
      cancelled: Schema.Int
    })
  ),
  payments: Schema.Array(
    Schema.Struct({ paymentId: PaymentId, method: Method, amount: Money, status: PaymentStatus, refunded: Money })
  ),
  refunds: Schema.Array(Refund),
  totalAmount: Money,
  discountAmount: Money,
  userCouponId: Schema.optionalKey(UserCouponId),
  paidAmount: Money,
  /** What has gone back to the buyer, or is on its way. */
  refundedAmount: Money,
  paymentDeadline: Schema.optionalKey(Timestamp),
  paidAt: Schema.optionalKey(Timestamp),
  shippingAddress: Schema.optionalKey(Schema.String),
  statusHistory: Schema.Array(
    Schema.Struct({ status: Schema.String, at: Timestamp, note: Schema.optionalKey(Schema.String) })
  ),
  createdAt: Timestamp
}).annotate({ identifier: "Order" })

export const RefundRequest = Schema.Struct({
  orderId: ClaimedOrderId,
  /** Without, all that is left of it. */
  items: Schema.optionalKey(Items),
  reason: Schema.optionalKey(Line(1, 200))
}).annotate({ identifier: "RefundRequest" })

export const AskedRefund = Schema.Struct({ refundId: RefundId, status: RefundStatus, amount: Money }).annotate({
  identifier: "Refund"
})

export const RefundDecision = Schema.Struct({ approved: Schema.Boolean }).annotate({ identifier: "RefundDecision" })

/** What may be wrong with an order that something is to become of. */
const becoming = ["ORDER_NOT_FOUND", "USER_NOT_FOUND", "BALANCE_LIMIT_EXCEEDED"] as const

const view = { view: Schema.optionalKey(OrderView) }

export class OrdersApi extends HttpApiGroup.make("orders")
  .add(
    HttpApiEndpoint.post("checkout", "/checkout", {
      headers: IdempotencyKey,
      payload: Checkout,
      success: replayable(Receipt.pipe(HttpApiSchema.status(201))),
      error: problems(
        ...writing,
        ...keyed,
        "STOCK_SHORTAGE",
        "PRODUCT_NOT_ON_SALE",
        "PRODUCT_NOT_FOUND",
        "USER_NOT_FOUND",
        "INSUFFICIENT_BALANCE",
        "COUPON_NOT_USABLE",
        "PRICE_CHANGED"
      )
    }).annotate(OpenApi.Description, "Buys and pays by wallet, in one commit."),
    HttpApiEndpoint.post("create", "/orders", {
      headers: IdempotencyKey,
      payload: NewOrder,
      success: replayable(CreatedOrder.pipe(HttpApiSchema.status(201))),
      error: problems(
        ...writing,
        ...keyed,
        "STOCK_SHORTAGE",
        "PRODUCT_NOT_ON_SALE",
        "PRODUCT_NOT_FOUND",
        "USER_NOT_FOUND",
        "COUPON_NOT_USABLE",
        "PRICE_CHANGED"
      )
    }).annotate(
      OpenApi.Description,
      "Reserves stock and coupon for half an hour; POST /payments/process pays. A coupon that cannot be used is left out, and the answer says so, unless couponPolicy is `reject`."
    ),
    HttpApiEndpoint.put("cancel", "/orders/:orderId/cancel", {
      params: { orderId: ClaimedOrderId },
      headers: IdempotencyKey,
      payload: Cancellation,
      success: replayable(Order),
      error: problems(
        ...writing,
        ...keyed,
        ...becoming,
        "FORBIDDEN",
        "ORDER_NOT_CANCELLABLE",
        "CANCEL_WINDOW_CLOSED",
        "PAYMENT_IN_PROGRESS"
      )
    }).annotate(OpenApi.Description, "All of an order, or pieces of a paid one: within half an hour of its payment."),
    HttpApiEndpoint.put("progress", "/orders/:orderId/status", {
      params: { orderId: ClaimedOrderId },
      payload: Progress,
      success: Order,
      error: problems(...writing, ...changing, ...becoming, "FORBIDDEN", "ORDER_STATUS_CONFLICT")
    }).annotate(
      OpenApi.Description,
      "What its seller does: PREPARING, then SHIPPED, then DELIVERED. Again is no different from once."
    ),
    HttpApiEndpoint.put("confirm", "/orders/:orderId/confirm", {
      params: { orderId: ClaimedOrderId },
      success: Order,
      error: problems(...asking, ...changing, ...becoming, "ORDER_STATUS_CONFLICT")
    }).annotate(OpenApi.Description, "The buyer has what was delivered. After seven days it counts as said."),
    HttpApiEndpoint.post("refund", "/refunds", {
      headers: IdempotencyKey,
      payload: RefundRequest,
      success: replayable(AskedRefund.pipe(HttpApiSchema.status(201))),
      error: problems(...writing, ...keyed, ...becoming, "NOT_REFUNDABLE")
    }).annotate(
      OpenApi.Description,
      "Asks the seller for money back; what was delivered comes back. A request that is refused is FAILED, and can be made again."
    ),
    HttpApiEndpoint.put("decideRefund", "/orders/:orderId/refunds/:refundId", {
      params: { orderId: ClaimedOrderId, refundId: RefundId },
      payload: RefundDecision,
      success: Order,
      error: problems(...writing, ...changing, ...becoming, "FORBIDDEN", "NOT_REFUNDABLE")
    }).annotate(OpenApi.Description, "Approved, the pieces are in stock again and the money goes back."),
    HttpApiEndpoint.get("list", "/orders", {
      query: { ...PageQuery, ...view, userId: Schema.optionalKey(ClaimedUserId) },
      success: page(Order),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(OpenApi.Description, "Orders of a user, one's own unless told otherwise, newest first."),
    HttpApiEndpoint.get("sold", "/sellers/:sellerId/orders", {
      params: { sellerId: ClaimedUserId },
      query: { ...PageQuery, ...view },
      success: page(Order),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(
      OpenApi.Description,
      "Orders of a seller's products, newest first, paid or not; of each only the seller's own lines and what they come to, and where to send them. For the seller and whoever manages for the seller."
    ),
    HttpApiEndpoint.get("read", "/orders/:orderId", {
      params: { orderId: ClaimedOrderId },
      query: view,
      success: Order,
      error: problems(...asking, "ORDER_NOT_FOUND", "VALIDATION_FAILED")
    })
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Purchases") {}
