/** What stands around the endpoints. */
import { Context } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import type { Role } from "../../domain/Authority.ts"
import type { ClaimedUserId } from "./Fields.ts"
import { problems } from "./Problems.ts"

/** Who a good token says is asking. What they may do, `Policy` decides. */
export interface Claims {
  readonly userId: ClaimedUserId
  readonly role: Role
}

/** And what for: all that `Policy` needs to tell what one may, and the audit what one did. */
export interface Asker extends Claims {
  /** The operation, as the document calls it. */
  readonly act: string
  /** Of the caller's trace, or the request's own. */
  readonly traceId: () => string
}

export class Principal extends Context.Service<Principal, Asker>()("sluice/http/Principal") {}

/** The same where a token is not needed. */
export class Visitor extends Context.Service<Visitor, Asker | undefined>()("sluice/http/Visitor") {}

/**
 * A good token is needed. Not by `HttpApiSecurity`, which costs a request a tenth more; the document learns of it in
 * `Document`.
 */
export class Authenticated extends HttpApiMiddleware.Service<Authenticated, { provides: Principal }>()(
  "sluice/http/Authenticated",
  { error: problems("UNAUTHENTICATED", "UNAVAILABLE") }
) {}

/** A token may be left out, but not be bad. */
export class MaybeAuthenticated extends HttpApiMiddleware.Service<MaybeAuthenticated, { provides: Visitor }>()(
  "sluice/http/MaybeAuthenticated",
  { error: problems("UNAUTHENTICATED", "UNAVAILABLE") }
) {}

/** Reads the body, within its limits, and turns what goes wrong into problems. */
export class Exchange extends HttpApiMiddleware.Service<Exchange>()("sluice/http/Exchange", {
  error: problems("INTERNAL")
}) {}

/** Says of an endpoint that its body may be left out: nothing means `{}`. */
export const OptionalBody = Context.Reference<boolean>("sluice/http/OptionalBody", { defaultValue: () => false })
