/** The databases a node is measured with, each of them new and empty, and gone with the scope. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, References, type Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import * as path from "node:path"
import { temporaryFolder } from "../dev/services/Machine.ts"
import { freshDatabase } from "../dev/Services.ts"
import * as SluiceDatabase from "../src/persistence/Database.ts"
import * as Embedded from "../src/persistence/Embedded.ts"
import { familyMicros, parentOf, titleOf } from "./Cpu.ts"
import { type BenchFailed, failed } from "./Failure.ts"

export interface Database {
  readonly name: string
  /** For the settings of a node. */
  readonly settings: Record<string, string>
  /** Connects as the owner of the database. The embedded one only while no node has it open. */
  readonly connect: Effect.Effect<SqlClient.SqlClient, BenchFailed, Scope.Scope>
  /** What the database's own processes have used; `undefined` when it is in the node's, or not on this machine. */
  readonly cpuMicros: Effect.Effect<number | undefined>
}

export const use = <A, E, R>({ connect }: Database, question: Effect.Effect<A, E, R | SqlClient.SqlClient>) =>
  connect.pipe(
    Effect.flatMap((sql) => Effect.provideService(question, SqlClient.SqlClient, sql)),
    Effect.scoped
  )

const orFail = Effect.mapError(({ message }: { readonly message: string }) => failed(message))

/** Brings the schema up to date, as a node would at its start. */
const migrate = <E extends { readonly message: string }>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  Effect.scoped(Layer.build(Layer.fresh(database))).pipe(
    orFail,
    Effect.provideService(References.MinimumLogLevel, "Warn")
  )

/** Owners are in no hurry: an application's limits on the time of a statement do not hold for them. */
const client = (config: PgClient.PgClientConfig) =>
  PgClient.makeClient(config).pipe(Effect.provide(Layer.fresh(Reactivity.layer)), orFail)

/** Postgres inside the node, in a folder of its own. */
export const embedded = Effect.gen(function* () {
  const folder = path.join(yield* orFail(temporaryFolder("bench", {})), "data")
  yield* migrate(SluiceDatabase.embedded({ dataDir: folder }))
  const database: Database = {
    name: "PGlite",
    settings: { DATA_DIR: folder },
    connect: Effect.flatMap(orFail(Embedded.open(folder)), (connect) =>
      client({ stream: () => connect([]), username: "postgres" })
    ),
    cpuMicros: Effect.undefined
  }
  return database
})

/** A new database on the server at `serverUrl`. */
export const server = Effect.fnUntraced(function* (serverUrl: string) {
  const url = yield* freshDatabase(serverUrl).pipe(
    Effect.mapError(({ message }) => failed(`No new database on ${new URL(serverUrl).host}: ${message}`))
  )
  const redacted = Redacted.make(url)
  yield* migrate(SluiceDatabase.server({ url: redacted, maxConnections: 2 }))
  const database: Database = {
    name: "Postgres",
    settings: { DATABASE_URL: url },
    connect: client({
      url: redacted,
      connectTimeout: "5 seconds",
      startupParameters: { statement_timeout: "120s" }
    }),
    cpuMicros: Effect.undefined
  }
  const postmaster = yield* use(database, findPostmaster)
  return {
    ...database,
    url,
    cpuMicros: Effect.sync(() => (postmaster === undefined ? undefined : familyMicros(postmaster)))
  }
})

/** The parent of the process we are connected to, if that is one of this machine. */
const findPostmaster = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* orFail(sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`)
  const pid = row?.pid ?? 0
  return titleOf(pid)?.startsWith("postgres:") === true ? parentOf(pid) : undefined
})

/** What it is, for a person. */
export const describe = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const settings = yield* orFail(sql<{ name: string; setting: string }>`
    SELECT name, current_setting(name) AS setting FROM pg_settings
    WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers') ORDER BY name DESC`)
  return settings.map(({ name, setting }) => `${name} ${setting}`).join(", ")
})

/** What the database itself has counted since it was made. */
export interface Counts {
  readonly walBytes: number
  /** Outside of explicit transactions, and on the way of an order there are none, each is one round trip. */
  readonly transactions: number
}

export const counts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* orFail(sql<{ wal: bigint; transactions: bigint }>`
    SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS wal, xact_commit AS transactions
    FROM pg_stat_database WHERE datname = current_database()`)
  const read: Counts = { walBytes: Number(row?.wal), transactions: Number(row?.transactions) }
  return read
})
