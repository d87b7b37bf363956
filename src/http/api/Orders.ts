import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { OrderId, PaymentId, ProductId, RefundId, UserCouponId, UserId } from "../../domain/Ids.ts"
import { Money, Quantity } from "../../domain/Money.ts"
import {
  CancelReason,
  FulfilmentStatus,
  OrderPhase,
  OrderStatus,
  OrderView,
  PaymentStatus,
  RefundStatus,
  StatusView
} from "../../domain/Order.ts"
import { Policy } from "../../domain/Policy.ts"
import { Method } from "../../domain/Tender.ts"
import { Unusable } from "../../domain/UserCoupon.ts"
import { CouponPolicy } from "../../saga/Orders.ts"
import {
  ClaimedOrderId,
  ClaimedUserId,
  example,
  IdempotencyKey,
  Line,
  page,
  PageQuery,
  replayable,
  says,
  Timestamp
} from "./Fields.ts"
import { Authenticated, OptionalBody } from "./Middleware.ts"
import { asking, changing, keyed, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

const Item = Schema.Struct({ productId: ProductId, quantity: Quantity })

const eachProductOnce = Schema.makeFilter(
  (items: ReadonlyArray<typeof Item.Type>) => new Set(items.map(({ productId }) => productId)).size === items.length,
  { expected: "each product once" }
)

export const Checkout = Schema.Struct({
  items: Schema.Array(Item).check(Schema.isBetweenLength(1, Policy.order.linesMax), eachProductOnce),
  userCouponId: Schema.optionalKey(
    UserCouponId.pipe(says("A coupon of the buyer's; if it cannot be used, nothing is bought."))
  ),
  expectedTotal: Schema.optionalKey(
    Money.pipe(says("What the buyer expects to pay, all discounts taken off; another total is refused."))
  )
})
  .annotate({ identifier: "Checkout" })
  .pipe(example({ items: [{ productId: Samples.product, quantity: 1 }], expectedTotal: 129_000 }))

export const Receipt = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CONFIRMED"),
  totalAmount: Money,
  discountAmount: Money,
  paidAmount: Money,
  balance: Money.pipe(says("The wallet's balance after this purchase.")),
  transactedAt: Timestamp
})
  .annotate({ identifier: "Receipt" })
  .pipe(
    example({
      orderId: Samples.order,
      status: "CONFIRMED",
      totalAmount: 129_000,
      discountAmount: 0,
      paidAmount: 129_000,
      balance: 171_000,
      transactedAt: Samples.made
    })
  )

export const NewOrder = Schema.Struct({
  ...Checkout.fields,
  userCouponId: Schema.optionalKey(
    UserCouponId.pipe(says("A coupon of the buyer's; what becomes of one that cannot be used, `couponPolicy` says."))
  ),
  couponPolicy: Schema.optionalKey(
    CouponPolicy.pipe(
      says(
        "What to do about a coupon that cannot be used; it is dropped, and the answer says so, unless told otherwise."
      )
    )
  ),
  shippingAddress: Schema.optionalKey(Line(1, 500))
})
  .annotate({ identifier: "NewOrder" })
  .pipe(
    example({
      items: [{ productId: Samples.product, quantity: 1 }],
      userCouponId: Samples.userCoupon,
      shippingAddress: "서울시 중구 세종대로 110"
    })
  )

export const CreatedOrder = Schema.Struct({
  orderId: OrderId,
  status: Schema.Literal("CREATED"),
  totalAmount: Money,
  discountAmount: Money,
  payableAmount: Money,
  paymentDeadline: Timestamp.pipe(says("Unpaid by then, it is cancelled.")),
  coupon: Schema.NullOr(Schema.Struct({ applied: Schema.Boolean, reason: Schema.optionalKey(Unusable) })).pipe(
    says("`null`: none was asked for.")
  )
})
  .annotate({ identifier: "CreatedOrder" })
  .pipe(
    example({
      orderId: Samples.order,
      status: "CREATED",
      totalAmount: 129_000,
      discountAmount: 12_900,
      payableAmount: 116_100,
      paymentDeadline: Samples.last,
      coupon: { applied: true }
    })
  )

const Items = Schema.Array(Item).check(Schema.isBetweenLength(1, Policy.order.linesMax), eachProductOnce)

export const Cancellation = Schema.Struct({
  items: Schema.optionalKey(Items.pipe(says("Pieces of a paid order; without, all of it."))),
  reason: Schema.optionalKey(Line(1, 200))
})
  .annotate({ identifier: "Cancellation" })
  .pipe(example({ items: [{ productId: Samples.product, quantity: 1 }], reason: "Wrong size" }))

