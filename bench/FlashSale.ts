/** The scenario `flash-sale`, and those like it, `coupon` and `purchase`: the sale on each database, again and again if asked, and the baseline to compare with. */
import { Config, Console, DateTime, Effect, FileSystem, Option } from "effect"
import * as path from "node:path"
import * as Services from "../dev/Services.ts"
import * as Baseline from "./Baseline.ts"
import * as Database from "./Database.ts"
import { failed } from "./Failure.ts"
import { spread } from "./Noise.ts"
import { hottest } from "./Profile.ts"
import * as Report from "./Report.ts"
import * as Sale from "./Sale.ts"

export interface Options extends Sale.Options {
  readonly databases: ReadonlyArray<"pglite" | "postgres">
  readonly repeat: number
  /** Seconds for each number of the baseline's clients; 0 for no baseline. */
  readonly baselineSeconds: number
  readonly cpuProfile: boolean
  /** What everybody wants; orders, if nothing is said. */
  readonly rush?: (options: Sale.Options) => Sale.Rush
}

/** The server that is given, or one for the occasion. */
export const serverUrl = Effect.gen(function* () {
  const given = yield* Config.option(Config.NonEmptyString("DATABASE_URL"))
  return Option.isSome(given) ? given.value : (yield* Services.postgres).url
}).pipe(Effect.mapError(({ message }) => failed(message)))

export const scenario = Effect.fnUntraced(function* (options: Options) {
  const pglite = options.databases.includes("pglite") ? yield* runs(Database.embedded, options) : []
  if (!options.databases.includes("postgres")) return { runs: pglite, baseline: undefined }
  const url = yield* serverUrl
  const postgres = yield* runs(Database.server(url), options)
  const baseline = options.baselineSeconds === 0 ? undefined : yield* compare(url, options, postgres)
  return { runs: [...pglite, ...postgres], baseline }
}, Effect.scoped)

const scenarioOf = { order: "flash-sale", coupon: "coupon", purchase: "purchase" } as const

const runs = Effect.fnUntraced(function* <E, R>(open: Effect.Effect<Database.Database, E, R>, options: Options) {
  const rush = (options.rush ?? Sale.orderRush)(options)
  const figures: Array<Sale.Figures> = []
  for (let run = 1; run <= options.repeat; run++) {
    const opened = Effect.tap(open, ({ name }) =>
      Console.log(`\n${scenarioOf[rush.wanted]} on ${name}, run ${run} of ${options.repeat}`)
    )
    const sale = Effect.flatMap(opened, (database) => profiled(database, `${database.name}-${run}`, options, rush))
    figures.push(yield* Effect.scoped(sale))
  }
  if (figures.length > 1) yield* Report.showRuns(figures)
  return figures
})

const profilesMost = 25

const profiled = Effect.fnUntraced(function* (
  database: Database.Database,
  name: string,
  options: Options,
  rush: Sale.Rush
) {
  if (!options.cpuProfile) return yield* Effect.tap(Sale.measure(database, options, rush), Report.showFigures)
  const fs = yield* FileSystem.FileSystem
  const started = DateTime.formatIso(yield* DateTime.now).replaceAll(":", "")
  const folder = path.join(import.meta.dirname, "results", `${started}-${name}`)
  const flags = [...(options.flags ?? []), "--cpu-prof", `--cpu-prof-dir=${folder}`]
  const figures = yield* Sale.measure(database, { ...options, flags }, rush)
  yield* Report.showFigures(figures)
  for (const file of yield* fs.readDirectory(folder)) {
    yield* Report.showProfile(file, yield* hottest(path.join(folder, file), profilesMost))
  }
  return figures
})

const compare = Effect.fnUntraced(function* (url: string, options: Options, sales: ReadonlyArray<Sale.Figures>) {
  yield* Console.log("\nbaseline: a stored procedure that locks the row, called by pgbench, on the same server")
  const measured = yield* Baseline.measure(url, { users: options.users, seconds: options.baselineSeconds })
  yield* Report.showBaseline(measured, spread(sales.map(({ ordersPerSecond }) => ordersPerSecond))?.median)
  return measured
})
