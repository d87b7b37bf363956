/** How Postgres is asked. */
import { type Cause, type Duration, Effect, Fiber, Schema, SchemaTransformation } from "effect"
import type { SqlError } from "effect/sql"
import { Unavailable } from "./Failures.ts"

/** No question waits longer for its answer, whatever becomes of the server. */
const longest = "5 seconds"

/**
 * Gives up after a while, at once: a query that is interrupted first tries to leave its connection in order, and with a
 * server that is silent this takes as long again.
 */
export const within =
  (duration: Duration.Input) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Cause.TimeoutError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(Effect.interruptible(effect)), (fiber) =>
        restore(Effect.timeout(Fiber.join(fiber), duration)).pipe(
          Effect.onExit(() => Effect.sync(() => fiber.interruptUnsafe()))
        )
      )
    )

/** Asks a question. */
export const ask = within(longest)

/** Runs a query whose rows have one shape. Whoever asks learns that the database fails; the log learns why. */
export const query = <A, Encoded>(row: Schema.Codec<A, Encoded>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(row))
  return (statement: Effect.Effect<ReadonlyArray<object>, SqlError.SqlError>) =>
    statement.pipe(
      ask,
      Effect.tapError((error) => Effect.logWarning("A query failed", error)),
      Effect.mapError(() => new Unavailable()),
      Effect.flatMap((rows) => Effect.orDie(decode(rows)))
    )
}

/** A column that may be NULL, as a field that may be `undefined`. */
export const nullable = <A extends string | number>(value: Schema.Codec<A, string | number>) =>
  Schema.NullOr(value).pipe(
    Schema.decodeTo(
      Schema.UndefinedOr(Schema.toType(value)),
      SchemaTransformation.transform({ decode: (column) => column ?? undefined, encode: (field) => field ?? null })
    )
  )

/** Postgres has no text with a NUL in it: nothing is called that. */
export const storable = (text: string) => !text.includes("\0")
