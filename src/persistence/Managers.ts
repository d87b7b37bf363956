/** Who acts for which seller. It takes effect with the next request, on every node: nobody keeps it in memory. */
import { Context, type Effect } from "effect"
import type { Audited, Permitted } from "../domain/Authority.ts"
import { UserId } from "../domain/Ids.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export interface Assignment {
  readonly managerId: UserId
  /** Milliseconds since 1970. */
  readonly assignedAt: number
}

export interface Delegation {
  readonly sellerId: UserId
  readonly managerId: UserId
}

/** What the audit says of one given or taken back. */
export const delegationRecord = ({ of: { sellerId, managerId }, by }: Permitted<Delegation>): Audited | undefined =>
  by && { ...by, entity: sellerId, details: { managerId } }

/** Who has withdrawn, or is no SELLER or MANAGER any more, neither acts for anybody nor has anybody act. */
export class Managers extends Context.Service<
  Managers,
  {
    /** Assigns a manager to a seller; again is no different from once. */
    readonly assign: (delegation: Permitted<Delegation>) => Effect.Effect<void, Unavailable>
    /** Takes an assignment back, if there is one. */
    readonly remove: (delegation: Permitted<Delegation>) => Effect.Effect<void, Unavailable>
    /** A seller's managers, by their ids. */
    readonly list: (sellerId: UserId, page: PageRequest) => Effect.Effect<Page<Assignment>, InvalidCursor | Unavailable>
    /** Whether the one may act for the other, now. */
    readonly isAssigned: (sellerId: UserId, managerId: UserId) => Effect.Effect<boolean, Unavailable>
    /** The sellers a manager may act for; two at most, for it matters only whether there is exactly one. */
    readonly sellersOf: (managerId: UserId) => Effect.Effect<ReadonlyArray<UserId>, Unavailable>
  }
>()("sluice/persistence/Managers") {}

/** How all implementations make pages. */
export const cursor = cursorOf(UserId)
