/** A cluster of real processes on a real Postgres and a Redis of its own, and clients that go where they are answered. */
import { assert } from "@effect/vitest"
import { type Duration, Effect, Exit, Fiber, Option, Schedule, Schema, Scope } from "effect"
import { Redis } from "ioredis"
import { partitionOf } from "../../src/actors/Placement.ts"
import * as Services from "../../dev/Services.ts"
import { freePort } from "../../dev/services/Machine.ts"
import { freshDatabase } from "../setup/Database.ts"
import { direct, links, type Place } from "./Links.ts"
import { type Answer, Balance, Bought, call, expect, secret, shop, start, Stocked } from "./Nodes.ts"

export const partitions = 16
const admin = { loginId: "admin", password: "correct horse battery" }

type Running = Effect.Success<ReturnType<typeof start>>

const Places = Schema.Struct({
  nodes: Schema.Array(Schema.String),
  partitions: Schema.Array(
    Schema.Struct({ partition: Schema.Int, owner: Schema.NullOr(Schema.String), epoch: Schema.Int })
  )
})
export type Where = typeof Places.Type

/** One place in the cluster; the process in it may be another one by and by. */
export interface Member {
  readonly address: string
  readonly place: Place
  readonly node: Running
  readonly scope: Scope.Closeable
}

/** A Postgres and a Redis that may be broken, and links to them that may be. */
export const breakable = Effect.gen(function* () {
  const postgres = yield* Services.postgresServer
  const redis = yield* Services.redisServer
  const urls = { postgres: yield* Services.freshDatabase(postgres.url), redis: redis.url }
  return { postgres, redis, urls, ...links(urls) }
})
export type Breakable = Effect.Success<typeof breakable>

/** On the Postgres of all tests. */
const shareable = Effect.gen(function* () {
  const redis = yield* Services.redisServer
  return { redis, place: direct({ postgres: yield* freshDatabase, redis: redis.url }) }
})

export const cluster = (count: number, settings: Record<string, string> = {}) =>
  Effect.flatMap(shareable, (ground) => clusterOn(ground, count, settings))

export const clusterOn = Effect.fnUntraced(function* (
  { redis, place: newPlace }: Pick<Breakable, "redis" | "place">,
  count: number,
  given: Record<string, string> = {}
) {
  const env = {
    DATABASE_CONNECTIONS: "4",
    CLUSTER_SECRET: secret,
    PARTITIONS: String(partitions),
    DRAIN_GRACE_MS: "300",
    ADMIN_LOGIN_ID: admin.loginId,
    ADMIN_PASSWORD: admin.password,
    ...given
  }
  const members: Array<Member> = []
  /** Processes started by one test may serve the next. */
  const whole = yield* Effect.scope

  const boot = Effect.fnUntraced(function* (address: string, place: Place, settings: Record<string, string> = {}) {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const port = address.slice(address.indexOf(":") + 1)
    yield* place.reachable
    const node = yield* Scope.provide(start({ ...env, ...place.env, CLUSTER_PORT: port, ...settings }), scope)
    yield* Effect.forkScoped(Effect.andThen(Effect.ignore(node.exitCode), place.unreachable))
    return { address, place, node, scope } satisfies Member
  }, Scope.provide(whole))
  const join = Effect.fnUntraced(function* (settings: Record<string, string> = {}) {
    const address = `127.0.0.1:${yield* freePort}`
    const member = yield* boot(address, yield* Scope.provide(newPlace(address), whole), settings)
    members.push(member)
    return member
  })
  /** Another process in the place of one that has ended. */
  const again = Effect.fnUntraced(function* (member: Member) {
    const next = yield* boot(member.address, member.place)
    members.splice(members.indexOf(member), 1, next)
    return next
  })

  // The first makes the tables.
  const first = yield* join()
  yield* Effect.all(
    Array.from({ length: count - 1 }, () => join()),
    { concurrency: 2 }
  )

  const { accessToken: token } = yield* expect(
    call(`${first.node.api}/auth/login`, { body: admin }),
    Schema.Struct({ accessToken: Schema.String })
  )
  /** What a node thinks where everything is. */
  const whereAt = (member: Member): Effect.Effect<Option.Option<Where>> =>
    Effect.map(call(`${member.node.api}/admin/cluster`, { token }), (answer) =>
      Option.flatMap(answer, ({ body }) => Schema.decodeUnknownOption(Places)(body))
    )
  /** These, asked, say that all partitions are shared by them and nobody else. */
  const shared = (by: ReadonlyArray<Member>, within: Duration.Input = "20 seconds") =>
    Effect.forEach(by, whereAt).pipe(
      Effect.filterOrFail((views) =>
        views.every((view) =>
          Option.exists(view, (where) => {
            const owners = where.partitions.map(({ owner }) => owner)
            const shares = by.map(({ address }) => owners.filter((owner) => owner === address).length)
            const all = shares.reduce((sum, share) => sum + share, 0) === partitions
            return all && Math.max(...shares) - Math.min(...shares) <= 2
          })
        )
      ),
      Effect.retry(Schedule.spaced("50 millis")),
      Effect.timeout(within),
      Effect.tapError(() =>
        Effect.flatMap(Effect.forEach(by, whereAt), (views) => Effect.logError(JSON.stringify(views)))
      )
    )
  yield* shared(members)

  /** Who sells the product. */
  const ownerOf = Effect.fnUntraced(function* ({ at: { productId } }: Sale) {
    const [asked] = members
    const { partitions: all } = yield* Effect.flatMap(whereAt(asked ?? first), Effect.fromOption)
    const partition = partitionOf("product", productId, partitions)
    const owner = members.find(({ address }) => address === all[partition]?.owner)
    return yield* Effect.fromNullishOr(owner)
  })

  const flushRedis = Effect.acquireUseRelease(
    Effect.sync(() => new Redis(redis.url)),
    (client) => Effect.promise(() => client.flushall()),
    (client) => Effect.sync(() => client.disconnect())
  )
  return { redis, members, join, again, shared, whereAt, ownerOf, flushRedis }
})

