/**
 * The flash sale: many buyers, one product, over HTTP. Generator, node and database are processes of their own (but for
 * the embedded database, which is the node's). Every answer is checked against the database afterwards.
 */
import { Effect, FileSystem } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { randomBytes } from "node:crypto"
import * as path from "node:path"
import { acknowledged, balances, type Check, type Heard, issues, reservations } from "./Conservation.ts"
import { machineMicros } from "./Cpu.ts"
import * as Database from "./Database.ts"
import type { Done, Plan } from "./load/Protocol.ts"
import * as Load from "./Load.ts"
import { type Distribution, observed } from "./Metrics.ts"
import * as Node from "./Node.ts"
import { showProgress } from "./Report.ts"
import { openOffer, openShop, type Shop } from "./Shop.ts"

export interface Options {
  readonly users: number
  readonly connections: number
  readonly orders: number
  readonly warmup: number
  /** Whether the node sees each buyer for the first time when it orders; else all have looked at their balance. */
  readonly cold?: boolean
  /** Pieces on sale; more than are ordered, unless the sale is to sell out. */
  readonly stock?: number | undefined
  readonly secondsMost: number
  /** Flags for the node's Node. */
  readonly flags?: ReadonlyArray<string>
  /** Settings of the node that are not its defaults. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Microseconds of processor time; `undefined` where it can't be known. */
export interface Costs {
  readonly node: number | undefined
  readonly database: number | undefined
  readonly generator: number
  /** Whatever else ran on this machine: the noise of the figures. */
  readonly others: number | undefined
}

export interface Figures {
  /** What an order was: see `Plan`. */
  readonly wanted: Plan["wanted"]
  /** The database, and how it is set. */
  readonly database: string
  readonly ordersPerSecond: number
  readonly load: Done
  readonly batches: Distribution | undefined
  readonly costs: Costs
  /** Of the whole life of the node, the warm-up's orders included. */
  readonly walBytesPerOrder: number
  /** By the database's own count; the embedded one forgets it when it is closed. */
  readonly ordersPerTransaction: number | undefined
  readonly checks: ReadonlyArray<Check>
}

const price = 1000

/** Where nobody is short of money. */
export const shopOf = ({ users, warmup, orders, stock = warmup + orders + 1000 }: Options): Shop => ({
  users,
  price,
  funds: price * (Math.ceil((warmup + orders) / users) + 1),
  stock
})

/** What everybody wants, and whether it added up. */
export interface Rush {
  readonly wanted: Plan["wanted"]
  readonly opened: Effect.Effect<unknown, SqlError.SqlError, SqlClient.SqlClient>
  readonly checks: (heard: Heard) => Effect.Effect<ReadonlyArray<Check>, SqlError.SqlError, SqlClient.SqlClient>
}

/** A product, of which each order is a piece. */
export const orderRush = (options: Options): Rush => {
  const shop = shopOf(options)
  return {
    wanted: "order",
    opened: openShop(shop),
    checks: (heard) => Effect.map(Effect.all([balances(shop), acknowledged(heard)]), (checks) => checks.flat())
  }
}

/** A coupon; `stock` is its quota. */
export const couponRush = (options: Options): Rush => {
  const shop = shopOf(options)
  const perUserLimit = Math.ceil((options.warmup + options.orders) / options.users)
  return {
    wanted: "coupon",
    opened: Effect.andThen(openShop(shop), openOffer({ quota: shop.stock, perUserLimit })),
    checks: issues
  }
}

/** A product, of which each order is a piece, made by one request and paid out of the wallet by the next. */
export const purchaseRush = (options: Options): Rush => {
  const shop = shopOf(options)
  return {
    wanted: "purchase",
    opened: openShop(shop),
    checks: (heard) =>
      Effect.map(
        Effect.all([balances(shop), reservations({ orders: 0, lost: heard.lost }), acknowledged(heard)]),
        (checks) => checks.flat()
      )
  }
}

export const measure = Effect.fnUntraced(function* (
  database: Database.Database,
  options: Options,
  rush: Rush = orderRush(options)
) {
  const opened = Effect.andThen(rush.opened, Effect.all([Database.describe, Database.counts]))
  const [description, countsBefore] = yield* Database.use(database, opened)

  const { load, before, after, acknowledgements } = yield* sale(database, options, rush.wanted)

  const lost = acknowledgements.lost + load.lost
  const checking = Effect.all([Database.counts, rush.checks({ orders: acknowledgements.ids, lost })])
  const [countsAfter, checks] = yield* Database.use(database, checking)
  const transactions = countsAfter.transactions - countsBefore.transactions
  const figures: Figures = {
    wanted: rush.wanted,
    database: `${database.name}: ${description}`,
    ordersPerSecond: load.done / load.seconds,
    load,
    batches: observed(before.metrics, after.metrics, "sluice_journal_batch_size"),
    costs: costs(before, after, load.cpuMicros),
    walBytesPerOrder: (countsAfter.walBytes - countsBefore.walBytes) / acknowledgements.ids.length,
    ordersPerTransaction: transactions > 0 ? acknowledgements.ids.length / transactions : undefined,
    checks
  }
  return figures
}, Effect.scoped)

/** From the start of a node to its end. */
const sale = Effect.fnUntraced(function* (database: Database.Database, options: Options, wanted: Plan["wanted"]) {
  const { users, connections, warmup, orders, secondsMost, cold = false, flags = [], settings } = options
  const fs = yield* FileSystem.FileSystem
  const idsFile = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "sluice-bench-" }), "ids")
  const secret = randomBytes(32).toString("base64")
  const node = yield* Node.start({ secret, database: { ...settings, ...database.settings }, flags })
  const instruments = Effect.all({
    metrics: node.metrics,
    node: node.cpuMicros,
    database: database.cpuMicros,
    machine: Effect.sync(machineMicros)
  })
  let before = yield* instruments
  let lost = 0
  const { host, port } = node
  const load = yield* Load.run({
    plan: { wanted, host, port, secret, connections, users, arrive: !cold, warmup, orders, secondsMost, idsFile },
    warmed: (warmed) => {
      lost = warmed.lost
      return Effect.tap(instruments, (read) => Effect.sync(() => (before = read)))
    },
    progress: showProgress
  })
  const after = yield* instruments
  const ids = (yield* fs.readFileString(idsFile)).split("\n").slice(0, -1)
  return { load, before, after, acknowledgements: { ids, lost } }
}, Effect.scoped)

interface Instruments {
  readonly node: number | undefined
  readonly database: number | undefined
  readonly machine: number | undefined
}

const costs = (before: Instruments, after: Instruments, generator: number): Costs => {
  const used = (of: keyof Instruments) => {
    const [from, to] = [before[of], after[of]]
    return from === undefined || to === undefined ? undefined : to - from
  }
  const [node, database, machine] = [used("node"), used("database"), used("machine")]
  const others = machine === undefined || node === undefined ? undefined : machine - node - (database ?? 0) - generator
  return { node, database, generator, others: others === undefined ? undefined : Math.max(0, others) }
}
