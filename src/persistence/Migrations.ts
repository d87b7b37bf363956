/**
 * The schema: numbered SQL files, applied in order, forward only, all or none, by one process at a time. A file that
 * was applied never changes.
 */
import { Effect, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import * as path from "node:path"

/** The schema cannot be brought up to date. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  message: Schema.String
}) {}

interface Migration {
  readonly number: number
  readonly name: string
  readonly text: string
  readonly checksum: string
}

/** Where the files are. */
export const folder = path.join(import.meta.dirname, "migrations")

const load = async (from: string): Promise<ReadonlyArray<Migration>> => {
  const names = (await readdir(from)).filter((name) => name.endsWith(".sql")).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(path.join(from, name), "utf8")
      return { number: Number.parseInt(name), name, text, checksum: createHash("sha256").update(text).digest("hex") }
    })
  )
}

/** Applies what is missing; returns the names of what it applied. */
export const migrate = Effect.fnUntraced(function* (from: string) {
  const sql = yield* SqlClient.SqlClient
  const files = yield* Effect.promise(() => load(from))

  const apply = ({ number, name, text, checksum }: Migration) =>
    // A statement of the protocol is one command; the text of EXECUTE is as many as it likes.
    sql`SELECT set_config('sluice.migration', ${text}, true)`.pipe(
      Effect.andThen(sql`DO $$ BEGIN EXECUTE current_setting('sluice.migration'); END $$`),
      Effect.andThen(sql`INSERT INTO migrations (number, name, checksum) VALUES (${number}, ${name}, ${checksum})`),
      Effect.mapError((error) => new MigrationFailed({ message: `Migration ${name} failed: ${reason(error)}` })),
      Effect.as(name)
    )

  return yield* Effect.gen(function* () {
    // Whoever starts at the same time waits here, and then finds nothing left to do.
    yield* sql`SELECT pg_advisory_xact_lock(7107, -1)`
    yield* sql`CREATE TABLE IF NOT EXISTS migrations (
      number     int PRIMARY KEY,
      name       text NOT NULL,
      checksum   text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`
    const applied = yield* sql<{ number: number; name: string; checksum: string }>`SELECT * FROM migrations`
    for (const { number, name, checksum } of applied) {
      const file = files.find((each) => each.number === number)
      if (file === undefined) {
        return yield* new MigrationFailed({
          message: `The database is newer than this program: it has migration ${name}`
        })
      }
      if (file.checksum !== checksum) {
        return yield* new MigrationFailed({
          message: `Migration ${file.name} is not what was applied to this database: restore the file, add a new one`
        })
      }
    }
    const missing = files.filter((file) => !applied.some(({ number }) => number === file.number))
    return yield* Effect.forEach(missing, apply)
  }).pipe(sql.withTransaction)
})

const reason = ({ reason: { cause, message } }: SqlError.SqlError) =>
  cause instanceof Error ? cause.message : (message ?? String(cause))
