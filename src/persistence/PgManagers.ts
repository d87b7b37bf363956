import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Permitted } from "../domain/Authority.ts"
import { UserId, uuidOf } from "../domain/Ids.ts"
import { cursor, type Delegation, delegationRecord, Managers } from "./Managers.ts"
import * as PgAudit from "./PgAudit.ts"
import { query } from "./Queries.ts"

const none = query(Schema.Struct({}))
const sellers = query(Schema.Struct({ sellerId: UserId }))
const assignments = query(Schema.Struct({ managerId: UserId, assignedAt: Schema.Int }))

export const layer = Layer.effect(
  Managers,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const recorded = (delegation: Permitted<Delegation>) => PgAudit.insert(sql, delegationRecord(delegation), "changed")
    const those = sql`FROM managers
      JOIN users s ON s.user_id = seller_id AND s.role = 'SELLER' AND s.withdrawn_at IS NULL
      JOIN users m ON m.user_id = manager_id AND m.role = 'MANAGER' AND m.withdrawn_at IS NULL`

    return Managers.of({
      assign: Effect.fn("Managers.assign")(function* (delegation) {
        const { sellerId, managerId } = delegation.of
        yield* none(sql`
          WITH changed AS (
            INSERT INTO managers (seller_id, manager_id) VALUES (${uuidOf(sellerId)}, ${uuidOf(managerId)})
            ON CONFLICT DO NOTHING RETURNING 1
          ) ${recorded(delegation)}`)
      }),

      remove: Effect.fn("Managers.remove")(function* (delegation) {
        const { sellerId, managerId } = delegation.of
        yield* none(sql`
          WITH changed AS (
            DELETE FROM managers WHERE seller_id = ${uuidOf(sellerId)} AND manager_id = ${uuidOf(managerId)}
            RETURNING 1
          ) ${recorded(delegation)}`)
      }),

      list: Effect.fn("Managers.list")(function* (seller, request) {
        const after = yield* cursor.read(request)
        const conditions = [sql`seller_id = ${uuidOf(seller)}`]
        if (after !== undefined) conditions.push(sql`manager_id > ${uuidOf(after)}`)
        const found = yield* assignments(sql`
          SELECT 'usr_' || manager_id AS "managerId",
            round(extract(epoch FROM assigned_at) * 1000)::float8 AS "assignedAt"
          ${those} WHERE ${sql.and(conditions)} ORDER BY manager_id LIMIT ${request.limit + 1}`)
        return cursor.page(found, request, (last) => last.managerId)
      }),

      isAssigned: Effect.fn("Managers.isAssigned")(function* (seller, manager) {
        const found = yield* none(sql`
          SELECT 1 ${those} WHERE seller_id = ${uuidOf(seller)} AND manager_id = ${uuidOf(manager)}`)
        return found.length > 0
      }),

      sellersOf: Effect.fn("Managers.sellersOf")(function* (manager) {
        const found = yield* sellers(sql`
          SELECT 'usr_' || seller_id AS "sellerId" ${those}
          WHERE manager_id = ${uuidOf(manager)} ORDER BY seller_id LIMIT 2`)
        return found.map(({ sellerId }) => sellerId)
      })
    })
  })
)
