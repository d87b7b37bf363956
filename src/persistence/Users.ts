/** Profiles and credentials. The wallet is created with its user, in one commit (C38). */
import { Context, type Effect, Schema } from "effect"
import type { Permitted, Role } from "../domain/Authority.ts"
import type { UserId } from "../domain/Ids.ts"
import type { Unavailable } from "./Failures.ts"

export interface User {
  readonly userId: UserId
  readonly loginId: string
  readonly name: string
  readonly role: Role
}

export interface UserChange {
  readonly name?: string | undefined
  readonly passwordHash?: string | undefined
}

/** What the audit says of a change: personal data can be erased, and an audit cannot. */
export const changedFields = ({ name, passwordHash }: UserChange) => ({
  changed: [...(name === undefined ? [] : ["name"]), ...(passwordHash === undefined ? [] : ["password"])]
})

export class LoginIdTaken extends Schema.TaggedError<LoginIdTaken>()("LoginIdTaken", { loginId: Schema.String }) {}

export class Users extends Context.Service<
  Users,
  {
    /** Adds a user and an empty wallet. */
    readonly register: (
      user: Omit<User, "role"> & { readonly role: Permitted<Role>; readonly passwordHash: string }
    ) => Effect.Effect<void, LoginIdTaken | Unavailable>
    /** `undefined` for a user that is unknown or has withdrawn. */
    readonly get: (userId: UserId) => Effect.Effect<User | undefined, Unavailable>
    /** Changes what is given; `undefined` when there is no such user. */
    readonly update: (user: Permitted<UserId>, change: UserChange) => Effect.Effect<User | undefined, Unavailable>
    /** The user of a login id, with the password's hash. */
    readonly credentials: (
      loginId: string
    ) => Effect.Effect<{ readonly user: User; readonly passwordHash: string } | undefined, Unavailable>
  }
>()("sluice/persistence/Users") {}
