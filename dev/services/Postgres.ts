import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type { SqlError } from "effect/sql/SqlError"
import * as path from "node:path"
import { run } from "./Binaries.ts"
import type { Kind } from "./Kind.ts"
import { bounded, unavailable } from "./Attempt.ts"

// Durability is left at its defaults: what a test calls durable is durable.
const settings = ["max_connections=200", "shared_buffers=256MB"].flatMap((setting) => ["-c", setting])

export const Postgres: Kind = {
  name: "Postgres",
  variable: "TEST_DATABASE_URL",
  url: (host, port) => `postgres://postgres:sluice@${host}:${port}/postgres`,
  version: (url) =>
    ask(url, (sql) => sql<{ server_version: string }>`SHOW server_version`).pipe(
      Effect.map(([row]) => row?.server_version.split(" ")[0] ?? "of unknown version")
    ),
  container: {
    image: "postgres:18-alpine",
    port: 5432,
    configure: (container) =>
      container
        .withEnvironment({ POSTGRES_PASSWORD: "sluice" })
        .withCommand(["postgres", ...settings])
        .withSharedMemorySize(256 * 1024 * 1024)
  },
  binaries: {
    names: ["initdb", "postgres"],
    folders: "/usr/lib/postgresql/*/bin",
    debianPackage: "postgresql"
  },
  server: (binaries) => ({
    signals: { fast: "SIGINT", immediate: "SIGQUIT" },
    prepare: (dataFolder, user) => {
      const options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
      return run(path.join(binaries, "initdb"), [`--pgdata=${dataFolder}`, ...options], user).pipe(
        bounded("60 seconds", "initdb does not end")
      )
    },
    command: (dataFolder, port) => {
      const address = ["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${dataFolder}`]
      const flags = address.flatMap((setting) => ["-c", setting])
      return [path.join(binaries, "postgres"), "-D", dataFolder, ...flags, ...settings]
    }
  })
}

/** Asks one question over a connection of its own. */
export const ask = <A>(url: string, question: (sql: PgClient.PgClient) => Effect.Effect<A, SqlError>) =>
  PgClient.makeClient({ url: Redacted.make(url), connectTimeout: "5 seconds" }).pipe(
    Effect.flatMap(question),
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    Effect.mapError((error) => unavailable(`Postgres: ${error.message}`)),
    bounded("30 seconds", "Postgres does not answer")
  )
