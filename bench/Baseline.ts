/**
 * What the same server does without Sluice: a stored procedure that locks the product's row, called by pgbench over many
 * connections. It writes the same rows into the same tables, and has to add up the same way; there is no HTTP, no token,
 * no JSON to read. So it is the most a node that locks rows could do.
 */
import { Effect, FileSystem, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as path from "node:path"
import { binaries } from "../dev/services/Binaries.ts"
import { Postgres } from "../dev/services/Postgres.ts"
import { balances, demand } from "./Conservation.ts"
import * as Database from "./Database.ts"
import { failed } from "./Failure.ts"
import { openShop, productUuid, type Shop } from "./Shop.ts"

export interface Options {
  readonly users: number
  /** For each number of clients. */
  readonly seconds: number
}

const procedures = ["buy_locking_first", "buy_locking_last"] as const
const clientCounts = [8, 16, 32, 64]

export interface Measured {
  readonly procedure: (typeof procedures)[number]
  readonly clients: number
  readonly ordersPerSecond: number
  readonly databaseMicrosPerOrder: number | undefined
}

const ordersMost = 2_000_000

export const measure = (serverUrl: string, { users, seconds }: Options) =>
  Effect.gen(function* () {
    const folder = yield* binaries({ ...Postgres.binaries, names: ["pgbench"] }).pipe(
      Effect.mapError(({ message }) => failed(`The baseline needs pgbench: ${message}`))
    )
    const database = yield* Database.server(serverUrl)
    const shop: Shop = { users, price: 1000, funds: 1_000_000_000, stock: ordersMost }
    yield* Database.use(database, Effect.andThen(openShop(shop), install))
    const measured: Array<Measured> = []
    for (const procedure of procedures) {
      for (const clients of clientCounts) {
        yield* Database.use(database, vacuum)
        const before = yield* database.cpuMicros
        const { orders, tps } = yield* pgbench(path.join(folder, "pgbench"), database.url, {
          procedure,
          clients,
          users,
          seconds
        })
        const after = yield* database.cpuMicros
        measured.push({
          procedure,
          clients,
          ordersPerSecond: tps,
          databaseMicrosPerOrder: before === undefined || after === undefined ? undefined : (after - before) / orders
        })
      }
    }
    yield* Database.use(database, Effect.flatMap(balances(shop), demand))
    return measured
  }).pipe(Effect.scoped)

/** None has to step over what the one before left dead. */
const vacuum = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`VACUUM`)

export const install = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(path.join(import.meta.dirname, "baseline.sql"))
  // A statement is one command; the text of EXECUTE is as many as it likes.
  yield* sql.unsafe(`DO $install$ BEGIN EXECUTE $statements$${text}$statements$; END $install$`)
})

interface Calls {
  readonly procedure: string
  readonly clients: number
  readonly users: number
  readonly seconds: number
}

const Counted = Schema.Struct({ orders: Schema.NumberFromString, tps: Schema.NumberFromString })

const pgbench = Effect.fnUntraced(function* (file: string, url: string, { procedure, clients, users, seconds }: Calls) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const script = `\\set n random(0, ${users - 1})\nSELECT ${procedure}(md5('user ' || :n)::uuid, '${productUuid}');\n`
  const flags = ["-n", "-M", "prepared", "-c", clients, "-j", 2, "-T", seconds, "-f", "-"]
  const said = yield* spawner
    .string(ChildProcess.make(file, [...flags.map(String), url], { stdin: Stream.encodeText(Stream.make(script)) }), {
      includeStderr: true
    })
    .pipe(Effect.timeout(`${seconds + 60} seconds`))
  const [, orders] = /actually processed: (\d+)/.exec(said) ?? []
  const [, tps] = /^tps = ([\d.]+)/m.exec(said) ?? []
  return yield* Schema.decodeUnknownEffect(Counted)({ orders, tps }).pipe(
    Effect.mapError(() => failed(`pgbench does not say how it went:\n${said}`))
  )
})
