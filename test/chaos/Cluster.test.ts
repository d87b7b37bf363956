import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { addsUp, buying, cluster, endsWell, fencedAt, readiness, sale, stockAt, untilReady } from "./Cluster.ts"
import { type folder } from "./Nodes.ts"

const live = <A, E>(
  name: string,
  test: () => Effect.Effect<A, E, Effect.Services<typeof folder> | NodeServices.NodeServices>
) => it.live(name, () => test().pipe(Effect.scoped, Effect.provide(NodeServices.layer)), 120_000)

describe("A cluster", () => {
  live("answers any request at any node", () =>
    Effect.gen(function* () {
      const nodes = yield* cluster(3)
      const shop = yield* sale(nodes)
      const clients = yield* buying(nodes, shop)
      yield* clients.more(600)
      yield* endsWell(nodes, shop, clients, "All along")
    })
  )

  live("serves every partition again within a moment when a node is killed", () =>
    Effect.gen(function* () {
      const nodes = yield* cluster(3)
      const shop = yield* sale(nodes)
      const owner = yield* nodes.ownerOf(shop)
      const survivors = nodes.members.filter((member) => member !== owner)
      const clients = yield* buying(nodes, shop, { at: (round) => survivors[round % 2] })
      yield* clients.more(100)
      yield* clients.forgetGaps
      yield* owner.node.signal("SIGKILL")
      yield* clients.more(200)
      yield* Effect.logInfo(`Killed: nothing was sold for ${Math.round(clients.longestGapMs())} ms`)
      assert.isBelow(clients.longestGapMs(), 1500)
      yield* nodes.again(owner)
      yield* nodes.shared(nodes.members)
      yield* endsWell(nodes, shop, clients, "All along")
    })
  )

  live("passes by a node that stands still, and fences and refuses what it says when it goes on", () =>
    Effect.gen(function* () {
      // Commits one by one, so that at any moment some wait for their turn.
      const nodes = yield* cluster(3, { BATCH_SIZE: "1" })
      const shop = yield* sale(nodes)
      const owner = yield* nodes.ownerOf(shop)
      const survivors = nodes.members.filter((member) => member !== owner)
      const clients = yield* buying(nodes, shop, { at: (round) => survivors[round % 2] })
      const own = yield* buying(nodes, shop, { at: () => owner, prefix: "own", clients: 64 })
      yield* Effect.all([clients.more(100), own.more(300)])
      const fenced = yield* fencedAt(owner)
      yield* clients.forgetGaps
      yield* owner.node.signal("SIGSTOP")
      yield* clients.more(200)
      yield* Effect.logInfo(`Frozen: nothing was sold for ${Math.round(clients.longestGapMs())} ms`)
      assert.isBelow(clients.longestGapMs(), 5000)
      const before = yield* stockAt(survivors[0], shop)
      yield* owner.node.signal("SIGCONT")
      // The first thing it says is no older than what was known before.
      assert.isAtMost(yield* stockAt(owner, shop), before)
      yield* own.more(64)
      assert.isAbove(yield* fencedAt(owner), fenced)
      yield* nodes.shared(nodes.members, "15 seconds")
      yield* clients.stop
      yield* own.stop
      yield* addsUp(nodes, shop, new Set([...clients.orders, ...own.orders]))
    })
  )

  live("sells on when Redis has lost everything", () =>
    Effect.gen(function* () {
      const nodes = yield* cluster(3)
      const shop = yield* sale(nodes)
      const clients = yield* buying(nodes, shop)
      yield* clients.more(100)
      yield* clients.forgetGaps
      yield* nodes.flushRedis
      yield* clients.more(500)
      yield* nodes.shared(nodes.members)
      yield* endsWell(nodes, shop, clients, "Flushed")
    })
  )

  live("sells on while Redis is down, and when it is back", () =>
    Effect.gen(function* () {
      const nodes = yield* cluster(3)
      const shop = yield* sale(nodes)
      const settled = nodes.members.slice()
      const clients = yield* buying(nodes, shop, { at: (round) => settled[round % settled.length] })
      yield* clients.more(100)
      yield* clients.forgetGaps
      yield* nodes.redis.stop("immediate")
      // Longer than any lease.
      yield* Effect.sleep("8 seconds")
      yield* clients.more(100)
      for (const member of nodes.members) assert.strictEqual(yield* readiness(member), 200)
      // Who has no lease yet gets none now.
      const late = yield* nodes.join()
      assert.strictEqual(yield* readiness(late), 503)
      yield* nodes.redis.start
      yield* untilReady(late, 200)
      yield* nodes.shared(nodes.members)
      yield* clients.more(100)
      yield* endsWell(nodes, shop, clients, "Without Redis")
    })
  )

  live("is restarted node by node, and nobody notices", () =>
    Effect.gen(function* () {
      const nodes = yield* cluster(3)
      const shop = yield* sale(nodes)
      const clients = yield* buying(nodes, shop)
      yield* clients.more(100)
      yield* clients.forgetGaps
      for (const member of nodes.members.slice()) {
        assert.strictEqual(yield* readiness(member), 200)
        yield* member.node.signal("SIGTERM")
        yield* untilReady(member, 503)
        yield* member.node.exitCode
        yield* nodes.shared(nodes.members.filter((other) => other !== member))
        yield* nodes.again(member)
        yield* nodes.shared(nodes.members)
        yield* clients.more(50)
      }
      yield* endsWell(nodes, shop, clients, "Rolling restart")
    })
  )

  live("is joined by a node that takes its share, and by one that takes none", () =>
    Effect.gen(function* () {
      const nodes = yield* cluster(2)
      const shop = yield* sale(nodes)
      const clients = yield* buying(nodes, shop)
      yield* clients.more(100)
      const owners = [...nodes.members, yield* nodes.join()]
      yield* nodes.shared(owners, "15 seconds")
      yield* nodes.join({ CLUSTER_ROLE: "guest" })
      yield* clients.more(300)
      yield* nodes.shared(owners)
      yield* endsWell(nodes, shop, clients, "All along")
    })
  )
})
