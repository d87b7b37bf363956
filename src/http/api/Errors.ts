/** What goes wrong between a client and the engine; what goes wrong in the engine, the engine defines. */
import { Schema } from "effect"

export class MalformedJson extends Schema.TaggedError<MalformedJson>()("MalformedJson", {}) {}

export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("PayloadTooLarge", {
  /** In bytes. */
  maximum: Schema.Int
}) {}

export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()("UnsupportedMediaType", {
  supported: Schema.String
}) {}

/** Values of the body, the query, the path or a header are not what they must be. */
export class ValidationFailed extends Schema.TaggedError<ValidationFailed>()("ValidationFailed", {
  errors: Schema.Array(
    Schema.Struct({
      /** Where in the body: a JSON pointer. */
      pointer: Schema.optionalKey(Schema.String),
      /** Or which parameter of the query or the path, or which header. */
      parameter: Schema.optionalKey(Schema.String),
      message: Schema.String
    })
  )
}) {}

/** There is no Idempotency-Key, or it is not 1 to 255 visible ASCII characters, quoted or bare. */
export class IdempotencyKeyRequired extends Schema.TaggedError<IdempotencyKeyRequired>()(
  "IdempotencyKeyRequired",
  {}
) {}

/** An edit needs If-Match. */
export class PreconditionRequired extends Schema.TaggedError<PreconditionRequired>()("PreconditionRequired", {}) {}

/** If-Match is not one entity tag. `*`, which is any version, would make an edit of one pointless. */
export class MalformedIfMatch extends Schema.TaggedError<MalformedIfMatch>()("MalformedIfMatch", {}) {}

/** There is no token, or it is not good. Deliberately says no more. */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>()("Unauthenticated", {}) {}

export class BadCredentials extends Schema.TaggedError<BadCredentials>()("BadCredentials", {}) {}

/** Tokens come from an issuer of the operator's; this server cannot make any. */
export class LoginDisabled extends Schema.TaggedError<LoginDisabled>()("LoginDisabled", {}) {}

export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  retryAfterSeconds: Schema.Int
}) {}

export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  /** A role: SELLER is whoever sells it, or manages for a seller. OWN: it is one's own. ASSIGNMENT: by its seller. */
  needs: Schema.Literals(["SELLER", "ADMIN", "ANOTHER_ADMIN", "OWN", "ASSIGNMENT"])
}) {}

/** Whoever acts for several sellers must say for which one: `sellerId`. */
export class SellerRequired extends Schema.TaggedError<SellerRequired>()("SellerRequired", {
  /** Two of them; whoever leaves one is told of another. */
  sellerIds: Schema.Array(Schema.String)
}) {}

export class NotASeller extends Schema.TaggedError<NotASeller>()("NotASeller", { userId: Schema.String }) {}

export class NotAManager extends Schema.TaggedError<NotAManager>()("NotAManager", { userId: Schema.String }) {}

/** Only sellers and administrators make coupons, and sellers only for what they sell (C-9, C19). */
export class CouponPermissionDenied extends Schema.TaggedError<CouponPermissionDenied>()(
  "CouponPermissionDenied",
  {}
) {}

export class NotReady extends Schema.TaggedError<NotReady>()("NotReady", {}) {}

export class RouteNotFound extends Schema.TaggedError<RouteNotFound>()("RouteNotFound", {}) {}

export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  allowed: Schema.Array(Schema.String)
}) {}

/** A bug, or something as bad. The log has the cause, under the problem's `traceId`. */
export class Internal extends Schema.TaggedError<Internal>()("Internal", {}) {}
