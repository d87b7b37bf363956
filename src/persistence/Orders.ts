/** Committed orders, to read. */
import { Context, type Effect } from "effect"
import { OrderId, type UserId } from "../domain/Ids.ts"
import type { Order } from "../domain/Order.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export class Orders extends Context.Service<
  Orders,
  {
    readonly get: (orderId: OrderId) => Effect.Effect<Order | undefined, Unavailable>
    /** A user's orders, newest first. */
    readonly list: (userId: UserId, page: PageRequest) => Effect.Effect<Page<Order>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Orders") {}

/** How all implementations make pages. */
export const cursor = cursorOf(OrderId)
