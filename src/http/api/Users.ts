import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { UserId } from "../../domain/Ids.ts"
import { Role } from "../../domain/Authority.ts"
import { Tier } from "../../domain/Tier.ts"
import { ClaimedRole, ClaimedTier, ClaimedUserId, Line, Secret } from "./Fields.ts"
import { Authenticated, MaybeAuthenticated } from "./Middleware.ts"
import { asking, changing, problems, writing } from "./Problems.ts"

const LoginId = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9._@-]{3,64}$/u, { expected: "3 to 64 letters, digits or . _ @ -" })
)
const Name = Line(1, 100)
const Password = Secret(8, 128)

export const Profile = Schema.Struct({
  userId: UserId,
  loginId: Schema.String,
  name: Schema.String,
  role: Role,
  tier: Tier
}).annotate({ identifier: "Profile" })

export const Registration = Schema.Struct({
  loginId: LoginId,
  name: Name,
  password: Password,
  role: Schema.optionalKey(ClaimedRole)
}).annotate({ identifier: "Registration" })

export const ProfileChange = Schema.Struct({
  name: Schema.optionalKey(Name),
  password: Schema.optionalKey(Password),
  tier: Schema.optionalKey(ClaimedTier)
}).annotate({ identifier: "ProfileChange" })

/** Bounded, but not held to what is asked of new ones. */
export const Credentials = Schema.Struct({ loginId: Secret(1, 128), password: Secret(1, 128) }).annotate({
  identifier: "Credentials"
})

export const Session = Schema.Struct({
  accessToken: Schema.String,
  /** In seconds. */
  expiresIn: Schema.Int
}).annotate({ identifier: "Session" })

const params = { userId: ClaimedUserId }

export class UsersApi extends HttpApiGroup.make("users")
  .add(
    HttpApiEndpoint.post("register", "/users", {
      payload: Registration,
      success: Profile.pipe(HttpApiSchema.status(201)),
      error: problems(...writing, ...asking, "LOGIN_ID_TAKEN", "FORBIDDEN")
    })
      .middleware(MaybeAuthenticated)
      .annotate(OpenApi.Description, "The roles MANAGER and ADMIN are given by an ADMIN."),
    HttpApiEndpoint.post("login", "/auth/login", {
      payload: Credentials,
      success: Session,
      error: problems(...writing, ...asking, "BAD_CREDENTIALS", "LOGIN_DISABLED", "RATE_LIMITED")
    }),
    HttpApiEndpoint.get("profile", "/users/:userId", {
      params,
      success: Profile,
      error: problems(...asking, "USER_NOT_FOUND")
    }).middleware(Authenticated),
    HttpApiEndpoint.patch("changeProfile", "/users/:userId", {
      params,
      payload: ProfileChange,
      success: Profile,
      error: problems(...writing, ...asking, "USER_NOT_FOUND", "FORBIDDEN")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "The tier is given by an ADMIN."),
    HttpApiEndpoint.delete("withdraw", "/users/:userId", {
      params,
      success: HttpApiSchema.NoContent,
      error: problems(...changing, "USER_NOT_FOUND", "BALANCE_REMAINING", "ORDERS_OPEN")
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "Withdrawal: the balance must be 0, and all orders completed or cancelled; name, login and password are erased, and the addresses of the orders."
      )
  )
  .annotate(OpenApi.Description, "Users and their sessions") {}
