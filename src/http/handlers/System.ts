import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { GroupCommit } from "../../persistence/GroupCommit.ts"
import { Api } from "../api/Api.ts"
import { NotReady } from "../api/Errors.ts"
import { Draining } from "../Draining.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "system",
  Effect.fnUntraced(function* (handlers) {
    const commits = yield* GroupCommit
    const draining = yield* Draining

    return handlers.handleAll({
      live: () => Effect.succeed({ status: "live" as const }),
      ready: () =>
        Effect.suspend(() =>
          commits.healthy() && !draining.begun()
            ? Effect.succeed({ status: "ready" as const })
            : Effect.fail(new NotReady())
        ),
      metrics: () => PrometheusMetrics.format()
    })
  })
)