export type Cluster = Effect.Success<ReturnType<typeof cluster>>

/** Where nobody listens, a balancer asks somebody else. */
export type Sent = { readonly _tag: "Answered"; readonly answer: Answer } | { readonly _tag: "Refused" | "Broken" }

const Refusal = Schema.Struct({ cause: Schema.Struct({ code: Schema.Literal("ECONNREFUSED") }) })

export const send = (url: string, token: string, key: string, body: unknown): Effect.Effect<Sent> =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, {
        method: "POST",
        signal,
        headers: { authorization: `Bearer ${token}`, "idempotency-key": key, "content-type": "application/json" },
        body: JSON.stringify(body)
      })
      const answer = { status: response.status, headers: response.headers, body: await response.json() }
      return { _tag: "Answered", answer } satisfies Sent
    },
    catch: (error): Sent => ({ _tag: Schema.is(Refusal)(error) ? "Refused" : "Broken" })
  }).pipe(
    Effect.timeoutOption("15 seconds"),
    Effect.map(Option.getOrElse((): Sent => ({ _tag: "Broken" }))),
    Effect.catch(Effect.succeed)
  )

export interface Sale {
  readonly stock: number
  readonly money: number
  readonly at: Effect.Success<ReturnType<typeof shop>>
}

export const sale = Effect.fnUntraced(function* ({ members }: Cluster, stock = 100_000) {
  const money = stock * 1000
  const [first] = members
  assert.isDefined(first)
  return { stock, money, at: yield* shop(first.node.api, { stock, money }) } satisfies Sale
})

