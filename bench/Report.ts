/** What a person reads. */
import { Array as Arr, Console, Effect } from "effect"
import { stdout } from "node:process"
import type { Measured as Baseline } from "./Baseline.ts"
import { type Check, holds } from "./Conservation.ts"
import type { Figures } from "./Sale.ts"
import type { Latency, Progress } from "./load/Protocol.ts"
import type { Distribution } from "./Metrics.ts"
import type { Profile } from "./Profile.ts"
import { type Spread, spread } from "./Noise.ts"
import type { Figures as Timers, Idle } from "./Timers.ts"

interface Words {
  readonly one: string
  readonly many: string
  /** The requests one is made of, and the status each should be answered with. */
  readonly calls: ReadonlyArray<readonly [name: string, status: string]>
  /** So many a second, on two cores. */
  readonly goal?: number
}

const words: Record<Figures["wanted"], Words> = {
  order: { one: "an order", many: "orders", calls: [["checkout", "201"]] },
  coupon: { one: "a coupon", many: "coupons", calls: [["issue", "201"]] },
  purchase: {
    one: "a purchase",
    many: "purchases",
    calls: [
      ["create", "201"],
      ["pay", "200"]
    ],
    goal: 4000
  }
}

const whole = (value: number) => Math.round(value).toLocaleString("en")
const tenths = (value: number) => value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const millis = (micros: number) => `${tenths(micros / 1000)} ms`

const rows = (lines: ReadonlyArray<readonly [string, string]>) =>
  Effect.forEach(lines, ([name, value]) => Console.log(`  ${name.padEnd(20)} ${value}`), { discard: true })

/** A line that overwrites itself on a terminal, one every five seconds elsewhere. */
export const showProgress = ({ second, rate, done, failed }: typeof Progress.Type) =>
  Effect.sync(() => {
    const line = `  ${second} s: ${whole(rate)} orders/s, ${whole(done)} done, ${whole(failed)} failed`
    if (stdout.isTTY) stdout.write(`\r\u001b[K${line}`)
    else if (second % 5 === 0) stdout.write(`${line}\n`)
  })

export const showFigures = Effect.fnUntraced(function* ({ load, checks, ...figures }: Figures) {
  if (stdout.isTTY) yield* Effect.sync(() => stdout.write("\r\u001b[K"))
  const { one, many, calls, goal } = words[figures.wanted]
  const slices = spread(load.slices)
  yield* rows([
    ["database", figures.database],
    [`durable ${many}/s`, `${whole(figures.ordersPerSecond)}${goal === undefined ? "" : ` (goal: ${whole(goal)})`}`],
    ["  in 1 s slices", slices === undefined ? "the run was too short" : range(slices)],
    ["latency", latency(load.latencyMicros)],
    ...(calls.length === 1 ? [] : Arr.zip(calls, load.callMicros)).map(
      ([[name], micros]) => [`  to ${name}`, latency(micros)] as const
    ),
    ["answers", `${whole(load.done)} sold in ${tenths(load.seconds)} s${others(load.statuses, calls)}`],
    ...Object.entries(load.samples).map(([status, body]) => [`  such as ${status}`, body] as const),
    ["  lost", `${load.lost}${load.lost === 0 ? "" : ` ${JSON.stringify(load.broken)}`}`],
    ["batches", figures.batches === undefined ? "the node does not tell" : distribution(figures.batches)],
    [
      "SQL transactions",
      figures.ordersPerTransaction === undefined
        ? "the database does not tell"
        : `one for ${tenths(figures.ordersPerTransaction)} ${many}`
    ],
    [`${one} costs`, cost(figures, load.done)],
    ["others' processes", noise(figures.costs.others, load.seconds)],
    ["adds up", addedUp(checks)]
  ])
})

const addedUp = (checks: ReadonlyArray<Check>) => {
  const broken = checks.filter((check) => !holds(check)).length
  return broken === 0 ? `yes: all ${checks.length} checks hold` : `NO: ${broken} of ${checks.length} checks fail`
}

const latency = ({ p50, p95, p99, p999, max }: Latency) =>
  `p50 ${millis(p50)}, p95 ${millis(p95)}, p99 ${millis(p99)}, p99.9 ${millis(p999)}, max ${millis(max)}`

