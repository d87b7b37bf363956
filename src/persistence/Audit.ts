/** Privileged acts, to read. Rows are written in the same commit as what they tell of, and never change. */
import { Context, type Effect, Schema } from "effect"
import type { Audited, Permitted } from "../domain/Authority.ts"
import type { UserId } from "../domain/Ids.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export interface AuditEntry extends Audited {
  /** A number, greater for what came later; as text. */
  readonly auditId: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface AuditQuery extends PageRequest {
  readonly actorId: UserId | undefined
  readonly entity: string | undefined
}

export class Audit extends Context.Service<
  Audit,
  {
    /** Adds a row for what changes nothing: somebody looks at what is another's. */
    readonly seen: (record: Audited) => Effect.Effect<void, Unavailable>
    /** Newest first. */
    readonly list: (query: Permitted<AuditQuery>) => Effect.Effect<Page<AuditEntry>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Audit") {}

/** How all implementations make pages. */
export const cursor = cursorOf(Schema.String.check(Schema.isPattern(/^\d{1,18}$/)))
