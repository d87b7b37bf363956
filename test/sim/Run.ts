/**
 * A seed, from its options to its violations, in three phases:
 *
 * 1. Safety: clients ask while everything that the seed has in store goes wrong.
 * 2. Liveness: a random majority of the nodes and the database are mended, the others left dead or frozen for good.
 *    Whatever is pending must be decided within bounds, and every actor must serve.
 * 3. Audit: once all is quiet, the checks judge the whole history.
 */
import { Effect, Exit } from "effect"
import { audit } from "./checks/index.ts"
import { Client } from "./Client.ts"
import type { History, Violation } from "./History.ts"
import * as Liveness from "./Liveness.ts"
import * as Nemesis from "./Nemesis.ts"
import type { Options } from "./Options.ts"
import { shapesIn } from "./Shapes.ts"
import { World } from "./World.ts"

/** How often a shape of requests was played, and how often it came to what it should. */
export interface Count {
  played: number
  came: number
}

export interface Result {
  readonly history: History
  /** In the order they came to light. */
  readonly violations: ReadonlyArray<Violation>
  readonly counts: ReadonlyMap<string, Count>
  /** How often anything was asked while things went wrong. */
  readonly attempts: number
  readonly digest: string
  readonly steps: number
  readonly virtualMs: number
}

/** Reaching it is a failure. */
const stepsMost = 500_000
const safetyMsMost = 1_000_000
const livenessMsMost = 60_000
/** By then every hold has met its deadline, by any clock there was, and was asked for. */
const quietMs = 10_000

export const run = (options: Options): Result => {
  const world = new World(options)
  const { simulation, clients, shop, recorder } = world
  const counts = new Map<string, Count>()
  const deck = shapesIn(options)
  let isOpen = true
  const isWanted = () => isOpen && recorder.attempts < options.attempts

  const shopping = (client: Client) =>
    Effect.gen(function* () {
      while (isWanted()) {
        const shape = client.rng.some(deck)
        if (shape === undefined) return
        const count = counts.get(shape.name) ?? { played: 0, came: 0 }
        counts.set(shape.name, count)
        count.played++
        const came = yield* shape.play(client, options.heat)
        if (came) count.came++
        yield* Effect.sleep(client.rng.between(0, came ? 30 : 250))
      }
    })

  world.begin()
  const nemesis = simulation.process("nemesis")
  nemesis.fork(Nemesis.program(world, nemesis))
  const shoppers = shop.owners.map((owner, n) => clients.process.fork(shopping(new Client(world, n + 1, owner))))
  const shopped = () => shoppers.every((fiber) => fiber.pollUnsafe() !== undefined)
  simulation.run(() => shopped() || simulation.now > safetyMsMost, stepsMost)

  const { attempts } = recorder
  isOpen = false
  nemesis.kill()
  Liveness.mend(world)
  const finisher = clients.process.fork(Liveness.finish(world, shopped))
  const watcher = clients.process.fork(options.cluster === undefined ? Effect.never : Liveness.served(world))
  const finished = () => shopped() && finisher.pollUnsafe() !== undefined
  const bound = simulation.now + livenessMsMost
  simulation.run(() => finished() || simulation.now > bound, stepsMost)

  const quiet = simulation.now + quietMs
  const last = simulation.run(() => simulation.now > quiet, stepsMost)

  const ending = last === "exhausted" ? "exhausted" : finished() ? "finished" : "stuck"
  const served = watcher.pollUnsafe()
  const cluster = {
    servedAfterMs: served !== undefined && Exit.isSuccess(served) ? served.value : undefined,
    owners: Liveness.ownersOf(world),
    takers: world.serving.flatMap(({ name, guest }) => (guest ? [] : [name]))
  }
  const history = world.history(ending, Liveness.undecided(world), options.cluster && cluster)
  const violations = audit(history)
  const { digest } = simulation.trace
  return { history, violations, counts, attempts, digest, steps: simulation.steps, virtualMs: simulation.now }
}
