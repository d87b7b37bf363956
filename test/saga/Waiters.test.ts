import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { orderId } from "../../src/domain/Ids.ts"
import { OrderUndecided } from "../../src/domain/OrderLife.ts"
import { Waiters, waitersMost } from "../../src/saga/Waiters.ts"
import { uuid } from "../domain/Samples.ts"

const first = orderId(uuid(1))
const second = orderId(uuid(2))
const isUndecided = (error: unknown): error is OrderUndecided => error instanceof OrderUndecided

/** An order that is undecided until somebody decides. */
const undecided = () => {
  const state = { isDecided: false, asked: 0 }
  const ask = Effect.suspend(() => {
    state.asked++
    return state.isDecided ? Effect.succeed("decided") : Effect.fail(new OrderUndecided())
  })
  return { state, ask }
}

const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), ({ _tag }) => _tag)

describe("Whoever waits for what others decide about an order", () => {
  it.effect("hears of it in a moment", () =>
    Effect.gen(function* () {
      const waiters = new Waiters()
      const { state, ask } = undecided()
      const waiting = yield* Effect.forkChild(waiters.ask(first, ask, isUndecided))
      yield* TestClock.adjust(30)
      state.isDecided = true
      // Half as long again, at the most.
      yield* TestClock.adjust(20)
      assert.strictEqual(yield* Fiber.join(waiting), "decided")
    })
  )

  it.effect("asks a few times, not hundreds", () =>
    Effect.gen(function* () {
      const { state, ask } = undecided()
      yield* Effect.forkChild(Effect.exit(new Waiters().ask(first, ask, isUndecided)))
      yield* TestClock.adjust("6 seconds")
      assert.isAtMost(state.asked, 40)
    })
  )

  it.effect("is told when it takes too long", () =>
    Effect.gen(function* () {
      const waiters = new Waiters()
      const waiting = yield* Effect.forkChild(tagOf(waiters.ask(first, undecided().ask, isUndecided)))
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), "Unavailable")
    })
  )

  it.effect("is one of a few: the next one is turned away, until one of them has gone", () =>
    Effect.gen(function* () {
      const waiters = new Waiters()
      const { state, ask } = undecided()
      const all = yield* Effect.forEach(Array.from({ length: waitersMost }), () =>
        Effect.forkChild(waiters.ask(first, ask, isUndecided), { startImmediately: true })
      )
      assert.strictEqual(yield* tagOf(waiters.ask(first, ask, isUndecided)), "Overloaded")
      // Those of another order are others.
      yield* Effect.forkChild(waiters.ask(second, ask, isUndecided), { startImmediately: true })
      const [one] = all
      if (one !== undefined) yield* Fiber.interrupt(one)
      const next = yield* Effect.forkChild(waiters.ask(first, ask, isUndecided), { startImmediately: true })
      state.isDecided = true
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* Fiber.join(next), "decided")
    })
  )
})
