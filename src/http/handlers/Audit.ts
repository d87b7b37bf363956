import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Audit, type AuditEntry } from "../../persistence/Audit.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import * as Policy from "../Policy.ts"

const shown = ({ auditId, at, actorId, role, act, entity, onBehalfOf, details, traceId }: AuditEntry) => ({
  auditId,
  at: iso(at),
  actorId,
  role,
  act,
  entity,
  onBehalfOf: onBehalfOf ?? null,
  details: { ...details },
  traceId: traceId ?? null
})

export const layer = HttpApiBuilder.group(
  Api,
  "audit",
  Effect.fnUntraced(function* (handlers) {
    const audit = yield* Audit

    return handlers.handleAll({
      list: Effect.fnUntraced(function* ({ query: { actor, entity, limit, cursor } }) {
        const { items, nextCursor } = yield* audit.list(yield* Policy.auditOf(actor, { entity, limit, cursor }))
        return { items: items.map(shown), nextCursor }
      })
    })
  })
)
