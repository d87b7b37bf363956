import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { Directory } from "../../actors/Directory.ts"
import { GroupCommit } from "../../persistence/GroupCommit.ts"
import { Api } from "../api/Api.ts"
import { NotReady } from "../api/Errors.ts"
import { index } from "../api/System.ts"
import { Draining } from "../Draining.ts"
import * as Policy from "../Policy.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "system",
  Effect.fnUntraced(function* (handlers) {
    const commits = yield* GroupCommit
    const directory = yield* Directory
    const draining = yield* Draining

    return handlers.handleAll({
      index: () => Effect.succeed(index),
      live: () => Effect.succeed({ status: "live" as const }),
      ready: () =>
        Effect.suspend(() =>
          commits.healthy() && directory.ready() && !draining.begun()
            ? Effect.succeed({ status: "ready" as const })
            : Effect.fail(new NotReady())
        ),
      cluster: Effect.fnUntraced(function* () {
        const asked = yield* Policy.cluster
        const { node, nodes } = directory.nodes()
        const partitions = yield* directory.placed(asked)
        return {
          node,
          nodes,
          partitions: partitions.map(({ owner = null, epoch = 0, ...rest }) => ({ ...rest, owner, epoch }))
        }
      }),
      metrics: () => PrometheusMetrics.format()
    })
  })
)
