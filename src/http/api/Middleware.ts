/** What stands around the endpoints. */
import { Context } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import type { Role } from "../../persistence/Users.ts"
import type { ClaimedUserId } from "./Fields.ts"
import { problems } from "./Problems.ts"

/** Who a good token says is asking. What they may do, `Policy` decides. */
export interface Claims {
  readonly userId: ClaimedUserId
  readonly role: Role
}

export class Principal extends Context.Service<Principal, Claims>()("sluice/http/Principal") {}

/** The same where a token is not needed. */
export class Visitor extends Context.Service<Visitor, Claims | undefined>()("sluice/http/Visitor") {}

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
