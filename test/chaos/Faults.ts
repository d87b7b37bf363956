/** The verbs of what can go wrong, and what must hold meanwhile and afterwards. */
import { assert } from "@effect/vitest"
import { Effect, Option, Schedule } from "effect"
import { Redis } from "ioredis"
import { hostname } from "node:os"
import { ask } from "../../dev/services/Postgres.ts"
import type { Breakable, Cluster, Member } from "./Cluster.ts"
import { expected, type Workload } from "./Workload.ts"

const bothWays = ["there", "back"] as const

export const faults = (ground: Breakable, nodes: Cluster, { say, asleep }: Workload) => {
  const { postgres, redis, link } = ground
  const verb = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(
      Effect.sync(() => say(`— ${name}`)),
      effect
    )
  const both = (one: string, other: string) => [link(one, other), link(other, one)]
  /** Everything a node can reach, and everybody who can reach it. */
  const around = ({ address }: Member) => [
    link(address, "postgres"),
    link(address, "redis"),
    ...nodes.members.flatMap((other) => (other.address === address ? [] : both(address, other.address)))
  ]
  const client = <A>(use: (redis: Redis) => Promise<A>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => new Redis(redis.url)),
      (opened) => Effect.promise(() => use(opened)),
      (opened) => Effect.sync(() => opened.disconnect())
    )
  return {
    start: (member: Member) => verb(`start ${member.address}`, nodes.again(member)),
    stop: (member: Member) =>
      verb(
        `stop ${member.address}`,
        Effect.andThen(member.node.signal("SIGTERM"), Effect.ignore(member.node.exitCode))
      ),
    kill: (member: Member) =>
      verb(
        `kill ${member.address}`,
        Effect.andThen(member.node.signal("SIGKILL"), Effect.ignore(member.node.exitCode))
      ),
    freeze: (member: Member) => {
      asleep.add(member)
      return verb(`freeze ${member.address}`, member.node.signal("SIGSTOP"))
    },
    thaw: (member: Member) => {
      asleep.delete(member)
      return verb(`thaw ${member.address}`, member.node.signal("SIGCONT"))
    },
    cut: (one: Member, other: Member | "redis" | "postgres") => {
      const there = typeof other === "string" ? other : other.address
      return verb(
        `cut ${one.address} from ${there}`,
        Effect.sync(() => both(one.address, there).forEach((each) => each.cut()))
      )
    },
    cutAfter: (one: Member, other: "redis" | "postgres", bytes: number) =>
      verb(
        `cut ${one.address} from ${other} after ${bytes} bytes`,
        Effect.sync(() => link(one.address, other).cutAfter(bytes))
      ),
    silence: (member: Member, ...ways: ReadonlyArray<"there" | "back">) =>
      verb(
        `silence ${member.address}`,
        Effect.sync(() => around(member).forEach((each) => each.silence(...(ways.length === 0 ? bothWays : ways))))
      ),
    delay: (member: Member, to: "redis" | "postgres", ms: number) =>
      verb(
        `delay ${member.address} to ${to} by ${ms} ms`,
        Effect.sync(() => link(member.address, to).delay(ms))
      ),
    heal: verb(
      "heal",
      Effect.sync(() => ground.all().forEach((each) => each.heal()))
    ),
    flushRedis: verb(
      "flush Redis",
      client((opened) => opened.flushall())
    ),
    stopRedis: verb("stop Redis", redis.stop("immediate")),
    startRedis: verb("start Redis", redis.start),
    restartRedis: verb("restart Redis", redis.restart("immediate")),
    restartPostgres: verb("restart Postgres", postgres.restart("immediate")),
    /** What a replica has that lags behind; the effect within makes it the primary. */
    oldReplica: Effect.map(
      client(async (opened) => {
        const keys = await opened.keys("*")
        return Promise.all(keys.map(async (key) => [key, await opened.dumpBuffer(key)] as const))
      }),
      (kept) =>
        verb(
          "fail Redis over to an old replica",
          // At once: a lease that a living node takes between the two would be a key that is there already.
          client(async (opened) => {
            const failover = opened.multi().flushall()
            for (const [key, value] of kept) if (value !== null) failover.restore(key, 0, value)
            for (const [error] of (await failover.exec()) ?? []) if (error !== null) throw error
          })
        )
    )
  }
}
export type Faults = ReturnType<typeof faults>