/** Clients that buy, one piece after the other, each somewhere else, until they are stopped. */
export const buying = Effect.fnUntraced(function* (
  { members }: Cluster,
  { at: { productId, buyer } }: Sale,
  options: {
    readonly clients?: number
    readonly prefix?: string
    readonly at?: (round: number) => Member | undefined
  } = {}
) {
  const { clients = 8, prefix = "order", at = (round) => members[round % members.length] } = options
  const orders = new Set<string>()
  const failures: Array<string> = []
  const until = { stopped: false }
  let [round, acknowledged, lastAt, longestGapMs] = [0, 0, performance.now(), 0]

  /** Those that said they are about to stop. */
  const leaving = new WeakSet<Member>()
  const next = () => {
    const candidates = Array.from({ length: members.length }, () => at(round++))
    return candidates.find((member) => member !== undefined && !leaving.has(member))
  }

  const insist = Effect.fnUntraced(function* (key: string) {
    for (;;) {
      const member = next()
      if (member === undefined) return
      const body = { items: [{ productId, quantity: 1 }] }
      const sent = yield* send(`${member.node.api}/checkout`, buyer.token, key, body)
      if (sent._tag === "Answered" && sent.answer.headers.get("connection") === "close") leaving.add(member)
      if (sent._tag === "Answered" && sent.answer.status === 201) {
        orders.add(Schema.decodeUnknownSync(Bought)(sent.answer.body).orderId)
        acknowledged++
        const now = performance.now()
        longestGapMs = Math.max(longestGapMs, now - lastAt)
        lastAt = now
        return
      }
      if (sent._tag === "Answered") failures.push(`${sent.answer.status} ${JSON.stringify(sent.answer.body)}`)
      if (sent._tag === "Broken") failures.push("Broken")
      yield* Effect.sleep("10 millis")
    }
  })
  const fiber = yield* Effect.forkChild(
    Effect.forEach(
      Array.from({ length: clients }, (_, client) => client),
      Effect.fnUntraced(function* (client) {
        for (let n = 0; !until.stopped; n++) yield* insist(`${prefix}-${client}-${n}`)
      }),
      { concurrency: clients, discard: true }
    )
  )
  const reached = (count: number) =>
    Effect.suspend(() => (acknowledged >= count ? Effect.void : Effect.fail("not yet"))).pipe(
      Effect.retry(Schedule.spaced("5 millis")),
      Effect.timeout("60 seconds")
    )
  return {
    failures,
    orders,
    acknowledged: () => acknowledged,
    /** Waits for so many more. */
    more: (count: number) => Effect.suspend(() => reached(acknowledged + count)),
    /** From now on. */
    forgetGaps: Effect.sync(() => void ([lastAt, longestGapMs] = [performance.now(), 0])),
    longestGapMs: () => longestGapMs,
    stop: Effect.suspend(() => ((until.stopped = true), Fiber.await(fiber))).pipe(Effect.timeout("60 seconds"))
  }
})

/** How many transactions the database has refused a node because somebody else had claimed a partition of theirs. */
export const fencedAt = ({ node }: Member) =>
  Effect.promise(async () => {
    const metrics = await (await fetch(`${node.origin}/metrics`)).text()
    return Number(/^sluice_journal_verdicts\{verdict="Fenced"\} (\d+)/m.exec(metrics)?.[1] ?? 0)
  })

/** What a node tells a balancer. */
export const readiness = (member: Member) =>
  Effect.map(call(`${member.node.origin}/health/ready`), (answer) => Option.getOrUndefined(answer)?.status)

/** Waits until a node tells it. */
export const untilReady = (member: Member, status: 200 | 503) =>
  readiness(member).pipe(
    Effect.filterOrFail((told) => told === status),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("20 seconds")
  )

/** What one node says is in stock. */
export const stockAt = Effect.fnUntraced(function* (member: Member | undefined, { at: { productId } }: Sale) {
  const { stock } = yield* expect(call(`${member?.node.api}/products/${productId}`), Stocked)
  return stock
})

/** Every node says the same, and it is what was acknowledged. */
export const addsUp = Effect.fnUntraced(function* (
  { members }: Cluster,
  { stock, money, at: { productId, buyer } }: Sale,
  orders: ReadonlySet<string>
) {
  const expected = { stock: stock - orders.size, balance: money - 1000 * orders.size }
  for (const { node } of members) {
    const left = Effect.gen(function* () {
      const product = yield* expect(call(`${node.api}/products/${productId}`), Stocked)
      const { balance } = yield* expect(call(`${node.api}/balances/${buyer.userId}`, { token: buyer.token }), Balance)
      return { stock: product.stock, balance }
    })
    // What a lost word left held is given back at its deadline.
    const settled = left.pipe(
      Effect.catchCause(() => Effect.succeed(undefined)),
      Effect.repeat({
        until: (seen) => JSON.stringify(seen) === JSON.stringify(expected),
        schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "20 seconds" }))
      })
    )
    assert.deepStrictEqual(yield* settled, expected)
  }
})

/** The end of a sale: nobody was failed, and everything adds up. */
export const endsWell = Effect.fnUntraced(function* (
  nodes: Cluster,
  sold: Sale,
  clients: Effect.Success<ReturnType<typeof buying>>,
  what: string
) {
  yield* clients.stop
  yield* Effect.logInfo(`${what}: nothing was sold for ${Math.round(clients.longestGapMs())} ms`)
  assert.deepStrictEqual(clients.failures, [])
  yield* addsUp(nodes, sold, clients.orders)
})
