/** One page of a list in a stable order. */
import { Effect, Schema } from "effect"

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

/** What a list's cursors say, and how. A position is what the next page needs to know of the last item before it. */
export const cursorOf = <Position>(position: Schema.Codec<Position, unknown>) => {
  const codec = Schema.StringFromBase64Url.pipe(Schema.decodeTo(Schema.fromJsonString(position)))
  const decode = Schema.decodeUnknownEffect(codec)
  const encode = Schema.encodeSync(codec)

  return {
    /** The position a page begins after; `undefined` for the first page. */
    read: ({ cursor }: PageRequest): Effect.Effect<Position | undefined, InvalidCursor> =>
      cursor === undefined ? Effect.undefined : Effect.mapError(decode(cursor), () => new InvalidCursor()),

    /** The page of the first `limit` of `found`, which has one more if there is a next page. */
    page: <A>(found: ReadonlyArray<A>, { limit }: PageRequest, positionOf: (last: A) => Position): Page<A> => {
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items, nextCursor: last === undefined || found.length <= limit ? null : encode(positionOf(last)) }
    }
  }
}