interface Claimed {
  readonly partition: number
  readonly epoch: string
  readonly owner: string
}

const claimedIn = (url: string) =>
  ask(url, (sql) => sql<Claimed>`SELECT partition, epoch::text AS epoch, owner FROM partitions ORDER BY partition`)

/** Looks at the epochs all the time: each is one owner's for ever, and none is less than one before. */
export const watchEpochs = Effect.fnUntraced(function* ({ urls }: Breakable) {
  const mistakes: Array<string> = []
  const owners = new Map<string, string>()
  const newest = new Map<number, bigint>()
  let polls = 0
  const look = Effect.map(claimedIn(urls.postgres), (rows) => {
    polls++
    for (const { partition, epoch, owner } of rows) {
      const name = `${partition} at ${epoch}`
      if ((owners.get(name) ?? owner) !== owner) mistakes.push(`${name}: ${owners.get(name)} and ${owner}`)
      if (BigInt(epoch) < (newest.get(partition) ?? 0n)) mistakes.push(`${name} after ${newest.get(partition)}`)
      owners.set(name, owner)
      newest.set(partition, BigInt(epoch))
    }
  })
  yield* Effect.ignore(look).pipe(Effect.repeat(Schedule.spaced("250 millis")), Effect.forkScoped)
  return { mistakes, polls: () => polls }
})

/** What every node believes is what Postgres says: one owner each, by its epoch. */
export const agreed = Effect.fnUntraced(function* ({ urls }: Breakable, nodes: Cluster) {
  yield* nodes.shared(nodes.members)
  const addressOf = new Map(nodes.members.map(({ address, node }) => [`${hostname()}:${node.pid}`, address]))
  const agreeing = Effect.gen(function* () {
    const claimed = (yield* claimedIn(urls.postgres)).map(({ owner }) => addressOf.get(owner))
    const views = yield* Effect.forEach(nodes.members, nodes.whereAt)
    return {
      claimed,
      believed: views.map((view) => Option.getOrUndefined(view))
    }
  })
  const same = ({ claimed, believed }: Effect.Success<typeof agreeing>) =>
    believed.every((where) => JSON.stringify(where?.partitions.map(({ owner }) => owner)) === JSON.stringify(claimed))
  const last = yield* Effect.repeat(agreeing, {
    until: same,
    schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "15 seconds" }))
  })
  assert.isTrue(same(last), "what nodes believe is not what Postgres says")
})

/** Money, stock and orders add up in the database; every acknowledged order is there, and no other. */
export const audit = Effect.fnUntraced(function* ({ urls }: Breakable, clients: Workload) {
  const uuids = Array.from(clients.orders, (id) => id.slice(4))
  const users = clients.clients.map(({ userId }) => userId.slice(4))
  const [found] = yield* ask(
    urls.postgres,
    (sql) => sql<
      Record<"orders" | "lost" | "unexplained" | "unbalanced" | "pieces", number> & { wallets: Array<number> }
    >`
    SELECT
      (SELECT count(*) FROM orders)::int AS orders,
      (SELECT count(*) FROM unnest(${uuids}::uuid[]) heard(id) WHERE NOT EXISTS
        (SELECT FROM orders WHERE order_id = heard.id))::int AS lost,
      (SELECT array_agg(balance::int ORDER BY balance) FROM wallets WHERE user_id = ANY (${users}::uuid[])) AS wallets,
      (SELECT count(*) FROM wallets WHERE balance <> coalesce(
        (SELECT sum(amount) FROM postings WHERE asset = 'KRW' AND account = user_id), 0))::int AS unexplained,
      (SELECT count(*) FROM (SELECT FROM postings GROUP BY transaction_id, asset HAVING sum(amount) <> 0) u)::int AS unbalanced,
      (SELECT count(*) FROM products WHERE on_hand <> coalesce(
        (SELECT sum(amount) FROM postings WHERE asset = 'PIECE' AND account = product_id), 0)
        OR on_hand < 0)::int AS pieces`
  )
  assert.deepStrictEqual({ ...found }, expected(clients))
})
