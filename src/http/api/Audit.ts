import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Role } from "../../domain/Authority.ts"
import { UserId } from "../../domain/Ids.ts"
import { ClaimedUserId, Line, page, PageQuery, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, problems } from "./Problems.ts"

export const AuditEntry = Schema.Struct({
  auditId: Schema.String,
  at: Timestamp,
  actorId: UserId,
  role: Role,
  /** The operation, by its name in this document. */
  act: Schema.String,
  /** The id of what was acted on. */
  entity: Schema.String,
  /** Whose it was, if it was anybody's besides the actor's. */
  onBehalfOf: Schema.NullOr(UserId),
  details: Schema.Record(Schema.String, Schema.Unknown),
  traceId: Schema.NullOr(Schema.String)
}).annotate({ identifier: "AuditEntry" })

export class AuditApi extends HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("list", "/admin/audit", {
      query: {
        ...PageQuery,
        actor: Schema.optionalKey(ClaimedUserId),
        entity: Schema.optionalKey(Line(1, 100))
      },
      success: page(AuditEntry),
      error: problems(...asking, "FORBIDDEN", "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(
      OpenApi.Description,
      "What was done to things of others, and what an ADMIN looked at of theirs. Nobody can change or delete it."
    )
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Who used which power") {}
