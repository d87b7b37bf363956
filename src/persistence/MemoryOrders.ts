import { Effect, Layer } from "effect"
import { uuidOf } from "../domain/Ids.ts"
import { MemoryTables } from "./MemoryTables.ts"
import { cursor, Orders } from "./Orders.ts"

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const { orders } = yield* MemoryTables
    return Orders.of({
      get: (id) => Effect.sync(() => orders.get(uuidOf(id))),

      list: Effect.fnUntraced(function* (user, request) {
        const after = yield* cursor.read(request)
        const found = Array.from(orders.values())
          .filter((order) => order.userId === user && (after === undefined || order.orderId < after))
          .toSorted((a, b) => (a.orderId < b.orderId ? 1 : -1))
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
