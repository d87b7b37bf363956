/**
 * The scenario `timers`: what it costs to have many orders wait for their payment, while nobody does anything, and how
 * late those are given up whose deadline passes. Each part has a node of its own, on one database.
 */
import { Clock, Console, Duration, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import { balances, type Check, deadlines, reservations } from "./Conservation.ts"
import { machineMicros } from "./Cpu.ts"
import * as Database from "./Database.ts"
import { failed } from "./Failure.ts"
import { serverUrl } from "./FlashSale.ts"
import type { Latency } from "./load/Protocol.ts"
import { growth } from "./Metrics.ts"
import * as Node from "./Node.ts"
import { type Spread, spread } from "./Noise.ts"
import * as Report from "./Report.ts"
import { openOrders, openShop, type Shop } from "./Shop.ts"

export interface Options {
  readonly users: number
  /** Orders that wait, none of them due before the end. */
  readonly deadlines: number
  readonly databases: ReadonlyArray<"pglite" | "postgres">
  readonly flags: ReadonlyArray<string>
  readonly settings: Readonly<Record<string, string>>
}

/** Of one core, in percent, while nobody asks anything. */
export interface Idle {
  readonly node: Spread | undefined
  /** `undefined` when it is in the node's, or not on this machine. */
  readonly database: Spread | undefined
  readonly others: Spread | undefined
}

export interface Figures {
  /** The database, and how it is set. */
  readonly database: string
  readonly deadlines: number
  readonly without: Idle
  readonly with: Idle
  /** How long after their deadlines orders were cancelled. */
  readonly lateMicros: Latency
  readonly checks: ReadonlyArray<Check>
}

const price = 1000
/** Until a node that has started does nothing more. */
const restSeconds = 5
const sliceSeconds = 5
const slices = 4
/** Orders whose deadline passes, over so long; by then the node has to be there. */
const due = 2000
const spreadSeconds = 10
const leadSeconds = 30
const hour = 3600

export const scenario = Effect.fnUntraced(function* (options: Options) {
  const figures: Array<Figures> = []
  const run = <E, R>(open: Effect.Effect<Database.Database, E, R>) =>
    open.pipe(
      Effect.tap(({ name }) => Console.log(`\ntimers on ${name}`)),
      Effect.flatMap((database) => measure(database, options)),
      Effect.tap(Report.showTimers),
      Effect.map((measured) => void figures.push(measured)),
      Effect.scoped
    )
  if (options.databases.includes("pglite")) yield* run(Database.embedded)
  if (options.databases.includes("postgres")) yield* run(Database.server(yield* serverUrl))
  return figures
}, Effect.scoped)

const measure = Effect.fnUntraced(function* (database: Database.Database, options: Options) {
  const waiting = options.deadlines
  const shop: Shop = { users: options.users, price, funds: price, stock: waiting + due }
  yield* Database.use(database, openShop(shop))
  const without = yield* idle(database, options)
  const all = { from: 1, orders: waiting, dueInSeconds: hour, spreadSeconds: 0 }
  yield* Database.use(database, openOrders(shop, all))
  const withThem = yield* idle(database, options)
  yield* expire(database, options, shop)
  const checking = Effect.all([
    Database.describe,
    lateness,
    balances(shop),
    reservations({ orders: waiting }),
    deadlines(due)
  ])
  const [description, lateMicros, ...checks] = yield* Database.use(database, checking)
  const figures: Figures = {
    database: `${database.name}: ${description}`,
    deadlines: waiting,
    without,
    with: withThem,
    lateMicros,
    checks: checks.flat()
  }
  return figures
})

const boot = ({ settings }: Database.Database, options: Options) =>
  Node.start({
    secret: randomBytes(32).toString("base64"),
    database: { ...options.settings, ...settings },
    flags: options.flags
  })

const idle = Effect.fnUntraced(function* (database: Database.Database, options: Options) {
  const node = yield* boot(database, options)
  const instruments = Effect.all({
    node: node.cpuMicros,
    database: database.cpuMicros,
    machine: Effect.sync(machineMicros)
  })
  yield* Effect.sleep(Duration.seconds(restSeconds))
  const measured = { node: Array<number>(), database: Array<number>(), others: Array<number>() }
  for (let slice = 0; slice < slices; slice++) {
    const before = yield* instruments
    const [took] = yield* Effect.timed(Effect.sleep(Duration.seconds(sliceSeconds)))
    const after = yield* instruments
    const percent = (of: keyof typeof before) => {
      const [from, to] = [before[of], after[of]]
      return from === undefined || to === undefined ? undefined : (to - from) / (Duration.toSeconds(took) * 1e4)
    }
    const [ours, its, machine] = [percent("node"), percent("database"), percent("machine")]
    if (ours !== undefined) measured.node.push(ours)
    if (its !== undefined) measured.database.push(its)
    if (machine !== undefined) measured.others.push(Math.max(0, machine - (ours ?? 0) - (its ?? 0)))
  }
  const figures: Idle = {
    node: spread(measured.node),
    database: spread(measured.database),
    others: spread(measured.others)
  }
  return figures
}, Effect.scoped)

/** Has deadlines pass, and returns when the node has carried all of them out, or has had its time. */
const expire = Effect.fnUntraced(function* (database: Database.Database, options: Options, shop: Shop) {
  const begun = yield* Clock.currentTimeMillis
  const passing = { from: options.deadlines + 1, orders: due, dueInSeconds: leadSeconds, spreadSeconds }
  yield* Database.use(database, openOrders(shop, passing))
  const node = yield* boot(database, options)
  if ((yield* Clock.currentTimeMillis) - begun > leadSeconds * 1000) {
    return yield* failed("The node was not there before the first deadline: this machine is too busy to measure it")
  }
  const fired = Effect.map(node.metrics, (metrics) => growth(new Map(), metrics, "sluice_timers_fired") ?? 0)
  yield* fired.pipe(
    Effect.repeat({
      until: (count) => count >= due,
      schedule: Schedule.spaced("500 millis").pipe(
        Schedule.upTo({ duration: Duration.seconds(leadSeconds + 2 * spreadSeconds) })
      )
    })
  )
}, Effect.scoped)

const lateness = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ micros: ReadonlyArray<number> }>`
    SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99, 0.999, 1]) WITHIN GROUP (
      ORDER BY extract(epoch FROM at - pay_until)::float8 * 1e6) AS micros
    FROM orders JOIN order_history h USING (order_id) WHERE h.status = 'CANCELLED'`
  const [p50 = NaN, p95 = NaN, p99 = NaN, p999 = NaN, max = NaN] = row?.micros ?? []
  const late: Latency = { p50, p95, p99, p999, max }
  return late
})
