import { Clock, Effect, Layer } from "effect"
import type { Audited } from "../domain/Authority.ts"
import { Audit, cursor } from "./Audit.ts"
import { MemoryTables, type Tables } from "./MemoryTables.ts"

/** Adds a row, if there is one to add. */
export const insert = ({ audit }: Tables, audited: Audited | undefined, at: number) => {
  if (audited !== undefined) audit.push({ ...audited, at })
}

export const layer = Layer.effect(
  Audit,
  Effect.gen(function* () {
    const tables = yield* MemoryTables
    const clock = yield* Clock.Clock

    return Audit.of({
      seen: (record) => Effect.sync(() => insert(tables, record, clock.currentTimeMillisUnsafe())),

      list: Effect.fnUntraced(function* ({ of: request }) {
        const after = yield* cursor.read(request)
        const { actorId, entity } = request
        const found = tables.audit
          .map((row, index) => ({ ...row, auditId: String(index + 1) }))
          .filter(
            (row) =>
              (actorId === undefined || row.actorId === actorId) &&
              (entity === undefined || row.entity === entity) &&
              (after === undefined || Number(row.auditId) < Number(after))
          )
          .toReversed()
        return cursor.page(found, request, (last) => last.auditId)
      })
    })
  })
)
