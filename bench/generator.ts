/**
 * The load: a process of its own, started by the bench, that orders over many connections and says how it went. See
 * `load/Protocol.ts` for what goes in and out. It ends with its stdin, so it never outlives the bench.
 */
import { Schema } from "effect"
import { writeFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Buyer, type Sale, type Template } from "./load/Buyer.ts"
import { Histogram } from "./load/Histogram.ts"
import { type Message, Plan } from "./load/Protocol.ts"
import { idIn, requests, uuidLength } from "./load/Requests.ts"
import { mint } from "./load/Tokens.ts"

const say = (message: Message) => process.stdout.write(`${JSON.stringify(message)}\n`)

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const firstLine = await lines.next()
const plan = Schema.decodeUnknownSync(Schema.fromJsonString(Plan))(firstLine.value)
process.stdin.on("end", () => process.exit(1))

const mintingAt = performance.now()
const tokens = mint(plan.secret, plan.users)
const mintedMs = performance.now() - mintingAt

const { arrival, errand } = requests({ ...plan, keys: "flash-sale" }, tokens)
const { steps: ordering, idMark } = errand(plan.wanted)
const arriving = [arrival()]

const ids = Buffer.alloc((plan.warmup + plan.orders) * (uuidLength + 1), "\n")
let acknowledged = 0

/** An acknowledgement without an id leaves an empty line, which the check will not forgive. */
const remember = (body: Buffer) => {
  idIn(body, idMark).copy(ids, acknowledged * (uuidLength + 1))
  acknowledged++
}

/** The counts of one phase. */
const tally = () => ({
  latency: new Histogram(),
  calls: ordering.map(() => new Histogram()),
  statuses: new Map<number, number>(),
  samples: new Map<number, string>(),
  broken: new Map<string, number>(),
  lost: 0,
  done: 0,
  failed: 0
})

const latencyOf = (latency: Histogram) => ({
  p50: latency.percentile(0.5),
  p95: latency.percentile(0.95),
  p99: latency.percentile(0.99),
  p999: latency.percentile(0.999),
  max: latency.max
})

const plus1 = <K>(counts: Map<K, number>, key: K) => counts.set(key, (counts.get(key) ?? 0) + 1)

let steps: ReadonlyArray<Template> = ordering
let current = tally()
let nextOrder = 0
let lastOrder = 0
let buying = 0
let stopped = false
let phaseOver = () => {}
let reconnectsLeft = 10 * plan.connections

const sale: Sale = {
  host: plan.host,
  port: plan.port,
  steps: () => steps,
  next: () => (nextOrder < lastOrder && !stopped ? nextOrder++ : undefined),
  answered: (step, status, micros, body) => {
    current.calls[step]?.record(micros)
    plus1(current.statuses, status)
    const isNews = status !== steps[step]?.hoped && !current.samples.has(status)
    if (isNews) current.samples.set(status, body.toString("utf8"))
  },
  over: (isBought, micros, body) => {
    current.latency.record(micros)
    if (!isBought) current.failed++
    else {
      current.done++
      if (steps === ordering) remember(body)
    }
  },
  broken: (why, outstanding) => {
    plus1(current.broken, why)
    if (!outstanding) return
    current.lost++
    current.failed++
  },
  mayReconnect: () => !stopped && reconnectsLeft-- > 0,
  left: () => {
    if (--buying === 0) phaseOver()
  }
}

const buyers = Array.from({ length: plan.connections }, () => new Buyer(sale))

/** Orders up to number `last`, and returns once every answer is in, or has had its time. */
const phase = async (last: number, secondsMost: number) => {
  current = tally()
  lastOrder = last
  stopped = false
  const { promise, resolve } = Promise.withResolvers<void>()
  phaseOver = resolve
  buying = buyers.length
  const stop = setTimeout(() => (stopped = true), secondsMost * 1000)
  const giveUp = setTimeout(() => buyers.forEach((buyer) => buyer.abandon()), (secondsMost + 15) * 1000)
  for (const buyer of buyers) buyer.buy()
  await promise
  clearTimeout(stop)
  clearTimeout(giveUp)
}

const counted = () => ({
  done: current.done,
  statuses: Object.fromEntries(current.statuses),
  samples: Object.fromEntries(current.samples),
  lost: current.lost,
  broken: Object.fromEntries(current.broken)
})

if (plan.arrive) {
  steps = arriving
  await phase(plan.users, 120)
  if (current.done < plan.users) throw new Error(`Not all could arrive: ${JSON.stringify(counted())}`)
  steps = ordering
  nextOrder = 0
}
await phase(plan.warmup, 60)
say({ _tag: "Warmed", ...counted(), mintedMs })
await lines.next()

const slices: Array<number> = []
const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
let sliceAt = startedAt
let sliceDone = 0
const slicing = setInterval(() => {
  const now = performance.now()
  const rate = ((current.done - sliceDone) / (now - sliceAt)) * 1000
  slices.push(rate)
  sliceAt = now
  sliceDone = current.done
  say({ _tag: "Progress", second: slices.length, rate, done: current.done, failed: current.failed })
}, 1000)

await phase(plan.warmup + plan.orders, plan.secondsMost)
const seconds = (performance.now() - startedAt) / 1000
clearInterval(slicing)
const cpu = process.cpuUsage(cpuBefore)
writeFileSync(plan.idsFile, ids.subarray(0, acknowledged * (uuidLength + 1)))
say({
  _tag: "Done",
  ...counted(),
  seconds,
  slices,
  latencyMicros: latencyOf(current.latency),
  callMicros: current.calls.map(latencyOf),
  cpuMicros: cpu.user + cpu.system
})
process.exit(0)
