/**
 * For any Effect program: runs it under many interleavings, in virtual time, and tells the seed of the first that fails.
 *
 * The program fails by failing, by dying (an assertion), by waiting for something that never comes, or by never ending.
 */
import { Cause, type Effect, Exit } from "effect"
import { Rng } from "./Rng.ts"
import { Simulation } from "./Simulation.ts"

export interface Exploration {
  /** How many seeds to try. */
  readonly seeds: number
  /** The first of them. */
  readonly from?: number
  /** Tasks that one run may take. */
  readonly stepsMost?: number
}

/** One run. The same seed gives the same run. */
export const simulate = <A, E>(
  seed: number,
  program: Effect.Effect<A, E>,
  stepsMost = 100_000
): Exit.Exit<A, E | string> => {
  const yieldProbability = new Rng(seed, "explore").pick([0.02, 0.1, 0.3])
  const simulation = new Simulation({ seed, yieldProbability, taskMs: 0.01 })
  const fiber = simulation.process("program").fork(program)
  const ended = simulation.run(() => fiber.pollUnsafe() !== undefined, stepsMost)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return exit
  return Exit.fail(
    ended === "idle" ? "It waits for something that never comes." : `It takes more than ${stepsMost} steps.`
  )
}

/** Throws with the first seed that fails. */
export const explore = <A, E>(program: Effect.Effect<A, E>, { seeds, from = 1, stepsMost }: Exploration): void => {
  for (let seed = from; seed < from + seeds; seed++) {
    const exit = simulate(seed, program, stepsMost)
    if (Exit.isSuccess(exit)) continue
    throw new Error(`Seed ${seed} fails; { seeds: 1, from: ${seed} } runs it alone.\n${Cause.pretty(exit.cause)}`)
  }
}
