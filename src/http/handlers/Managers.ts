import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Managers } from "../../persistence/Managers.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import * as Policy from "../Policy.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "managers",
  Effect.fnUntraced(function* (handlers) {
    const managers = yield* Managers

    return handlers.handleAll({
      assign: ({ params: { sellerId, managerId } }) =>
        Effect.flatMap(Policy.delegation(sellerId, managerId), managers.assign),

      remove: ({ params: { sellerId, managerId } }) =>
        Effect.flatMap(Policy.revocation(sellerId, managerId), managers.remove),

      list: Effect.fnUntraced(function* ({ params, query: { limit, cursor } }) {
        const seller = yield* Policy.visibleUser(params.sellerId)
        const { items, nextCursor } = yield* managers.list(seller, { limit, cursor })
        return {
          items: items.map(({ managerId, assignedAt }) => ({ managerId, assignedAt: iso(assignedAt) })),
          nextCursor
        }
      })
    })
  })
)
