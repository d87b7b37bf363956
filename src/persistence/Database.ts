/**
 * Postgres: a server, or embedded in this process. Both give a client after the database was found fit, its schema was
 * brought up to date and its sessions are the application's: a role that can't change what is append-only, and limits on
 * how long anything may take.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, type Redacted, Schema, type Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient, SqlError } from "effect/sql"
import * as Embedded from "./Embedded.ts"
import * as Migrations from "./Migrations.ts"

/** The database does not answer, or is not one to keep money in. The message says what to do about it. */
export class DatabaseUnsuitable extends Schema.TaggedError<DatabaseUnsuitable>()("DatabaseUnsuitable", {
  message: Schema.String
}) {}

export type StartFailure = DatabaseUnsuitable | Migrations.MigrationFailed

export interface ServerOptions {
  readonly url: Redacted.Redacted
  /** The most connections of this node, at least two. */
  readonly maxConnections: number
}

/** The application's sessions are this role's. */
const role = "sluice_app"

/**
 * What the application's sessions rely on, whatever the database's own settings are. The journal's fence needs a fresh
 * snapshot for each statement. A plan is made for each query: one that is kept may be from when the tables were empty.
 */
const settings = { default_transaction_isolation: "read committed", plan_cache_mode: "force_custom_plan", role }

/** Nothing asked of a server takes longer, and nothing is left half done for longer. */
const limits = { statement_timeout: "8s", lock_timeout: "4s", idle_in_transaction_session_timeout: "5s" }

/** The journal's own way to the database: whatever else is asked, a commit does not wait for it. */
export class JournalClient extends Context.Service<JournalClient, SqlClient.SqlClient>()(
  "sluice/persistence/JournalClient"
) {}

type Clients = SqlClient.SqlClient | JournalClient

export const server = ({ url, maxConnections }: ServerOptions): Layer.Layer<Clients, StartFailure> =>
  clientLayer(
    Effect.gen(function* () {
      const connection = { url, applicationName: "sluice", connectTimeout: "5 seconds" } as const
      yield* prepare(PgClient.makeClient(connection), true)
      const pool = (connections: number) =>
        PgClient.make({
          ...connection,
          maxConnections: connections,
          // Without bounds in time a pool grows old with the server it once found.
          idleTimeout: "5 minutes",
          connectionTTL: "1 hour",
          startupParameters: { ...settings, ...limits, jit: "off" }
        })
      const forJournal = Math.min(4, Math.floor(maxConnections / 2))
      return { journal: yield* pool(forJournal), others: yield* pool(maxConnections - forJournal) }
    })
  )

export interface EmbeddedOptions {
  /** The data folder; without one the data is in memory, for tests. */
  readonly dataDir?: string | undefined
}

export const embedded = (options: EmbeddedOptions): Layer.Layer<Clients, StartFailure | Embedded.OpenFailure> =>
  clientLayer(
    Effect.gen(function* () {
      const connect = yield* Embedded.open(options.dataDir)
      const session = { username: "postgres", database: "postgres" }
      yield* prepare(PgClient.makeClient({ stream: () => connect([]), ...session }), options.dataDir !== undefined)
      const client = yield* PgClient.make({
        ...session,
        stream: () => connect(Object.entries(settings).map(([name, value]) => `SET ${name} = '${value}'`)),
        minConnections: 1,
        maxConnections: 1
      })
      return { journal: client, others: client }
    })
  )

const clientLayer = <E>(
  make: Effect.Effect<
    { readonly journal: SqlClient.SqlClient; readonly others: SqlClient.SqlClient },
    E | SqlError.SqlError,
    Scope.Scope | Reactivity.Reactivity
  >
): Layer.Layer<Clients, E | DatabaseUnsuitable> =>
  Layer.effectContext(
    Effect.catchIf(make, SqlError.isSqlError, unanswered).pipe(
      Effect.map(({ journal, others }) =>
        Context.make(SqlClient.SqlClient, others).pipe(Context.add(JournalClient, journal))
      )
    )
  ).pipe(Layer.provide(Reactivity.layer))

const unsuitable = (message: string) => Effect.fail(new DatabaseUnsuitable({ message }))

const unanswered = ({ reason }: SqlError.SqlError) =>
  unsuitable(`The database cannot be used: ${reason.cause instanceof Error ? reason.cause.message : reason.message}`)

/** What is done once, as the login role, before the application connects. */
const prepare = <E, R>(connect: Effect.Effect<SqlClient.SqlClient, E, R>, durable: boolean) =>
  Effect.gen(function* () {
    const sql = yield* connect
    yield* verifyVersion(sql)
    if (durable) yield* verifyDurability(sql)
    yield* ensureRole(sql)
    const applied = yield* Effect.provideService(Migrations.migrate(Migrations.folder), SqlClient.SqlClient, sql)
    if (applied.length > 0) yield* Effect.logInfo(`Migrations applied: ${applied.join(", ")}`)
  }).pipe(Effect.scoped)

const oldest = 15

const verifyVersion = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const [row] = yield* sql<{ server_version_num: string }>`SHOW server_version_num`
  const version = Math.floor(Number(row?.server_version_num) / 10_000)
  if (version < oldest) yield* unsuitable(`The database is Postgres ${version}: at least ${oldest} is needed`)
})

const verifyDurability = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const off = yield* sql<{ name: string }>`
    SELECT name FROM pg_settings
    WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name`
  if (off.length > 0) {
    yield* unsuitable(`The database may lose what it committed: turn on ${off.map(({ name }) => name).join(", ")}`)
  }
})

/**
 * Makes sure that the login may be the application's role. Roles are the whole server's, so a process that prepares
 * another database may be doing the same; whoever comes second tries again and finds it done.
 */
const ensureRole = (sql: SqlClient.SqlClient) =>
  sql`DO $$ BEGIN
    IF to_regrole('sluice_app') IS NULL THEN
      CREATE ROLE sluice_app;
    END IF;
    BEGIN
      SET LOCAL ROLE sluice_app;
    EXCEPTION WHEN insufficient_privilege THEN
      GRANT sluice_app TO CURRENT_USER;
    END;
  END $$`.pipe(
    Effect.retry({ times: 10, while: ({ reason }) => reason._tag !== "AuthorizationError" }),
    Effect.catchIf(
      ({ reason }) => reason._tag === "AuthorizationError",
      () =>
        Effect.flatMap(sql<{ login: string }>`SELECT quote_ident(current_user) AS login`, ([row]) =>
          unsuitable(`The login ${row?.login} may not create the role ${role}. An administrator must run, once:
  CREATE ROLE ${role};
  GRANT ${role} TO ${row?.login};`)
        )
    )
  )

/** Refuses a number of partitions that is not the one the data was made with; the first to ask decides it. */
export const verifyPartitions = (partitions: number): Effect.Effect<void, DatabaseUnsuitable, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO settings (name, value) VALUES ('partitions', ${String(partitions)}) ON CONFLICT DO NOTHING`
    const [row] = yield* sql<{ value: string }>`SELECT value FROM settings WHERE name = 'partitions'`
    if (row?.value !== String(partitions)) {
      return yield* unsuitable(
        `This data has ${row?.value} partitions, not ${partitions}: set PARTITIONS=${row?.value}`
      )
    }
  }).pipe(Effect.catchTag("SqlError", unanswered))
