/** Committed orders, to read. */
import { Context, type Effect } from "effect"
import type { OrderId, UserId } from "../domain/Ids.ts"
import type { Order } from "../domain/Order.ts"
import type { Unavailable } from "./Failures.ts"
import type { InvalidCursor, Page, PageRequest } from "./Page.ts"

export class Orders extends Context.Service<
  Orders,
  {
    readonly get: (orderId: OrderId) => Effect.Effect<Order | undefined, Unavailable>
    /** A user's orders, newest first. */
    readonly list: (userId: UserId, page: PageRequest) => Effect.Effect<Page<Order>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Orders") {}
