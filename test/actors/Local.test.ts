import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Latch, Layer } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import * as Alone from "../../src/cluster/Alone.ts"
import * as MemoryPeers from "../../src/cluster/MemoryPeers.ts"
import { type Hooks, Ownership } from "../../src/cluster/Ownership.ts"
import { PartitionId } from "../../src/domain/Ids.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"

const self = { address: "here", nonce: "one" }
const id = PartitionId(1)

/** A directory whose leases come and go as the test says, and whose claims come back when it says so. */
const scripted = Effect.gen(function* () {
  const claimed = yield* Deferred.make<void>()
  const answer = Latch.makeUnsafe()
  let hooks: Pick<Hooks<never>, "onGain" | "onLose"> = { onGain: () => Effect.void, onLose: () => undefined }
  const ownership = Layer.succeed(Ownership, {
    ...Alone.ownership,
    start: (given) => Effect.sync(() => void (hooks = given))
  })
  const journal = Layer.effect(
    Journal,
    Effect.map(Journal, (disk) => ({
      ...disk,
      claim: (...asked) =>
        disk.claim(...asked).pipe(
          Effect.tap(() => Deferred.succeed(claimed, undefined)),
          Effect.tap(() => answer.await)
        )
    }))
  ).pipe(Layer.provide(MemoryJournal.layer), Layer.provide(MemoryTables.layer))
  const layer = Directory.layerNoDeps({ partitions: 4, owner: "test", residentActors: 100 }).pipe(
    Layer.provide([ownership, journal, MemoryPeers.layerAlone(self)])
  )
  const directory = Context.get(yield* Layer.build(layer), Directory)
  return { directory, claimed: Deferred.await(claimed), answer, hooks }
})

describe("A claim", () => {
  it.effect("that comes back makes the partition ours", () =>
    Effect.gen(function* () {
      const { directory, claimed, answer, hooks } = yield* scripted
      const gaining = yield* Effect.forkChild(hooks.onGain([id]))
      yield* claimed
      yield* answer.open
      yield* Fiber.join(gaining)
      assert.deepStrictEqual(
        directory.owned().map((partition) => partition.id),
        [id]
      )
    })
  )

  it.effect("that comes back after its lease was lost does not, although there is another lease by then", () =>
    Effect.gen(function* () {
      const { directory, claimed, answer, hooks } = yield* scripted
      const gaining = yield* Effect.forkChild(hooks.onGain([id]))
      yield* claimed
      hooks.onLose([id])
      yield* answer.open
      yield* Fiber.join(gaining)
      assert.deepStrictEqual(directory.owned(), [])
    })
  )
})
