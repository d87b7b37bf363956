/** One page of a list in a stable order. */
import { Schema } from "effect"

export interface PageRequest {
  /** At most this many items. */
  readonly limit: number
  /** Where the page before ended: its `nextCursor`. Opaque. */
  readonly cursor: string | undefined
}

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  /** `null` on the last page. */
  readonly nextCursor: string | null
}

/** The cursor is not one this list gave out. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", {}) {}
