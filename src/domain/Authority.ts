/**
 * By what right something is done. What people do with their own things needs none; who acts on somebody else's, or
 * gives power to others, does so by a privilege, and leaves a row in the audit.
 */
import { Brand, Schema } from "effect"
import type { UserId } from "./Ids.ts"

/** BUYER and SELLER by choice; MANAGER, who acts for sellers that say so, and ADMIN are made by an ADMIN (C20). */
export const Role = Schema.Literals(["BUYER", "SELLER", "MANAGER", "ADMIN"])
export type Role = typeof Role.Type

export interface Privilege {
  readonly actorId: UserId
  readonly role: Role
  /** The operation that was asked for, as the API's document calls it. */
  readonly act: string
  /** Whose thing it is; `undefined`: nobody's but the house's, or the actor's own. */
  readonly onBehalfOf: UserId | undefined
  /** Of the asker's trace, or of the request alone. */
  readonly traceId: string | undefined
}

interface Permission<A> {
  readonly of: A
  /** `undefined`: one's own right. */
  readonly by: Privilege | undefined
}

/**
 * What somebody may act on, and by what right. Use cases take nothing less, and only `Policy` in http makes it: so a
 * handler that forgets to ask for permission, or a change that forgets its audit, does not compile.
 */
export type Permitted<A> = Permission<A> & Brand.Brand<"Permitted">

export const permit = <A>(of: A, by?: Privilege): Permitted<A> => Brand.nominal<Permitted<A>>()({ of, by })

/** One privileged act. */
export interface Audited extends Privilege {
  /** The id of what was acted on. */
  readonly entity: string
  /** What was done, for people; it must be JSON, and nothing that a withdrawal has to erase. */
  readonly details: object
}
