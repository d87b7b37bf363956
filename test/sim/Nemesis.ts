/** What happens to whole nodes and to the database, at random times. It mends what it broke, unless the world ends first. */
import { Effect } from "effect"
import type { Node } from "./Node.ts"
import type { Nemesis } from "./Options.ts"
import { Rng } from "./Rng.ts"
import type { World } from "./World.ts"

export const program = (world: World): Effect.Effect<void> => {
  const { options, nodes, network, database, recorder } = world
  const rng = new Rng(options.seed, "nemesis")
  const say = (what: string) => Effect.sync(() => void recorder.note(what, []))
  const pause = (...choices: readonly [number, ...ReadonlyArray<number>]) =>
    Effect.suspend(() => Effect.sleep(rng.pick(choices) * (0.5 + rng.next())))

  const strikes: Record<Nemesis, (node: Node) => Effect.Effect<void>> = {
    kill: (node) =>
      Effect.gen(function* () {
        yield* say(`${node.name} is killed`)
        node.kill()
        yield* pause(20, 200, 2000)
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
        process.thaw()
      }),
    jump: (node) =>
      Effect.gen(function* () {
        const ms = rng.pick([-3_600_000, -5000, -100, 100, 5000, 3_600_000])
        yield* say(`the clock of ${node.name} jumps by ${ms} ms`)
        node.process.wallOffsetMs += ms
      }),
    isolate: (node) =>
      Effect.gen(function* () {
        const other = rng.pick(["database", "clients"])
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
        yield* pause(50, 500, 2000)
        yield* say(`${node.name} and the ${other} can talk again`)
        for (const [from, to] of ways) network.mend(from, to)
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
    const host = nemesis.startsWith("database") ? database : node
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
