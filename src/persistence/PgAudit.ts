import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Audited, Role } from "../domain/Authority.ts"
import { UserId, uuidOf } from "../domain/Ids.ts"
import { Audit, cursor } from "./Audit.ts"
import { nullable, query, storable } from "./Queries.ts"
import { auditText } from "./Rows.ts"

/** Adds a row, if there is one to add and `source` has one: in the same statement as what it tells of. */
export const insert = (sql: SqlClient.SqlClient, audited: Audited | undefined, source: string) => {
  const { record, details } = audited === undefined ? { record: null, details: null } : auditText(audited)
  return sql`INSERT INTO audit (actor_id, role, act, entity, on_behalf_of, details, trace_id)
    SELECT r.* FROM ${sql(source)}, audit_row(${record}, ${details}) r`
}

const entries = query(
  Schema.Struct({
    auditId: Schema.String,
    at: Schema.Int,
    actorId: UserId,
    role: Role,
    act: Schema.String,
    entity: Schema.String,
    onBehalfOf: nullable(UserId),
    details: Schema.Record(Schema.String, Schema.Unknown),
    traceId: nullable(Schema.String)
  })
)
const none = query(Schema.Struct({}))

export const layer = Layer.effect(
  Audit,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    return Audit.of({
      seen: (record) => Effect.asVoid(none(sql`WITH one AS (SELECT 1) ${insert(sql, record, "one")}`)),

      list: Effect.fn("Audit.list")(function* ({ of: request }) {
        const after = yield* cursor.read(request)
        const { actorId, entity } = request
        if (entity !== undefined && !storable(entity)) return { items: [], nextCursor: null }
        const conditions = [sql`true`]
        if (actorId !== undefined) conditions.push(sql`actor_id = ${uuidOf(actorId)}`)
        if (entity !== undefined) conditions.push(sql`entity = ${entity}`)
        if (after !== undefined) conditions.push(sql`audit_id < ${after}::bigint`)
        const found = yield* entries(sql`
          SELECT audit_id::text AS "auditId", round(extract(epoch FROM at) * 1000)::float8 AS at,
            'usr_' || actor_id AS "actorId", role, act, entity, 'usr_' || on_behalf_of AS "onBehalfOf", details,
            trace_id AS "traceId"
          FROM audit WHERE ${sql.and(conditions)} ORDER BY audit.audit_id DESC LIMIT ${request.limit + 1}`)
        return cursor.page(found, request, (last) => last.auditId)
      })
    })
  })
)
