/**
 * The scenario `remote`: what it costs to ask another node. A node that owns every partition and one that owns none are
 * sent the same orders, in turns: at a steady pace for the latency, and as fast as they answer for the processor's time.
 */
import { Console, Effect, Schema, Stream } from "effect"
import { randomBytes } from "node:crypto"
import { freePort } from "../dev/services/Machine.ts"
import * as Services from "../dev/Services.ts"
import * as Child from "../dev/Child.ts"
import * as Database from "./Database.ts"
import { failed } from "./Failure.ts"
import { serverUrl } from "./FlashSale.ts"
import { type Distribution, growth, observed } from "./Metrics.ts"
import * as Node from "./Node.ts"
import { type Pace, Paced } from "./Pace.ts"
import { openShop } from "./Shop.ts"

export interface Options {
  readonly users: number
  readonly connections: number
  readonly flags: ReadonlyArray<string>
  readonly settings: Readonly<Record<string, string>>
}

/** What an order came to, as fast as one node answers. */
export interface Flood {
  readonly ordersPerSecond: number
  /** Microseconds of processor time an order costs each node. */
  readonly owner: number
  readonly guest: number
}

export interface Figures {
  /** At a steady pace: the owner, then the guest. */
  readonly steady: Paced
  /** The owner was asked. */
  readonly alone: Flood
  /** The guest was asked. */
  readonly asked: Flood
  /** Of the guest's messages under flood. */
  readonly messages: Distribution | undefined
}

/** A checkout of one product holds two actors. */
const holdsOfAnOrder = 2
const price = 1000
const steadyOrdersPerSecond = 500
const steadyTurns = 12
const floodSeconds = 8

export const scenario = (options: Options) =>
  Console.log("\nremote: orders asked of their owner, and of a node that owns nothing").pipe(
    Effect.andThen(serverUrl),
    Effect.flatMap((url) => measure(url, options)),
    Effect.tap(show),
    Effect.scoped
  )

const measure = Effect.fnUntraced(function* (postgres: string, options: Options) {
  const redis = yield* Effect.mapError(Services.redisServer, ({ message }) => failed(message))
  const database = yield* Database.server(postgres)
  const { users, connections, flags } = options
  yield* Database.use(database, openShop({ users, price, funds: 1_000_000_000, stock: 10_000_000 }))
  const secret = randomBytes(32).toString("base64")
  const boot = Effect.fnUntraced(function* (role: "owner" | "guest") {
    const settings = {
      ...options.settings,
      ...database.settings,
      REDIS_URL: redis.url,
      CLUSTER_SECRET: secret,
      CLUSTER_ROLE: role,
      CLUSTER_PORT: String(yield* freePort.pipe(Effect.mapError(({ message }) => failed(message))))
    }
    return yield* Node.start({ secret, database: settings, flags })
  })
  const owner = yield* boot("owner")
  const guest = yield* boot("guest")

  const run = (pace: Pick<Pace, "prefix" | "ports" | "ordersPerSecond" | "turns" | "turnSeconds">) =>
    steady({ ...pace, host: owner.host, secret, users, connections })
  /** As fast as one of them answers; what is not counted of the generator's orders costs too. */
  const flood = Effect.fnUntraced(function* (node: typeof owner, prefix: string) {
    const instruments = Effect.all([owner.cpuMicros, guest.cpuMicros, node.metrics])
    const [ownerBefore = 0, guestBefore = 0, before] = yield* instruments
    const [paced] = yield* run({ prefix, ports: [node.port], ordersPerSecond: 0, turns: 1, turnSeconds: floodSeconds })
    const [ownerAfter = 0, guestAfter = 0, after] = yield* instruments
    const orders = growth(before, after, "sluice_journal_verdicts") ?? 0
    if (paced === undefined) return yield* failed("Nobody was asked")
    const came: Flood = {
      ordersPerSecond: paced.sold / paced.seconds,
      owner: (ownerAfter - ownerBefore) / orders,
      guest: (guestAfter - guestBefore) / orders
    }
    return { came, messages: observed(before, after, "sluice_remote_batch_size") }
  })

  const ports = [owner.port, guest.port]
  const paced = yield* run({
    prefix: "steady",
    ports,
    ordersPerSecond: steadyOrdersPerSecond,
    turns: steadyTurns,
    turnSeconds: 1
  })
  const alone = yield* flood(owner, "alone")
  const asked = yield* flood(guest, "asked")
  const figures: Figures = { steady: paced, alone: alone.came, asked: asked.came, messages: asked.messages }
  return figures
}, Effect.scoped)

const steady = Effect.fnUntraced(function* (pace: Pace) {
  const child = yield* Child.start({ args: ["bench/steady.ts", JSON.stringify(pace)] })
  const said = yield* Stream.mkString(child.lines).pipe(Effect.timeout("10 minutes"))
  const paced = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Paced))(said).pipe(
    Effect.catchTag("SchemaError", () =>
      Effect.flatMap(child.complaint, (complaint) => Effect.fail(failed(`Nothing was ordered:\n${complaint}`)))
    )
  )
  return paced.every((each) => each.failed === 0) ? paced : yield* failed(`Orders failed: ${JSON.stringify(paced)}`)
}, Effect.scoped)

const millis = (micros: number) => `${(micros / 1000).toFixed(1)} ms`

export const show = ({ steady: [own, remote], alone, asked, messages }: Figures) => {
  const lines = [
    ["asked the owner", `p50 ${millis(own?.p50 ?? NaN)}, p99 ${millis(own?.p99 ?? NaN)}`],
    ["asked the guest", `p50 ${millis(remote?.p50 ?? NaN)}, p99 ${millis(remote?.p99 ?? NaN)}`],
    ["  more", `p50 ${millis((remote?.p50 ?? NaN) - (own?.p50 ?? NaN))}`],
    ["under flood, owner", floodOf(alone)],
    ["under flood, guest", floodOf(asked)],
    ["  of a core", `the guest does ${((alone.owner / asked.guest) * 100).toFixed(0)} % of the owner's orders`],
    [
      "a remote hold",
      `${((asked.owner + asked.guest - alone.owner) / holdsOfAnOrder).toFixed(0)} µs, both nodes together`
    ],
    ["messages", `of ${messages?.mean.toFixed(1)} asks and tells on average`]
  ] as const
  return Effect.forEach(lines, ([name, value]) => Console.log(`  ${name.padEnd(20)} ${value}`), { discard: true })
}

const floodOf = ({ ordersPerSecond, owner, guest }: Flood) =>
  `${ordersPerSecond.toFixed(0)} orders/s; an order costs the owner ${owner.toFixed(0)} µs, the guest ${guest.toFixed(0)} µs`
