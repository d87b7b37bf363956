/**
 * A transaction: the changes of one business step, all or nothing. It is plain data; the journal turns it into rows.
 */
import type { Audited } from "./Authority.ts"
import type { CouponEdit } from "./Coupon.ts"
import type {
  CouponId,
  Epoch,
  OrderId,
  PartitionId,
  ProductId,
  RequestKey,
  TransactionId,
  UserCouponId,
  UserId
} from "./Ids.ts"
import type { MoneyDelta } from "./Money.ts"
import type { Order } from "./Order.ts"
import type { Product, ProductEdit } from "./Product.ts"
import type { HeldStatus } from "./UserCoupon.ts"

/** The epoch of a partition whose hold the transaction relies on. */
export interface Fence {
  readonly partition: PartitionId
  readonly epoch: Epoch
}

/** The request a transaction answers: kept with it, so the same key gets the same answer. */
export interface Answered {
  /** Hash of the request's body, as a UUID. */
  readonly bodyHash: string
  /** The answer, as JSON. */
  readonly answer: string
}

/** Why a balance moved; what the wallet's history calls it. */
export type MoneyReason = "CHARGE" | "PAYMENT" | "REFUND"
/** Why stock moved. */
export type StockReason = "INITIAL" | "ADJUSTMENT" | "SALE" | "RETURN"

export type Change =
  | {
      readonly _tag: "MoneyMoved"
      readonly userId: UserId
      readonly delta: MoneyDelta
      readonly reason: MoneyReason
      readonly orderId?: OrderId
    }
  | {
      readonly _tag: "StockMoved"
      readonly productId: ProductId
      readonly delta: number
      readonly reason: StockReason
      readonly orderId?: OrderId
    }
  /** Pieces of an order that is not paid; they stay in stock. */
  | { readonly _tag: "StockReserved"; readonly productId: ProductId; readonly delta: number }
  /** Money that came, or went back, through a payment gateway. */
  | { readonly _tag: "GatewayMoved"; readonly delta: MoneyDelta; readonly orderId: OrderId }
  | {
      readonly _tag: "ProductCreated"
      readonly product: Product
      readonly description: string
      readonly category: string | undefined
    }
  /** Raises the product's version, whatever else it changes. */
  | { readonly _tag: "ProductEdited"; readonly productId: ProductId; readonly edit: ProductEdit }
  | { readonly _tag: "OrderPlaced"; readonly order: Order }
  /** It must be as it was before. */
  | { readonly _tag: "OrderChanged"; readonly before: Order; readonly after: Order }
  | { readonly _tag: "UserWithdrew"; readonly userId: UserId }
  /** At most one of a transaction's: its rank is told with the verdict. */
  | {
      readonly _tag: "CouponIssued"
      readonly userCouponId: UserCouponId
      readonly couponId: CouponId
      readonly userId: UserId
      readonly slot: number
      /** Milliseconds since 1970. */
      readonly issuedAt: number
    }
  | {
      readonly _tag: "CouponUsed"
      readonly userCouponId: UserCouponId
      readonly to: HeldStatus
      readonly userId: UserId
      readonly orderId: OrderId
    }
  | {
      readonly _tag: "CouponRevoked"
      readonly userCouponId: UserCouponId
      readonly userId: UserId
      readonly reason: string
    }
  /** Raises the coupon's version. */
  | { readonly _tag: "CouponEdited"; readonly couponId: CouponId; readonly edit: CouponEdit }
  /** The step was done by a privilege. */
  | { readonly _tag: "Audited"; readonly record: Audited }

/** What other systems are told, once it is true. */
export interface DomainEvent {
  readonly type: string
  /** The id of the thing the event is about; events of one entity stay in order. */
  readonly entity: UserId | ProductId | OrderId | CouponId | UserCouponId
  readonly payload: object
}

export interface Transaction {
  readonly id: TransactionId
  readonly key: RequestKey
  readonly answered: Answered | undefined
  readonly fences: ReadonlyArray<Fence>
  /** Milliseconds since 1970 by the database's clock; the database refuses the transaction from then on. */
  readonly deadline: number
  readonly changes: ReadonlyArray<Change>
  readonly events: ReadonlyArray<DomainEvent>
}