const others = (statuses: Readonly<Record<string, number>>, calls: Words["calls"]) =>
  Object.entries(statuses)
    .filter(([answered]) => calls.every(([, status]) => status !== answered))
    .map(([status, count]) => `, ${whole(count)} answered ${status}`)
    .join("")

const cost = ({ costs, walBytesPerOrder }: Pick<Figures, "costs" | "walBytesPerOrder">, sold: number) => {
  const each = (micros: number) => `${tenths(micros / sold)} µs`
  const node = costs.node === undefined ? "node unknown here" : `node ${each(costs.node)}`
  const database =
    costs.database === undefined ? "database within the node, or unknown" : `database ${each(costs.database)}`
  return `${node}, ${database}, generator ${each(costs.generator)}; ${whole(walBytesPerOrder)} bytes of WAL`
}

const noise = (micros: number | undefined, seconds: number) =>
  micros === undefined ? "unknown here" : `took ${whole(micros / 1e4 / seconds)} % of a processor meanwhile`

/** The median of several runs, and how far apart they were. */
export const showRuns = (runs: ReadonlyArray<Figures>) => {
  const orders = spread(runs.map(({ ordersPerSecond }) => ordersPerSecond))
  const [first] = runs
  return orders === undefined || first === undefined
    ? Effect.void
    : Console.log(`\n  durable ${words[first.wanted].many}/s of ${runs.length} runs: ${range(orders)}`)
}

export const showBaseline = Effect.fnUntraced(function* (measured: ReadonlyArray<Baseline>, ours: number | undefined) {
  yield* rows(
    measured.map(({ procedure, clients, ordersPerSecond, databaseMicrosPerOrder: micros }) => [
      procedure,
      `${String(clients).padStart(3)} clients: ${whole(ordersPerSecond)} orders/s` +
        (micros === undefined ? "" : `, database ${tenths(micros)} µs an order`)
    ])
  )
  const best = Math.max(...measured.map(({ ordersPerSecond }) => ordersPerSecond))
  if (ours !== undefined) yield* rows([["ours / the best", `${tenths(ours / best)} ×`]])
})

export const showProfile = (file: string, { functions, areas }: Profile) =>
  Effect.forEach([areas, functions], (shares, index) =>
    Effect.andThen(
      Console.log(`  ${file}: the thread's time, by ${index === 0 ? "area" : "function"}`),
      Effect.forEach(shares, ({ where, percent }) => Console.log(`  ${tenths(percent).padStart(5)} % ${where}`))
    )
  )

const range = ({ median, min, max }: Spread) => `median ${whole(median)}, ${whole(min)}–${whole(max)}`

const distribution = ({ count, mean, buckets }: Distribution) => {
  const filled = buckets.filter((bucket) => bucket.count > 0)
  const shares = filled.map((bucket) => `≤${bucket.bound}: ${whole((bucket.count / count) * 100)} %`)
  return `${whole(count)} of ${tenths(mean)} transactions on average; ${shares.join(", ")}`
}

export const showTimers = ({ without, lateMicros, checks, ...figures }: Timers) =>
  rows([
    ["database", figures.database],
    ["no deadlines", idle(without)],
    [`${whole(figures.deadlines)} of them`, idle(figures.with)],
    ["they cost", `${more(without.node, figures.with.node)} of a core in the node (goal: less than 1 %)`],
    ["lateness", `${latency(lateMicros)} (goal: less than 1 s)`],
    ["others' processes", `took ${share(without.others)}, then ${share(figures.with.others)}`],
    ["adds up", addedUp(checks)]
  ])

const hundredths = (value: number) => value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })

const idle = ({ node, database }: Idle) =>
  `node ${share(node)}, database ${database === undefined ? "within the node, or unknown" : share(database)}`

const share = (percent: Spread | undefined) =>
  percent === undefined
    ? "unknown here"
    : `${hundredths(percent.median)} % of a core (${hundredths(percent.min)}–${hundredths(percent.max)})`

const more = (without: Spread | undefined, withThem: Spread | undefined) =>
  without === undefined || withThem === undefined ? "unknown" : `${hundredths(withThem.median - without.median)} %`
