import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ttlMs, World } from "./Nodes.ts"

const addresses = (count: number) => Array.from({ length: count }, (_, n) => `10.0.0.${n + 1}:4000`)

/** Nodes that have shared the partitions among them. */
const settled = (count: number, partitions?: number) =>
  Effect.gen(function* () {
    const world = new World(partitions)
    for (const address of addresses(count)) yield* world.boot(address)
    yield* world.pass(3000)
    world.assertAllOwned(world.nodes)
    world.forgive()
    return world
  })

const first = (world: World) => {
  const [node] = world.nodes
  assert.isDefined(node)
  return node
}

describe("Ownership", () => {
  it.effect.each([1, 2, 3, 4, 5])("is shared by %i nodes, evenly", (count) =>
    Effect.gen(function* () {
      const world = yield* settled(count)
      assert.strictEqual(world.worstShared, 0)
      assert.strictEqual(first(world).ownership.status().missing, 0)
    })
  )

  it.effect.each([1, 2, 3, 4])("moves to a node that joins %i, partition by partition", (count) =>
    Effect.gen(function* () {
      const world = yield* settled(count)
      yield* world.boot("10.0.0.9:4000")
      yield* world.pass(1500)
      world.assertAllOwned(world.nodes)
      assert.isAtMost(world.worstGap, 50)
      assert.strictEqual(world.worstShared, 0)
    })
  )

  it.effect.each([2, 3, 5])("moves at once when one of %i leaves", (count) =>
    Effect.gen(function* () {
      const world = yield* settled(count)
      const leaver = first(world)
      yield* leaver.leave
      yield* world.pass(1000)
      world.assertAllOwned(world.nodes.filter((node) => node !== leaver))
      assert.isAtMost(world.worstGap, 60)
      assert.strictEqual(world.worstShared, 0)
    })
  )

  it.effect.each([2, 3, 5])("moves at once when one of %i is killed", (count) =>
    Effect.gen(function* () {
      const world = yield* settled(count)
      const victim = first(world)
      yield* victim.kill
      yield* world.pass(1500)
      world.assertAllOwned(world.nodes.filter((node) => node !== victim))
      assert.isAtMost(world.worstGap, 100)
      assert.strictEqual(world.worstShared, 0)
    })
  )

  it.effect("returns to a node that comes back at the address of one killed", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      const victim = first(world)
      yield* victim.kill
      yield* world.boot(victim.address)
      yield* world.pass(2000)
      world.assertAllOwned(world.nodes.filter((node) => node !== victim))
      assert.isAtMost(world.worstGap, 100)
    })
  )

  it.effect.each([2, 3, 5])(
    "moves when the leases of one of %i that is frozen end, and returns when it goes on",
    (count) =>
      Effect.gen(function* () {
        const world = yield* settled(count)
        const sleeper = first(world)
        sleeper.freeze()
        yield* world.pass(7000)
        world.assertAllOwned(world.nodes.filter((node) => node !== sleeper))
        assert.isAtMost(world.worstGap, ttlMs + 500)
        assert.isAbove(world.worstGap, ttlMs / 2)
        world.forgive()
        sleeper.thaw()
        for (const id of world.partitions) assert.isFalse(sleeper.ownership.mine(id))
        yield* world.pass(3000)
        world.assertAllOwned(world.nodes)
        assert.isAtMost(world.worstGap, 50)
        assert.strictEqual(world.worstShared, 0)
      })
  )

  it.effect("does not go on by the database's word alone for a node that stood still: the store is asked again", () =>
    Effect.gen(function* () {
      const world = yield* settled(1)
      const sleeper = first(world)
      sleeper.freeze()
      yield* world.pass(ttlMs + 500)
      world.store.answers.closeUnsafe()
      sleeper.thaw()
      // By now the question from before has failed: others may have heard an answer.
      yield* world.pass(1000)
      for (const id of world.partitions) assert.isFalse(sleeper.ownership.mine(id))
      world.store.answers.openUnsafe()
      yield* world.pass(1000)
      world.assertAllOwned(world.nodes)
    })
  )

  it.effect("stays where it is when the store loses everything", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      const { claims } = world
      world.store.flush()
      yield* world.pass(8000)
      world.assertAllOwned(world.nodes)
      assert.strictEqual(world.worstGap, 0)
      assert.strictEqual(world.worstShared, 0)
      assert.strictEqual(world.claims, claims)
    })
  )

  it.effect.each([1, 3])("stays with %i nodes while the store is away, and when it is back", (count) =>
    Effect.gen(function* () {
      const world = yield* settled(count)
      const { claims } = world
      world.store.answers.closeUnsafe()
      yield* world.pass(10_000)
      assert.isFalse(first(world).ownership.status().storeAnswers)
      world.store.flush()
      world.store.answers.openUnsafe()
      yield* world.pass(8000)
      world.assertAllOwned(world.nodes)
      assert.strictEqual(world.worstGap, 0)
      assert.strictEqual(world.worstShared, 0)
      assert.strictEqual(world.claims, claims)
    })
  )

  it.effect("ends by the clock while neither the store nor the database answers, and goes on where it was", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      const { claims } = world
      world.store.answers.closeUnsafe()
      world.databaseAnswers = false
      yield* world.pass(ttlMs + 100)
      for (const id of world.partitions) assert.isEmpty(world.servers(id))
      world.databaseAnswers = true
      yield* world.pass(2100)
      world.assertAllOwned(world.nodes)
      world.store.answers.openUnsafe()
      yield* world.pass(5000)
      world.assertAllOwned(world.nodes)
      assert.strictEqual(world.claims, claims)
    })
  )

  it.effect("passes, when only one node has lost the store, to the others; for a moment it is believed twice", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      const [lonely, ...others] = world.nodes
      assert.isDefined(lonely)
      lonely.loseStore()
      yield* world.pass(10_000)
      world.assertAllOwned(others)
      assert.isAtMost(world.worstGap, 200)
      assert.isAtMost(world.worstShared, 1100)
      for (const id of world.partitions) assert.isFalse(lonely.ownership.mine(id))
      lonely.findStore()
      yield* world.pass(3000)
      world.assertAllOwned(world.nodes)
    })
  )

  it.effect("is nobody's twice when nodes do not hear each other", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      const [one, other] = addresses(3)
      world.network.cut(`${one}`, `${other}`)
      yield* world.pass(3000)
      yield* world.boot("10.0.0.9:4000")
      world.network.cut("10.0.0.9:4000", `${one}`)
      world.network.cut(`${other}`, "10.0.0.9:4000")
      yield* world.pass(10_000)
      assert.strictEqual(world.worstShared, 0)
      assert.isAtMost(world.worstGap, 50)
      world.network.heal()
      yield* world.pass(3000)
      world.assertAllOwned(world.nodes)
      assert.strictEqual(world.worstShared, 0)
    })
  )

  it.effect("in doubt is nobody's until the store says whose it is, and is claimed again by whom it is with", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      const node = first(world)
      const [id] = node.ownership.status().held > 0 ? [...node.claimed.keys()] : []
      assert.isDefined(id)
      // Somebody who had it before claims it late.
      world.epochs.set(id, (world.epochs.get(id) ?? 0) + 1)
      const { claims } = world
      node.ownership.doubt([id])
      assert.isFalse(node.serves(id))
      yield* world.pass(200)
      assert.strictEqual(world.servers(id)[0], node)
      assert.strictEqual(world.claims, claims + 1)
    })
  )

  it.effect("makes a node ready once it has some, and for as long as it may serve them", () =>
    Effect.gen(function* () {
      const world = new World()
      world.store.answers.closeUnsafe()
      const node = yield* world.boot("10.0.0.1:4000")
      yield* world.pass(2000)
      assert.isFalse(node.ownership.ready())
      world.store.answers.openUnsafe()
      yield* world.pass(2000)
      assert.isTrue(node.ownership.ready())
      world.store.answers.closeUnsafe()
      yield* world.pass(2 * ttlMs)
      assert.isTrue(node.ownership.ready())
      world.databaseAnswers = false
      yield* world.pass(2 * ttlMs)
      assert.isFalse(node.ownership.ready())
    })
  )

  it.effect("is found by every node: with its owner, or where it will be", () =>
    Effect.gen(function* () {
      const world = yield* settled(3)
      yield* world.pass(1500)
      for (const node of world.nodes) {
        for (const id of world.partitions) {
          assert.strictEqual(node.ownership.ownerOf(id), world.servers(id)[0]?.address)
        }
      }
    })
  )
})
