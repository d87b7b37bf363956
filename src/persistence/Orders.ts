/** Committed orders, to read. */
import { Context, type Effect } from "effect"
import { OrderId, PaymentId, RefundId, type UserId } from "../domain/Ids.ts"
import type { Permitted } from "../domain/Authority.ts"
import type { Money } from "../domain/Money.ts"
import type { Order, OrderStatus, Refund } from "../domain/Order.ts"
import type { GatewayName, Method, PaymentKey } from "../domain/Tender.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export interface DueOrder {
  readonly orderId: OrderId
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

/** A refund that somebody has to see to. */
export interface WaitingRefund extends Pick<Refund, "refundId" | "amount" | "viaGateway" | "reason" | "items"> {
  readonly orderId: OrderId
  /** Milliseconds since 1970. */
  readonly requestedAt: number
}

export interface StuckPayment {
  readonly paymentId: PaymentId
  readonly orderId: OrderId
  readonly method: Method
  readonly gateway: GatewayName
  readonly amount: Money
  /** Until when it was to be paid; milliseconds since 1970. */
  readonly paymentDeadline: number
}

export interface RefundQuery extends PageRequest {
  /** REFUND_REQUESTED: waits for a decision. MANUAL: for a person who gives the money back. */
  readonly status: "REFUND_REQUESTED" | "MANUAL"
  /** Only those of which all pieces are this seller's; `undefined`: all. */
  readonly sellerId: UserId | undefined
}

export interface OrderQuery extends PageRequest {
  /** Only those in it; `undefined`: all. */
  readonly status?: OrderStatus | undefined
}

export class Orders extends Context.Service<
  Orders,
  {
    readonly get: (orderId: OrderId) => Effect.Effect<Order | undefined, Unavailable>
    /** Orders that do something by themselves by a moment (`OrderLife.dueBy`), most overdue first; `after` the last one known. */
    readonly due: (by: number, limit: number, after?: DueOrder) => Effect.Effect<ReadonlyArray<DueOrder>, Unavailable>
    /** The order that a gateway's key pays or has paid. */
    readonly ofPaymentKey: (key: PaymentKey) => Effect.Effect<OrderId | undefined, Unavailable>
    /** Refunds a person has to see to, oldest first. */
    readonly waitingRefunds: (
      asked: Permitted<RefundQuery>
    ) => Effect.Effect<Page<WaitingRefund>, InvalidCursor | Unavailable>
    /** Payments that are stuck at a moment (`OrderLife.stuck`). */
    readonly stuckPayments: (
      asked: Permitted<PageRequest>,
      at: number
    ) => Effect.Effect<Page<StuckPayment>, InvalidCursor | Unavailable>
    /** Whether a user has bought or sold what is in an order that is neither completed nor cancelled. */
    readonly hasOpen: (userId: UserId) => Effect.Effect<boolean, Unavailable>
    /** A user's orders, newest first. */
    readonly list: (userId: UserId, query: OrderQuery) => Effect.Effect<Page<Order>, InvalidCursor | Unavailable>
    /** Orders of a seller's products, newest first: of each only what is the seller's (`partOf`). */
    readonly sold: (
      sellerId: Permitted<UserId>,
      page: PageRequest
    ) => Effect.Effect<Page<Order>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Orders") {}

/** How all implementations make pages. */
export const cursor = cursorOf(OrderId)
export const refundCursor = cursorOf(RefundId)
export const paymentCursor = cursorOf(PaymentId)
