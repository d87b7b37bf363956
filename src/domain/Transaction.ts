/**
 * A transaction: the changes of one business step, all or nothing. It is plain data; the journal turns it into rows.
 */
import type { Epoch, OrderId, PartitionId, ProductId, RequestKey, TransactionId, UserId } from "./Ids.ts"
import type { MoneyDelta } from "./Money.ts"
import type { Order } from "./Order.ts"
import type { Product, ProductEdit } from "./Product.ts"

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
export type MoneyReason = "CHARGE" | "PAYMENT"
/** Why stock moved. */
export type StockReason = "INITIAL" | "ADJUSTMENT" | "SALE"

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
  | {
      readonly _tag: "ProductCreated"
      readonly product: Product
      readonly description: string
      readonly category: string | undefined
    }
  /** Raises the product's version, whatever else it changes. */
  | { readonly _tag: "ProductEdited"; readonly productId: ProductId; readonly edit: ProductEdit }
  | { readonly _tag: "OrderPlaced"; readonly order: Order }
  | { readonly _tag: "UserWithdrew"; readonly userId: UserId }

/** What other systems are told, once it is true. */
export interface DomainEvent {
  readonly type: string
  /** The id of the thing the event is about; events of one entity stay in order. */
  readonly entity: UserId | ProductId | OrderId
  readonly payload: unknown
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
