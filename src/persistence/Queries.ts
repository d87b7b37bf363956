/** What the repositories on Postgres share. */
import { Effect, Schema, SchemaTransformation } from "effect"
import type { SqlError } from "effect/sql"
import { Unavailable } from "./Failures.ts"

const longest = "5 seconds"

/** Runs a query whose rows have one shape. Whoever asks learns that the database fails; the log learns why. */
export const query = <A, Encoded>(row: Schema.Codec<A, Encoded>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(row))
  return (statement: Effect.Effect<ReadonlyArray<object>, SqlError.SqlError>) =>
    statement.pipe(
      Effect.timeout(longest),
      Effect.tapError((error) => Effect.logWarning("A query failed", error)),
      Effect.mapError(() => new Unavailable()),
      Effect.flatMap((rows) => Effect.orDie(decode(rows)))
    )
}

/** A text that may be NULL, as a field that may be `undefined`. */
export const nullable = <A extends string>(value: Schema.Codec<A, string>) =>
  Schema.NullOr(value).pipe(
    Schema.decodeTo(
      Schema.UndefinedOr(Schema.toType(value)),
      SchemaTransformation.transform({ decode: (column) => column ?? undefined, encode: (field) => field ?? null })
    )
  )

/** Postgres has no text with a NUL in it: nothing is called that. */
export const storable = (text: string) => !text.includes("\0")
