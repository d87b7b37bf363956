import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { OrderId, PaymentId, ProductId, UserCouponId, UserId } from "../../domain/Ids.ts"
import { Money, Quantity } from "../../domain/Money.ts"
import { OrderView } from "../../domain/Order.ts"
import { Policy } from "../../domain/Policy.ts"
import { ClaimedOrderId, ClaimedUserId, IdempotencyKey, page, PageQuery, replayable, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, keyed, problems, writing } from "./Problems.ts"

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

export const Order = Schema.Struct({
  orderId: OrderId,
  userId: UserId,
  /** In the words of the `view` asked for. */
  status: Schema.String,
  lines: Schema.Array(
    Schema.Struct({
      productId: ProductId,
      name: Schema.String,
      unitPrice: Money,
      quantity: Quantity,
      amount: Money,
      /** This line's part of the order's discount. */
      discount: Money
    })
  ),
  payments: Schema.Array(Schema.Struct({ paymentId: PaymentId, method: Schema.Literal("WALLET"), amount: Money })),
  totalAmount: Money,
  discountAmount: Money,
  userCouponId: Schema.optionalKey(UserCouponId),
  paidAmount: Money,
  statusHistory: Schema.Array(Schema.Struct({ status: Schema.String, at: Timestamp })),
  createdAt: Timestamp
}).annotate({ identifier: "Order" })

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
    HttpApiEndpoint.get("list", "/orders", {
      query: { ...PageQuery, ...view, userId: Schema.optionalKey(ClaimedUserId) },
      success: page(Order),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(OpenApi.Description, "Orders of a user, one's own unless told otherwise, newest first."),
    HttpApiEndpoint.get("read", "/orders/:orderId", {
      params: { orderId: ClaimedOrderId },
      query: view,
      success: Order,
      error: problems(...asking, "ORDER_NOT_FOUND", "VALIDATION_FAILED")
    })
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Purchases") {}
