import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { uuidOf } from "../domain/Ids.ts"
import { cursor, Orders } from "./Orders.ts"
import { OrderRow, select } from "./PgOrderRow.ts"
import { query } from "./Queries.ts"

const orders = query(OrderRow)

export const layer = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return Orders.of({
      get: Effect.fn("Orders.get")(function* (orderId) {
        const [found] = yield* orders(sql`${select(sql)} WHERE order_id = ${uuidOf(orderId)}`)
        return found
      }),

      list: Effect.fn("Orders.list")(function* (userId, request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`user_id = ${uuidOf(userId)}`]
        if (after !== undefined) conditions.push(sql`order_id < ${uuidOf(after)}`)
        const found = yield* orders(sql`
          ${select(sql)} WHERE ${sql.and(conditions)} ORDER BY order_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found, request, (last) => last.orderId)
      })
    })
  })
)
