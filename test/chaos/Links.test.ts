/** One cluster of three nodes, whose links are broken one after the other while clients buy, charge and read. */
import { NodeServices } from "@effect/platform-node"
import { assert, layer as shared } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { breakable, type Breakable, type Cluster, clusterOn, type Member, readiness, untilReady } from "./Cluster.ts"
import { agreed, audit, type Faults, faults, watchEpochs } from "./Faults.ts"
import { workload, type Workload } from "./Workload.ts"

class Shop extends Context.Service<
  Shop,
  {
    readonly ground: Breakable
    readonly nodes: Cluster
    readonly clients: Workload
    readonly break: Faults
    readonly epochs: Effect.Success<ReturnType<typeof watchEpochs>>
  }
>()("test/chaos/Shop") {}

const opened = Layer.effect(
  Shop,
  Effect.gen(function* () {
    const ground = yield* breakable
    const nodes = yield* clusterOn(ground, 3, { REQUEST_TIMEOUT_MS: "1500" })
    const clients = yield* workload(nodes)
    return { ground, nodes, clients, break: faults(ground, nodes, clients), epochs: yield* watchEpochs(ground) }
  })
).pipe(Layer.provideMerge(NodeServices.layer), Layer.orDie)

/** Two nodes may believe they own a partition, for reads, until the next refresh or the database's next word. */
const mayBeStale = "may be stale"

shared(opened, { excludeTestServices: true, timeout: "120 seconds" })("A cluster", (it) => {
  /** Does it to the cluster as it is; afterwards everything is as it was, and adds up so far. */
  const survives = (
    name: string,
    does: (shop: Shop["Service"]) => Effect.Effect<unknown, unknown, Effect.Services<ReturnType<typeof clusterOn>>>,
    reads?: typeof mayBeStale
  ) =>
    it.effect(
      name,
      () =>
        Effect.gen(function* () {
          const shop = yield* Shop
          const { clients, epochs, ground, nodes } = shop
          const staleBefore = clients.stale.length
          clients.say(`=== ${name}`)
          yield* clients.more(30)
          yield* Effect.scoped(does(shop))
          yield* shop.break.heal
          yield* agreed(ground, nodes)
          yield* clients.more(30)
          assert.deepStrictEqual(clients.wrong, [])
          assert.deepStrictEqual(epochs.mistakes, [])
          if (reads === undefined) assert.deepStrictEqual(clients.stale.slice(staleBefore), [])
        }).pipe(
          Effect.timeout("40 seconds"),
          Effect.tapCause(() => Effect.flatMap(Shop, ({ clients }) => Effect.logError(clients.lastWords())))
        ),
      60_000
    )

  const [one, other, third] = [0, 1, 2].map(
    (n) =>
      ({ nodes }: Shop["Service"]) =>
        Effect.fromNullishOr(nodes.members[n])
  )
  assert.isDefined(one)
  assert.isDefined(other)
  assert.isDefined(third)
  /** Clients go elsewhere, as a balancer would send them. */
  const without = (member: Member, { clients }: Shop["Service"]) =>
    Effect.acquireRelease(
      Effect.sync(() => clients.asleep.add(member)),
      () => Effect.sync(() => clients.asleep.delete(member))
    )

  survives("sells on when two nodes do not hear each other", (shop) =>
    Effect.gen(function* () {
      yield* shop.break.cut(yield* one(shop), yield* other(shop))
      yield* shop.clients.more(30)
      for (const member of shop.nodes.members) assert.strictEqual(yield* readiness(member), 200)
    })
  )

  survives(
    "gives the partitions of a node that alone has lost Redis to the others",
    (shop) =>
      Effect.gen(function* () {
        const lost = yield* other(shop)
        yield* shop.break.cut(lost, "redis")
        yield* shop.nodes.shared(shop.nodes.members.filter((member) => member !== lost))
        yield* shop.clients.more(60)
      }),
    mayBeStale
  )

  survives("sells on when one node has lost Postgres, and that node says so", (shop) =>
    Effect.gen(function* () {
      const lost = yield* third(shop)
      yield* without(lost, shop)
      yield* shop.break.cut(lost, "postgres")
      yield* untilReady(lost, 503)
      yield* shop.clients.more(60)
      yield* shop.break.heal
      yield* untilReady(lost, 200)
    })
  )

  survives("finds out what became of a commit when the connection breaks in the middle of it", (shop) =>
    Effect.gen(function* () {
      const unlucky = yield* one(shop)
      for (const bytes of [10, 700, 2000, 5000]) {
        yield* shop.break.cutAfter(unlucky, "postgres", bytes)
        yield* shop.clients.more(40)
      }
    })
  )

  survives(
    "passes by a node that nobody hears and that hears nobody",
    (shop) =>
      Effect.gen(function* () {
        const silent = yield* one(shop)
        yield* without(silent, shop)
        yield* shop.break.silence(silent)
        yield* shop.nodes.shared(shop.nodes.members.filter((member) => member !== silent))
        yield* shop.clients.more(60)
      }),
    mayBeStale
  )

  survives("sells on when a node's way to the database is slow", (shop) =>
    Effect.gen(function* () {
      yield* shop.break.delay(yield* other(shop), "postgres", 200)
      yield* shop.clients.more(100)
    })
  )

  survives("sells on while Redis is down for ten seconds, and when it is back", (shop) =>
    Effect.gen(function* () {
      yield* shop.break.stopRedis
      yield* Effect.sleep("10 seconds")
      yield* shop.clients.more(100)
      yield* shop.break.startRedis
    })
  )

  survives(
    "sells on when Redis loses everything while a node joins, and when that node leaves",
    (shop) =>
      Effect.gen(function* () {
        const joining = yield* Effect.forkChild(shop.nodes.join())
        yield* shop.clients.more(20)
        yield* shop.break.flushRedis
        const joined = yield* Fiber.join(joining)
        yield* agreed(shop.ground, shop.nodes)
        yield* shop.clients.more(40)
        yield* without(joined, shop)
        yield* shop.break.stop(joined)
        shop.nodes.members.splice(shop.nodes.members.indexOf(joined), 1)
      }),
    mayBeStale
  )

  survives("sells on when Postgres has crashed and is back", (shop) =>
    Effect.gen(function* () {
      yield* shop.break.restartPostgres
      yield* shop.clients.more(100)
    })
  )

  survives(
    "sells on when Redis is an old replica, which knows leases of a node that died since",
    (shop) =>
      Effect.gen(function* () {
        const promote = yield* shop.break.oldReplica
        const dead = yield* other(shop)
        yield* shop.break.kill(dead)
        yield* shop.break.start(dead)
        yield* agreed(shop.ground, shop.nodes)
        yield* promote
        yield* shop.clients.more(100)
      }),
    mayBeStale
  )

  it.effect("has sold what was paid for after all of it, and nothing twice", () =>
    Effect.gen(function* () {
      const { clients, epochs, ground } = yield* Shop
      yield* clients.stop
      assert.isAbove(clients.acknowledged(), 200)
      assert.isAbove(epochs.polls(), 10)
      yield* audit(ground, clients)
    })
  )
})
