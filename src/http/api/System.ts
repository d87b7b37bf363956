import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import manifest from "../../../package.json" with { type: "json" }
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

/** One for the program and its API. */
export const { version } = manifest

const Link = Schema.String.pipe(says("A path on this server."))

export const Index = Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  links: Schema.Struct({ api: Link, docs: Link, openapi: Link, live: Link, ready: Link, metrics: Link })
}).annotate({ identifier: "Index" })

/** What is here. */
export const index: typeof Index.Type = {
  name: "sluice",
  version,
  links: {
    api: "/api/v1",
    docs: "/docs",
    openapi: "/openapi.json",
    live: "/health/live",
    ready: "/health/ready",
    metrics: "/metrics"
  }
}

export class SystemApi extends HttpApiGroup.make("system")
  .add(
    HttpApiEndpoint.get("index", "/", { success: Index.pipe(example(index)) }).annotate(
      OpenApi.Description,
      "For people and programs that know only the address."
    ),
    HttpApiEndpoint.get("live", "/health/live", {
      success: Schema.Struct({ status: Schema.Literal("live") }).pipe(example({ status: "live" }))
    }).annotate(OpenApi.Description, "Answered by a process that runs, whatever else is wrong."),
    HttpApiEndpoint.get("ready", "/health/ready", {
      success: Schema.Struct({ status: Schema.Literal("ready") }).pipe(example({ status: "ready" })),
      error: problems("NOT_READY")
    }).annotate(
      OpenApi.Description,
      "The database answers, the partitions are placed, and the node is not stopping. For balancers."
    ),
    HttpApiEndpoint.get("cluster", "/api/v1/admin/cluster", {
      success: Cluster,
      error: problems(...asking, "FORBIDDEN")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "As the node that answers sees it; for an ADMIN."),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" }))
    }).annotate(OpenApi.Description, "In Prometheus' text format, of the node that answers.")
  )
  .annotate(OpenApi.Description, "For operators") {}
