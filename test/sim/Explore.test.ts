import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Latch, Semaphore } from "effect"
import { lost } from "./Checkers.ts"
import { explore, simulate } from "./Explore.ts"

/** Two buyers pay from one balance. Reading, thinking, writing: the update of one can be lost. */
const payTwice = (exclusively: <A>(payment: Effect.Effect<A>) => Effect.Effect<A>) =>
  Effect.gen(function* () {
    let balance = 100
    const pay = (amount: number) =>
      Effect.gen(function* () {
        const before = yield* Effect.sync(() => balance)
        yield* Effect.sync(() => (balance = before - amount))
      })
    yield* Effect.all([exclusively(pay(30)), exclusively(pay(20))], { concurrency: 2 })
    assert.strictEqual(balance, 50)
  })

describe("Exploring interleavings", () => {
  it("finds a lost update, and prints the seed", () => {
    assert.throws(
      () =>
        explore(
          payTwice((payment) => payment),
          { seeds: 200 }
        ),
      /^Seed \d+ fails.*expected 70 to equal 50|^Seed \d+ fails.*expected 80 to equal 50/s
    )
  })

  it("finds nothing where there is nothing", () => {
    const program = Effect.flatMap(Semaphore.make(1), (lock) => payTwice(lock.withPermits(1)))
    assert.doesNotThrow(() => explore(program, { seeds: 200 }))
  })

  it("runs a seed again as it was", () => {
    const program = payTwice((payment) => payment)
    for (let seed = 1; seed <= 50; seed++) {
      assert.strictEqual(Exit.isSuccess(simulate(seed, program)), Exit.isSuccess(simulate(seed, program)))
    }
  })

  it("lets no time pass but in the simulation", () => {
    const exit = simulate(1, Effect.timeout(Effect.sleep("3 days"), "4 days"))
    assert.isTrue(Exit.isSuccess(exit))
  })

  it.each([
    ["waits for something that never comes", Effect.flatMap(Latch.make(), (latch) => latch.await)],
    ["takes more than", Effect.forever(Effect.yieldNow)]
  ])("tells of a program that %s", (what, program) => {
    const exit = simulate(1, program)
    assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", what)
  })

  it("judges with the same checkers as the simulator", () => {
    assert.deepStrictEqual(lost(["a", "b"], ["b"]), ["a"])
  })
})
