/**
 * Identifiers: a three-letter prefix that names the kind, and a UUID. What a transaction creates carries the
 * transaction's own UUID under another prefix, so an order tells which transaction made it.
 */
import { Brand, Schema } from "effect"

const uuidPattern = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

const prefixed = (prefix: string) =>
  Schema.String.check(
    // Only a pattern with this flag is in the documents made of the schema.
    Schema.isPattern(new RegExp(`^${prefix}_${uuidPattern}$`, "u"), {
      message: `must be an id of the form ${prefix}_<uuid>`
    })
  )

/** A user, and the user's one wallet. */
export const UserId = prefixed("usr").pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

export const ProductId = prefixed("prd").pipe(Schema.brand("ProductId"))
export type ProductId = typeof ProductId.Type

export const OrderId = prefixed("ord").pipe(Schema.brand("OrderId"))
export type OrderId = typeof OrderId.Type

export const CouponId = prefixed("cpn").pipe(Schema.brand("CouponId"))
export type CouponId = typeof CouponId.Type

/** One coupon in one user's hands. */
export const UserCouponId = prefixed("uco").pipe(Schema.brand("UserCouponId"))
export type UserCouponId = typeof UserCouponId.Type

export const PaymentId = prefixed("pay").pipe(Schema.brand("PaymentId"))
export type PaymentId = typeof PaymentId.Type

export const RefundId = prefixed("rfd").pipe(Schema.brand("RefundId"))
export type RefundId = typeof RefundId.Type

/** One attempt at a business step. A bare UUID, ordered by time. */
export type TransactionId = string & Brand.Brand<"TransactionId">
export const TransactionId = Brand.nominal<TransactionId>()

/**
 * What a transaction may happen only once for: the hash of (user, route, Idempotency-Key) as a UUID, or, for a
 * transaction nobody may repeat, its own id.
 */
export type RequestKey = string & Brand.Brand<"RequestKey">
export const RequestKey = Brand.nominal<RequestKey>()

/** The number of a partition, `0 … partitions − 1`. */
export type PartitionId = number & Brand.Brand<"PartitionId">
export const PartitionId = Brand.nominal<PartitionId>()

/** Who may commit for a partition: raised by every claim, minted in Postgres. */
export type Epoch = number & Brand.Brand<"Epoch">
export const Epoch = Brand.nominal<Epoch>()

/** The UUID of an id, without its prefix. */
export const uuidOf = (id: UserId | ProductId | OrderId | PaymentId | RefundId | CouponId | UserCouponId): string =>
  id.slice(4)

const make = {
  user: Brand.nominal<UserId>(),
  product: Brand.nominal<ProductId>(),
  order: Brand.nominal<OrderId>(),
  payment: Brand.nominal<PaymentId>(),
  refund: Brand.nominal<RefundId>(),
  coupon: Brand.nominal<CouponId>(),
  userCoupon: Brand.nominal<UserCouponId>()
}
export const userId = (uuid: string): UserId => make.user(`usr_${uuid}`)
export const productId = (uuid: string): ProductId => make.product(`prd_${uuid}`)
export const orderId = (uuid: string): OrderId => make.order(`ord_${uuid}`)
export const paymentId = (uuid: string): PaymentId => make.payment(`pay_${uuid}`)
export const refundId = (uuid: string): RefundId => make.refund(`rfd_${uuid}`)
export const couponId = (uuid: string): CouponId => make.coupon(`cpn_${uuid}`)
export const userCouponId = (uuid: string): UserCouponId => make.userCoupon(`uco_${uuid}`)
