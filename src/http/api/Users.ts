import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { UserId } from "../../domain/Ids.ts"
import { Role } from "../../domain/Authority.ts"
import { Tier } from "../../domain/Tier.ts"
import { ClaimedRole, ClaimedTier, ClaimedUserId, example, Line, says, Secret } from "./Fields.ts"
import { Authenticated, MaybeAuthenticated } from "./Middleware.ts"
import { asking, changing, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

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
})
  .annotate({ identifier: "Profile" })
  .pipe(example({ userId: Samples.buyer, loginId: "mina", name: "Mina", role: "BUYER", tier: "BRONZE" }))

export const Registration = Schema.Struct({
  loginId: LoginId,
  name: Name,
  password: Password,
  role: Schema.optionalKey(ClaimedRole)
})
  .annotate({ identifier: "Registration" })
  .pipe(example({ loginId: "mina", name: "Mina", password: "correct horse battery" }))

export const ProfileChange = Schema.Struct({
  name: Schema.optionalKey(Name),
  password: Schema.optionalKey(Password),
  tier: Schema.optionalKey(ClaimedTier),
  role: Schema.optionalKey(ClaimedRole)
})
  .annotate({ identifier: "ProfileChange" })
  .pipe(example({ name: "Mina Kim" }))

/** Bounded, but not held to what is asked of new ones. */
export const Credentials = Schema.Struct({ loginId: Secret(1, 128), password: Secret(1, 128) })
  .annotate({ identifier: "Credentials" })
  .pipe(example({ loginId: "mina", password: "correct horse battery" }))

export const Session = Schema.Struct({
  accessToken: Schema.String,
  expiresIn: Schema.Int.pipe(says("In seconds."))
})
  .annotate({ identifier: "Session" })
  .pipe(example({ accessToken: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…", expiresIn: 3600 }))

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
    }).annotate(OpenApi.Description, "A token for `Authorization: Bearer`. Who guesses passwords is slowed down."),
    HttpApiEndpoint.get("profile", "/users/:userId", {
      params,
      success: Profile,
      error: problems(...asking, "USER_NOT_FOUND")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Oneself, or anybody for an ADMIN."),
    HttpApiEndpoint.patch("changeProfile", "/users/:userId", {
      params,
      payload: ProfileChange,
      success: Profile,
      error: problems(...writing, ...asking, "USER_NOT_FOUND", "FORBIDDEN")
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "Tier and role are given by an ADMIN, who stays one. A role is in tokens: those given out before keep theirs until they expire, but who is no MANAGER any more acts for nobody, at once."
      ),
    HttpApiEndpoint.delete("withdraw", "/users/:userId", {
      params,
      success: HttpApiSchema.NoContent,
      error: problems(
        ...changing,
        "USER_NOT_FOUND",
        "BALANCE_REMAINING",
        "ORDERS_OPEN",
        "PRODUCTS_ON_SALE",
        "ADMIN_CANNOT_WITHDRAW"
      )
    })
      .middleware(Authenticated)
      .annotate(
        OpenApi.Description,
        "Withdrawal: the balance must be 0, nothing on sale, and all orders, bought or sold, completed or cancelled; an ADMIN has to lose the role first. Name, login and password are erased, and the addresses of the orders."
      )
  )
  .annotate(OpenApi.Description, "Users and their sessions") {}
