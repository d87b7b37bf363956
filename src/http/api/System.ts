import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Authenticated } from "./Middleware.ts"
import { asking, problems } from "./Problems.ts"

/** Where partitions are, as the node that answers sees it. Epochs are the database's word: what they say is true. */
export const Cluster = Schema.Struct({
  /** The node that answers. */
  node: Schema.String,
  /** The nodes that take partitions. */
  nodes: Schema.Array(Schema.String),
  partitions: Schema.Array(
    Schema.Struct({
      partition: Schema.Int,
      /** The node to ask, if there is one. */
      owner: Schema.NullOr(Schema.String),
      /** How often it was claimed. */
      epoch: Schema.Int
    })
  )
}).annotate({ identifier: "Cluster" })

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
