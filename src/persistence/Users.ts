/** Profiles and credentials. The wallet is created with its user, in one commit (C38). */
import { Context, type Effect, Schema } from "effect"
import type { Permitted, Privilege, Role } from "../domain/Authority.ts"
import type { UserId } from "../domain/Ids.ts"
import type { Tier } from "../domain/Tier.ts"
import type { Unavailable } from "./Failures.ts"

export interface User {
  readonly userId: UserId
  readonly loginId: string
  readonly name: string
  readonly role: Role
  readonly tier: Tier
}

export interface UserChange {
  readonly name?: string | undefined
  readonly passwordHash?: string | undefined
  readonly tier?: Permitted<Tier> | undefined
  readonly role?: Permitted<Role> | undefined
}

/** By what right a user is changed: a tier and a role take a privilege, also one's own. */
export const privilegeOf = ({ by }: Permitted<UserId>, { tier, role }: UserChange): Privilege | undefined =>
  by ?? tier?.by ?? role?.by

/** What the audit says of a change: personal data can be erased, and an audit cannot. */
export const changedFields = ({ name, passwordHash, tier, role }: UserChange) => ({
  changed: [
    ...(name === undefined ? [] : ["name"]),
    ...(passwordHash === undefined ? [] : ["password"]),
    ...(tier === undefined ? [] : ["tier"]),
    ...(role === undefined ? [] : ["role"])
  ],
  ...(tier === undefined ? {} : { tier: tier.of }),
  ...(role === undefined ? {} : { role: role.of })
})

export class LoginIdTaken extends Schema.TaggedError<LoginIdTaken>()("LoginIdTaken", { loginId: Schema.String }) {}

export class Users extends Context.Service<
  Users,
  {
    /** Adds a user, of the first tier, an empty wallet, and the coupons that are owed to who registers now. */
    readonly register: (
      user: Omit<User, "role" | "tier"> & { readonly role: Permitted<Role>; readonly passwordHash: string }
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
