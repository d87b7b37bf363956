/** What happens to whole nodes and to the database, at random times. It mends what it broke, unless the world ends first. */
import { Effect } from "effect"
import { partitionOf } from "../../src/actors/Placement.ts"
import { Client } from "./Client.ts"
import type { Node } from "./Node.ts"
import type { Nemesis } from "./Options.ts"
import { Rng } from "./Rng.ts"
import type { Process } from "./Simulation.ts"
import type { World } from "./World.ts"

export const program = (world: World, own: Process): Effect.Effect<void> => {
  const { options, nodes, network, database, store, recorder } = world
  const rng = new Rng(options.seed, "nemesis")
  const say = (what: string) => Effect.sync(() => void recorder.note(what, []))
  const pause = (...choices: readonly [number, ...ReadonlyArray<number>]) =>
    Effect.suspend(() => Effect.sleep(rng.pick(choices) * (0.5 + rng.next())))

  /** Waits for it, but not for ever. */
  const until = (holds: () => boolean, ms: number) =>
    Effect.repeat(Effect.sleep(5), { until: () => holds(), times: Math.ceil(ms / 5) })

  const hottest = partitionOf("product", world.shop.hot, options.partitions)

  /** Whoever wakes up is asked at once, while it may not know yet how long it slept. */
  const prober = new Client(world, 0xfff, world.shop.rich)
  const probe = (node: Node) => {
    for (const product of world.shop.products) {
      const request = prober.request("probe", { _tag: "ReadProduct", product })
      const asking = Effect.delay(prober.at(node, request), prober.rng.pick([0, 0, 20, 100]) * prober.rng.next())
      world.clients.process.fork(asking)
    }
  }

  const cutOff = Effect.fnUntraced(function* (node: Node, other: string) {
    const ways = rng.pick([
      [[node.name, other]],
      [[other, node.name]],
      [
        [node.name, other],
        [other, node.name]
      ]
    ] as const)
    yield* say(`nothing gets from ${ways.map((way) => way.join(" to ")).join(", nor from ")}`)
    for (const [from, to] of ways) network.cut(from, to)
    yield* pause(50, 500, 2000, 5000)
    yield* say(`${node.name} and ${other} can talk again`)
    for (const [from, to] of ways) network.mend(from, to)
  })

  const strikes: Record<Nemesis, (node: Node) => Effect.Effect<void>> = {
    kill: (node) =>
      Effect.gen(function* () {
        yield* say(`${node.name} is killed`)
        node.kill()
        yield* pause(20, 200, 2000)
        world.boot(node)
      }),
    vanish: (node) =>
      Effect.gen(function* () {
        yield* say(`the machine of ${node.name} is gone`)
        node.vanish()
        yield* pause(200, 2000, 8000)
        world.boot(node)
      }),
    stop: (node) =>
      Effect.gen(function* () {
        yield* say(`${node.name} is asked to stop`)
        node.stop()
      }),
    freeze: (node) =>
      Effect.gen(function* () {
        const { process } = node
        yield* say(`${node.name} freezes`)
        process.freeze()
        yield* pause(50, 500, 2000, 5000)
        yield* say(`${node.name} thaws`)
        if (options.cluster !== undefined) probe(node)
        process.thaw()
      }),
    nap: () =>
      Effect.gen(function* () {
        const owner = nodes.find((node) => node.serves(hottest))
        const { ttlMs = 0 } = options.cluster ?? {}
        if (owner === undefined || nodes.some(({ process }) => process.frozen)) return
        const { process } = owner
        yield* store.heard(owner, rng.between(1, 8), own)
        if (nodes.some((node) => node.process.frozen)) return
        process.freeze()
        // Often just long enough to seem to be gone, and not for anybody to have taken over.
        const sleepMs = ttlMs * (1 + rng.next() * rng.pick([0.2, 1]))
        // As with a virtual machine that is suspended.
        const lagMs = rng.pick([0, sleepMs])
        yield* say(`${owner.name} falls asleep${lagMs > 0 ? ", and its clock too" : ""}`)
        yield* Effect.sleep(sleepMs)
        process.wallOffsetMs -= lagMs
        yield* say(`${owner.name} wakes up`)
        process.thaw()
        probe(owner)
      }),
    relay: () =>
      Effect.gen(function* () {
        const owner = nodes.find((node) => node.serves(hottest))
        const { ttlMs = 0 } = options.cluster ?? {}
        if (owner === undefined || nodes.some((node) => node.process.frozen)) return
        const { process: sleeper } = owner
        const next = () => nodes.find((node) => node !== owner && node.serves(hottest))
        yield* say(`${owner.name} stands still`)
        sleeper.freeze()
        yield* until(() => next() !== undefined, 4 * ttlMs)
        const heir = next()
        yield* Effect.sleep(100 * rng.next())
        yield* say(`${heir?.name ?? "nobody"} is killed`)
        heir?.kill()
        // Until its leases have ended.
        yield* Effect.sleep(1.1 * ttlMs)
        yield* say(`${owner.name} goes on`)
        sleeper.thaw()
        probe(owner)
        yield* pause(200)
        if (heir !== undefined) world.boot(heir)
      }),
    lapse: () => Effect.sync(() => world.lapse(rng.pick([31_000, 601_000, 1_801_000]))),
    jump: (node) =>
      Effect.gen(function* () {
        const ms = rng.pick([-3_600_000, -5000, -100, 100, 5000, 3_600_000])
        yield* say(`the clock of ${node.name} jumps by ${ms} ms`)
        node.process.wallOffsetMs += ms
      }),
    isolate: (node) =>
      Effect.gen(function* () {
        const peers = nodes.filter((peer) => peer !== node && options.cluster !== undefined)
        yield* cutOff(node, rng.pick(["database", "clients", ...peers.map(({ name }) => name)]))
      }),
    storeCut: (node) => cutOff(node, "store"),
    storeCrash: () =>
      Effect.gen(function* () {
        yield* say("the lease store crashes")
        store.crash()
        yield* pause(20, 500, 2000, 8000)
        yield* say("the lease store is back")
        store.restart()
      }),
    storeStall: () =>
      Effect.gen(function* () {
        const { process } = store
        yield* say("the lease store stalls")
        process.freeze()
        yield* pause(50, 500, 2000)
        yield* say("the lease store goes on")
        process.thaw()
      }),
    storeFlush: () =>
      Effect.gen(function* () {
        yield* say("the lease store loses everything")
        store.flush()
      }),
    storeRollback: () =>
      Effect.gen(function* () {
        const goBack = store.snapshot()
        const since = world.simulation.now
        yield* pause(20, 500, 3000)
        yield* say(`the lease store goes back ${Math.round(world.simulation.now - since)} ms`)
        goBack()
      }),
    databaseCrash: () =>
      Effect.gen(function* () {
        yield* say("the database crashes")
        database.crash()
        yield* pause(20, 200, 2000)
        yield* say("the database is back")
        database.restart()
      }),
    databaseStall: () =>
      Effect.gen(function* () {
        const { process } = database
        yield* say("the database stalls")
        process.freeze()
        yield* pause(50, 50, 500, 500, 2000, 12_000)
        yield* say("the database goes on")
        process.thaw()
      }),
    databaseFailover: () =>
      Effect.gen(function* () {
        const ms = rng.pick([-2000, -200, 200, 2000])
        yield* say(`the database fails over to a host whose clock is ${ms} ms off`)
        database.crash()
        database.clockOffsetMs += ms
        yield* pause(20, 500)
        yield* say("the database is back")
        database.restart()
      })
  }

  /** One at a time for the database and for each node: what is dead cannot be killed. */
  const possible = (nemesis: Nemesis, node: Node) => {
    const host = /^store(Crash|Stall)/.test(nemesis) ? store : nemesis.startsWith("database") ? database : node
    return host.process.alive && !host.process.frozen
  }

  return Effect.gen(function* () {
    while (options.nemeses.length > 0) {
      yield* Effect.sleep(rng.next() * 2 * options.strikeEveryMs)
      const nemesis = rng.some(options.nemeses)
      const node = rng.pick(nodes)
      if (nemesis !== undefined && possible(nemesis, node)) yield* Effect.forkChild(strikes[nemesis](node))
    }
  })
}
