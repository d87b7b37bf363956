/** `npm run bench`, or `npm run bench -- <scenario> … --help`. */
import { NodeHttpClient, NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { cpus, loadavg } from "node:os"
import { version } from "node:process"
import { whole } from "../dev/Flags.ts"
import manifest from "../package.json" with { type: "json" }
import { demand } from "./Conservation.ts"
import * as FlashSale from "./FlashSale.ts"
import * as Memory from "./Memory.ts"
import * as Remote from "./Remote.ts"
import * as Sale from "./Sale.ts"
import * as Timers from "./Timers.ts"

const number = (name: string, fallback: number, bounds: readonly [number, number], about: string) =>
  Flag.withDefault(whole(name, bounds, `${about} (${fallback})`), fallback)

const options = {
  scenarios: Argument.Literals("scenario", ["flash-sale", "coupon", "purchase", "timers", "resident", "remote"]).pipe(
    Argument.withDescription("What to measure; flash-sale if nothing is said"),
    Argument.variadic({ max: 6 })
  ),
  users: number("users", 100_000, [1, 1_000_000], "Buyers, each with money and a token"),
  orders: number("orders", 100_000, [1, 2_000_000], "Orders that count"),
  warmup: number("warmup", 5000, [1, 100_000], "Orders before them"),
  cold: Flag.Boolean("cold").pipe(
    Flag.withDescription("The node sees every buyer for the first time; else all have looked at their balance before"),
    Flag.withDefault(false)
  ),
  stock: Flag.Int("stock").pipe(
    Flag.withDescription("Pieces on sale, or coupons, if they are to run out"),
    Flag.optional
  ),
  connections: number("connections", 256, [1, 10_000], "Connections; each has one order under way"),
  secondsMost: number("seconds", 120, [1, 3600], "The longest a run may take"),
  repeat: number("repeat", 1, [1, 100], "Runs, each on a new database"),
  database: Flag.Literals("database", ["pglite", "postgres", "both"]).pipe(
    Flag.withDescription("Embedded, a server (DATABASE_URL, or one for the occasion), or both"),
    Flag.withDefault("both")
  ),
  baselineSeconds: number("baseline", 5, [0, 60], "Seconds for each step of the baseline; 0: no baseline"),
  cpuProfile: Flag.Boolean("cpu-profile").pipe(
    Flag.withDescription("Leave a profile of each node in bench/results, and print where its time went"),
    Flag.withDefault(false)
  ),
  settings: Flag.KeyValuePair("setting").pipe(
    Flag.withDescription("A setting of the node: BATCH_SIZE=256"),
    Flag.withDefault({})
  ),
  nodeFlags: Flag.String("node-flags").pipe(
    Flag.withDescription("Flags for the node's Node, after =: --node-flags='--max-semi-space-size=64'"),
    Flag.withDefault("")
  ),
  deadlines: number("deadlines", 100_000, [1, 1_000_000], "Orders that wait for their payment, for timers"),
  actors: number("actors", 1_000_000, [1, 10_000_000], "Actors to make resident"),
  json: Flag.String("json").pipe(Flag.withDescription("A file for the figures"), Flag.optional)
}

const machine = {
  processors: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
  node: version,
  /** Of the last minute: the figures mean little if it is far from zero. */
  load: loadavg()[0]
}

const bench = Command.make("bench", options, ({ scenarios, stock, database, nodeFlags, actors, json, ...rest }) =>
  Effect.gen(function* () {
    yield* Console.log(`${machine.processors}, Node ${machine.node}, load ${machine.load?.toFixed(1)}`)
    const wanted = scenarios.length === 0 ? ["flash-sale"] : scenarios
    const flags = nodeFlags.split(" ").filter((flag) => flag !== "")
    const databases = database === "both" ? (["pglite", "postgres"] as const) : [database]
    const sale = { ...rest, stock: Option.getOrUndefined(stock), flags, databases }
    const flashSale = wanted.includes("flash-sale") ? yield* FlashSale.scenario(sale) : undefined
    const coupon = wanted.includes("coupon")
      ? yield* FlashSale.scenario({ ...sale, baselineSeconds: 0, rush: Sale.couponRush })
      : undefined
    const purchase = wanted.includes("purchase")
      ? yield* FlashSale.scenario({ ...sale, baselineSeconds: 0, rush: Sale.purchaseRush })
      : undefined
    const timers = wanted.includes("timers") ? yield* Timers.scenario({ ...rest, flags, databases }) : undefined
    const resident = wanted.includes("resident") ? yield* Memory.measure(actors) : undefined
    if (resident !== undefined) yield* Memory.show(resident)
    const remote = wanted.includes("remote") ? yield* Remote.scenario({ ...rest, flags }) : undefined
    if (Option.isSome(json))
      yield* write(json.value, { machine, flashSale, coupon, purchase, timers, resident, remote })
    const sold = [flashSale, coupon, purchase].flatMap((sales) => sales?.runs ?? [])
    for (const { checks } of [...sold, ...(timers ?? [])]) yield* demand(checks)
    if (resident !== undefined) yield* Memory.demand(resident, actors)
  })
).pipe(Command.withDescription("Measures Sluice on this machine"))

const write = (file: string, figures: unknown) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    fs.writeFileString(
      file,
      JSON.stringify(figures, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value), 2)
    )
  )

bench.pipe(
  Command.run({ version: manifest.version }),
  Effect.tapErrorTag("BenchFailed", ({ message }) => Console.error(message)),
  Effect.onInterrupt(() => Console.error("Interrupted")),
  Effect.provide([NodeServices.layer, NodeHttpClient.layerNodeHttp]),
  NodeRuntime.runMain
)
