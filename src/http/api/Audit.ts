import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Role } from "../../domain/Authority.ts"
import { UserId } from "../../domain/Ids.ts"
import { ClaimedUserId, example, Line, page, PageQuery, says, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, problems } from "./Problems.ts"
import * as Samples from "./Samples.ts"

export const AuditEntry = Schema.Struct({
  auditId: Schema.String,
  at: Timestamp,
  actorId: UserId,
  role: Role,
  act: Schema.String.pipe(says("The operation, by its name in this document.")),
  entity: Schema.String.pipe(says("The id of what was acted on.")),
  onBehalfOf: Schema.NullOr(UserId).pipe(says("Whose it was, if it was anybody's besides the actor's.")),
  details: Schema.Record(Schema.String, Schema.Unknown),
  traceId: Schema.NullOr(Schema.String).pipe(
    says(
      "Of the caller's `traceparent`, or the request's own, as its problem has it; `null` of what no request asked for."
    )
  )
})
  .annotate({ identifier: "AuditEntry" })
  .pipe(
    example({
      auditId: "42",
      at: Samples.made,
      actorId: Samples.admin,
      role: "ADMIN",
      act: "balances.charge",
      entity: Samples.buyer,
      onBehalfOf: Samples.buyer,
      details: { amount: 300_000 },
      traceId: "0af7651916cd43dd8448eb211c80319c"
    })
  )

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