export const Progress = Schema.Struct({
  status: Schema.Literals(["PREPARING", "SHIPPED", "DELIVERED"]).pipe(says("What follows its status now."))
})
  .annotate({ identifier: "Progress" })
  .pipe(example({ status: "PREPARING" }))

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
  status: OrderStatus,
  phase: Schema.optionalKey(OrderPhase.pipe(says("Where it is while it is CREATED."))),
  statusView: Schema.optionalKey(StatusView.pipe(says("The status in the words of the `view` asked for."))),
  paymentStatus: Schema.optionalKey(
    PaymentStatus.pipe(says("Of its last payment; none has begun, or it is not for who asks to see."))
  ),
  fulfilmentStatus: FulfilmentStatus,
  refundStatus: Schema.optionalKey(RefundStatus.pipe(says("Of its last refund; none was asked for."))),
  cancelReason: Schema.optionalKey(CancelReason),
  lines: Schema.Array(
    Schema.Struct({
      productId: ProductId,
      name: Schema.String,
      unitPrice: Money,
      quantity: Quantity,
      amount: Money,
      discount: Money.pipe(says("This line's part of the order's discount.")),
      cancelled: Schema.Int.pipe(says("Pieces that were cancelled or came back."))
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
  refundedAmount: Money.pipe(says("What has gone back to the buyer, or is on its way.")),
  paymentDeadline: Schema.optionalKey(Timestamp),
  paidAt: Schema.optionalKey(Timestamp),
  shippingAddress: Schema.optionalKey(Schema.String),
  statusHistory: Schema.Array(
    Schema.Struct({
      status: OrderStatus,
      statusView: Schema.optionalKey(StatusView),
      at: Timestamp,
      note: Schema.optionalKey(Schema.String)
    })
  ),
  createdAt: Timestamp
})
  .annotate({ identifier: "Order" })
  .pipe(
    example({
      orderId: Samples.order,
      userId: Samples.buyer,
      status: "CONFIRMED",
      paymentStatus: "COMPLETED",
      fulfilmentStatus: "NOT_STARTED",
      lines: [
        {
          productId: Samples.product,
          name: "Sneaker",
          unitPrice: 129_000,
          quantity: 1,
          amount: 129_000,
          discount: 0,
          cancelled: 0
        }
      ],
      payments: [{ paymentId: Samples.payment, method: "WALLET", amount: 129_000, status: "COMPLETED", refunded: 0 }],
      refunds: [],
      totalAmount: 129_000,
      discountAmount: 0,
      paidAmount: 129_000,
      refundedAmount: 0,
      paymentDeadline: Samples.last,
      paidAt: Samples.later,
      shippingAddress: "서울시 중구 세종대로 110",
      statusHistory: [
        { status: "CREATED", at: Samples.made },
        { status: "CONFIRMED", at: Samples.later }
      ],
      createdAt: Samples.made
    })
  )

export const RefundRequest = Schema.Struct({
  orderId: ClaimedOrderId,
  items: Schema.optionalKey(Items.pipe(says("Without, all that is left of it."))),
  reason: Schema.optionalKey(Line(1, 200))
})
  .annotate({ identifier: "RefundRequest" })
  .pipe(example({ orderId: Samples.order, items: [{ productId: Samples.product, quantity: 1 }], reason: "Too small" }))

export const AskedRefund = Schema.Struct({ refundId: RefundId, status: RefundStatus, amount: Money })
  .annotate({ identifier: "Refund" })
  .pipe(example({ refundId: Samples.refund, status: "REFUND_REQUESTED", amount: 129_000 }))

export const RefundDecision = Schema.Struct({ approved: Schema.Boolean })
  .annotate({ identifier: "RefundDecision" })
  .pipe(example({ approved: true }))

/** What may be wrong with what is to be bought. */
const buying = [
  "STOCK_SHORTAGE",
  "PRODUCT_NOT_ON_SALE",
  "PRODUCT_NOT_FOUND",
  "USER_NOT_FOUND",
  "COUPON_NOT_USABLE",
  "PRICE_CHANGED"
] as const

/** What may be wrong with an order that something is to become of. */
const becoming = ["ORDER_NOT_FOUND", "USER_NOT_FOUND", "BALANCE_LIMIT_EXCEEDED"] as const

const view = { view: Schema.optionalKey(OrderView) }

export class OrdersApi extends HttpApiGroup.make("orders")
  .add(
    HttpApiEndpoint.post("checkout", "/checkout", {
      headers: IdempotencyKey,
      payload: Checkout,
      success: replayable(Receipt.pipe(HttpApiSchema.status(201))),
      error: problems(...writing, ...keyed, ...buying, "INSUFFICIENT_BALANCE")
    }).annotate(OpenApi.Description, "Buys and pays by wallet, in one commit."),
    HttpApiEndpoint.post("create", "/orders", {
      headers: IdempotencyKey,
      payload: NewOrder,
      success: replayable(CreatedOrder.pipe(HttpApiSchema.status(201))),
      error: problems(...writing, ...keyed, ...buying, "TOO_MANY_UNPAID_ORDERS")
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
        "PAYMENT_IN_PROGRESS",
        "REFUND_IN_PROGRESS",
        "STOCK_LIMIT_EXCEEDED"
      )
    })
      .annotate(OptionalBody, true)
      .annotate(OpenApi.Description, "All of an order, or pieces of a paid one: within half an hour of its payment."),
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
      error: problems(...writing, ...keyed, ...becoming, "NOT_REFUNDABLE", "REFUND_IN_PROGRESS")
    }).annotate(
      OpenApi.Description,
      "Asks the seller for money back; what was delivered comes back. A request that is refused is FAILED, and can be made again."
    ),
    HttpApiEndpoint.put("decideRefund", "/orders/:orderId/refunds/:refundId", {
      params: { orderId: ClaimedOrderId, refundId: RefundId },
      payload: RefundDecision,
      success: Order,
      error: problems(...writing, ...changing, ...becoming, "FORBIDDEN", "NOT_REFUNDABLE", "STOCK_LIMIT_EXCEEDED")
    }).annotate(
      OpenApi.Description,
      "Approved, the pieces are in stock again and the money goes back. Again is no different from once."
    ),
    HttpApiEndpoint.get("list", "/orders", {
      query: {
        ...PageQuery,
        ...view,
        userId: Schema.optionalKey(ClaimedUserId),
        status: Schema.optionalKey(OrderStatus)
      },
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
    }).annotate(
      OpenApi.Description,
      "All of it for its buyer and an ADMIN; for who sold some of it, the own lines and what they come to."
    )
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Purchases") {}
