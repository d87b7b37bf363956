import { Clock, Effect, Layer } from "effect"
import { Audit, cursor } from "./Audit.ts"
import { MemoryTables } from "./MemoryTables.ts"

export const layer = Layer.effect(
  Audit,
  Effect.gen(function* () {
    const { audit } = yield* MemoryTables
    const clock = yield* Clock.Clock

    return Audit.of({
      seen: (record) => Effect.sync(() => void audit.push({ ...record, at: clock.currentTimeMillisUnsafe() })),

      list: Effect.fnUntraced(function* ({ of: request }) {
        const after = yield* cursor.read(request)
        const { actorId, entity } = request
        const found = audit
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
