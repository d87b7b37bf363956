import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { example, says } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, problems } from "./Problems.ts"

/** Where partitions are, as the node that answers sees it. Epochs are the database's word: what they say is true. */
export const Cluster = Schema.Struct({
  node: Schema.String.pipe(says("The node that answers.")),
  nodes: Schema.Array(Schema.String).pipe(says("The nodes that take partitions.")),
  partitions: Schema.Array(
    Schema.Struct({
      partition: Schema.Int,
      owner: Schema.NullOr(Schema.String).pipe(says("The node to ask, if there is one.")),
      epoch: Schema.Int.pipe(says("How often it was claimed."))
    })
  )
})
  .annotate({ identifier: "Cluster" })
  .pipe(
    example({
      node: "10.0.0.1:7400",
      nodes: ["10.0.0.1:7400", "10.0.0.2:7400"],
      partitions: [{ partition: 0, owner: "10.0.0.1:7400", epoch: 3 }]
    })
  )

export class SystemApi extends HttpApiGroup.make("system")
  .add(
    HttpApiEndpoint.get("live", "/health/live", { success: Schema.Struct({ status: Schema.Literal("live") }) }),
    HttpApiEndpoint.get("ready", "/health/ready", {
      success: Schema.Struct({ status: Schema.Literal("ready") }),
      error: problems("NOT_READY")
    }),
    HttpApiEndpoint.get("cluster", "/api/v1/admin/cluster", {
      success: Cluster,
      error: problems(...asking, "FORBIDDEN")
    }).middleware(Authenticated),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" }))
    })
  )
  .annotate(OpenApi.Description, "For operators") {}
