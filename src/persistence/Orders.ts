/** Committed orders, to read. */
import { Context, type Effect } from "effect"
import { OrderId, RefundId, type UserId } from "../domain/Ids.ts"
import type { Permitted } from "../domain/Authority.ts"
import type { Money } from "../domain/Money.ts"
import type { Order } from "../domain/Order.ts"
import type { PaymentKey } from "../domain/Tender.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export interface DueOrder {
  readonly orderId: OrderId
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

export interface ManualRefund {
  readonly refundId: RefundId
  readonly orderId: OrderId
  readonly amount: Money
  readonly viaGateway: Money
  readonly requestedAt: number
}

export class Orders extends Context.Service<
  Orders,
  {
    readonly get: (orderId: OrderId) => Effect.Effect<Order | undefined, Unavailable>
    /** Orders that do something by themselves by a moment (`OrderLife.dueBy`), most overdue first; `after` the last one known. */
    readonly due: (by: number, limit: number, after?: DueOrder) => Effect.Effect<ReadonlyArray<DueOrder>, Unavailable>
    /** The order that a gateway's key pays or has paid. */
    readonly ofPaymentKey: (key: PaymentKey) => Effect.Effect<OrderId | undefined, Unavailable>
    /** Refunds a person has to see to. */
    readonly manualRefunds: (
      asked: Permitted<PageRequest>
    ) => Effect.Effect<Page<ManualRefund>, InvalidCursor | Unavailable>
    /** Whether a user has orders that are neither completed nor cancelled. */
    readonly hasOpen: (userId: UserId) => Effect.Effect<boolean, Unavailable>
    /** A user's orders, newest first. */
    readonly list: (userId: UserId, page: PageRequest) => Effect.Effect<Page<Order>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Orders") {}

/** How all implementations make pages. */
export const cursor = cursorOf(OrderId)
export const refundCursor = cursorOf(RefundId)
