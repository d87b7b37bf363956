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
      assign: Effect.fnUntraced(function* ({ params }) {
        const seller = yield* Policy.delegatingSeller(params.sellerId)
        yield* managers.assign(seller, yield* Policy.anyManager(params.managerId))
      }),

      remove: Effect.fnUntraced(function* ({ params }) {
        const seller = yield* Policy.delegatingSeller(params.sellerId)
        yield* managers.remove(seller, yield* Policy.anyUser(params.managerId))
      }),

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
