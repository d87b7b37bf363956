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
import { mint } from "./load/Tokens.ts"
import { couponUuid, productUuid, userUuid } from "./Shop.ts"

const say = (message: Message) => process.stdout.write(`${JSON.stringify(message)}\n`)

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const firstLine = await lines.next()
const plan = Schema.decodeUnknownSync(Schema.fromJsonString(Plan))(firstLine.value)
process.stdin.on("end", () => process.exit(1))

/** Idempotency keys differ by the number of the order alone. */
const digits = 9
const zero = 48

const mintingAt = performance.now()
const tokens = mint(plan.secret, plan.users)
const mintedMs = performance.now() - mintingAt

/** A request with a place for the buyer's token. */
const requestOf = (line: string, headers: ReadonlyArray<string>, body = "") => {
  const asking = `Authorization: Bearer ${"t".repeat(tokens.length)}`
  const head = [line, `Host: ${plan.host}:${plan.port}`, asking, ...headers].join("\r\n")
  const tokenAt = head.indexOf(asking) + asking.length - tokens.length
  const writeToken = (number: number, request: Buffer) => {
    const from = (number % plan.users) * tokens.length
    tokens.bytes.copy(request, tokenAt, from, from + tokens.length)
  }
  return { bytes: Buffer.from(`${head}\r\n\r\n${body}`, "latin1"), headLength: head.length, writeToken }
}

/** What is asked for, and what of the answer is remembered. */
const wanted = {
  order: {
    path: "/api/v1/checkout",
    body: { items: [{ productId: `prd_${productUuid}`, quantity: 1 }] },
    idMark: '"orderId":"ord_'
  },
  coupon: {
    path: "/api/v1/coupons/issue/limited",
    body: { couponId: `cpn_${couponUuid}` },
    idMark: '"userCouponId":"uco_'
  }
}[plan.wanted]

const order = (): Template => {
  const body = JSON.stringify(wanted.body)
  const { bytes, headLength, writeToken } = requestOf(
    `POST ${wanted.path} HTTP/1.1`,
    [
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
      `Idempotency-Key: flash-sale-${"0".repeat(digits)}`
    ],
    body
  )
  const fill = (number: number, request: Buffer) => {
    writeToken(number, request)
    let rest = number
    for (let at = headLength - 1; at >= headLength - digits; at--) {
      request[at] = zero + (rest % 10)
      rest = Math.floor(rest / 10)
    }
  }
  return { bytes, fill }
}

/** A look at one's balance. */
const arrival = (): Template => {
  const path = "GET /api/v1/balances/usr_"
  const { bytes, writeToken } = requestOf(`${path}${userUuid(0)} HTTP/1.1`, [])
  const fill = (user: number, request: Buffer) => {
    writeToken(user, request)
    request.write(userUuid(user), path.length, "latin1")
  }
  return { bytes, fill }
}

const uuidLength = 36
const ids = Buffer.alloc((plan.warmup + plan.orders) * (uuidLength + 1), "\n")
let acknowledged = 0
const idMark = Buffer.from(wanted.idMark)

const remember = (body: Buffer) => {
  const at = body.indexOf(idMark)
  // An acknowledgement without an id leaves an empty line, which the check will not forgive.
  if (at >= 0) {
    const from = at + idMark.length
    body.copy(ids, acknowledged * (uuidLength + 1), from, from + uuidLength)
  }
  acknowledged++
}

/** The counts of one phase. */
const tally = () => ({
  latency: new Histogram(),
  statuses: new Map<number, number>(),
  samples: new Map<number, string>(),
  broken: new Map<string, number>(),
  lost: 0,
  done: 0,
  failed: 0
})

const plus1 = <K>(counts: Map<K, number>, key: K) => counts.set(key, (counts.get(key) ?? 0) + 1)

const ordering = order()
let template = ordering
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
  template: () => template,
  next: () => (nextOrder < lastOrder && !stopped ? nextOrder++ : undefined),
  answered: (status, micros, body) => {
    current.latency.record(micros)
    plus1(current.statuses, status)
    if (status === 201) {
      current.done++
      remember(body)
    } else if (template !== ordering && status === 200) {
      current.done++
    } else {
      current.failed++
      if (!current.samples.has(status)) current.samples.set(status, body.toString("utf8"))
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
  statuses: Object.fromEntries(current.statuses),
  samples: Object.fromEntries(current.samples),
  lost: current.lost,
  broken: Object.fromEntries(current.broken)
})

if (plan.arrive) {
  template = arrival()
  await phase(plan.users, 120)
  if (current.done < plan.users) throw new Error(`Not all could arrive: ${JSON.stringify(counted())}`)
  template = ordering
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
const { latency } = current
say({
  _tag: "Done",
  ...counted(),
  seconds,
  slices,
  latencyMicros: {
    p50: latency.percentile(0.5),
    p95: latency.percentile(0.95),
    p99: latency.percentile(0.99),
    p999: latency.percentile(0.999),
    max: latency.max
  },
  cpuMicros: cpu.user + cpu.system
})
process.exit(0)
