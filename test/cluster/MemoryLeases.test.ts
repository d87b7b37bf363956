import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Entropy from "../../src/Entropy.ts"
import { Leases } from "../../src/cluster/Leases.ts"
import * as MemoryLeases from "../../src/cluster/MemoryLeases.ts"
import { Backend, contract, options } from "./Leases.contract.ts"

const backend = Layer.sync(Backend, () => {
  // As a Redis would be, one for all clusters there are.
  const stores = new Set<MemoryLeases.Store>()
  let boots = 0
  const flush = Effect.sync(() => stores.forEach((store) => store.flush()))
  const each = (use: (store: MemoryLeases.Store) => void) => Effect.sync(() => stores.forEach(use))
  return Backend.of({
    cluster: Effect.sync(() => {
      const store = new MemoryLeases.Store()
      stores.add(store)
      return { boot: Effect.sync(() => MemoryLeases.make(store, `boot-${boots++}`, options)) }
    }),
    flush,
    restart: flush,
    hang: Effect.acquireRelease(
      each(({ answers }) => void answers.closeUnsafe()),
      () => each(({ answers }) => void answers.openUnsafe())
    )
  })
})

contract("Leases in memory", backend)

describe("Leases in memory", () => {
  it.effect("are enough for a process alone", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      assert.deepStrictEqual(yield* leases.acquire("here:1", ["default:1"]), ["default:1"])
    }).pipe(Effect.provide(MemoryLeases.layer(options).pipe(Layer.provide(Entropy.layer))))
  )

  it.effect("end by the clock of the test", () =>
    Effect.gen(function* () {
      const leases = MemoryLeases.make(new MemoryLeases.Store(), "boot", options)
      yield* leases.acquire("here:1", ["default:1"])
      yield* TestClock.adjust(options.ttlMs - 1)
      assert.deepStrictEqual(yield* leases.refresh("here:1", ["default:1"]), ["default:1"])
      yield* TestClock.adjust(options.ttlMs)
      assert.deepStrictEqual(yield* leases.refresh("here:1", ["default:1"]), [])
    })
  )
})
