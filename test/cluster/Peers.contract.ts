/** What peers must do for one another, in memory and over sockets. */
import { assert, layer as shared } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Latch, type Layer, Schedule, Scope } from "effect"
import type { Event, Options, Peers } from "../../src/cluster/Peers.ts"
import { PartitionId } from "../../src/domain/Ids.ts"

export interface Boot {
  readonly peers: Peers["Service"]
  /** Nobody listens there any more. */
  readonly stop: Effect.Effect<void>
}

export class Backend extends Context.Service<
  Backend,
  {
    /** An address nobody listens at. */
    readonly address: Effect.Effect<string>
    readonly boot: (
      address: string,
      nonce: string,
      options: Partial<Options>
    ) => Effect.Effect<Boot, never, Scope.Scope>
  }
>()("test/cluster/PeersBackend") {}

/** The process's own scope can close before the test's. */
export const stoppable = <E, R>(make: Effect.Effect<Peers["Service"], E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const stop = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => stop)
    return { peers: yield* Scope.provide(make, scope), stop }
  })

export const eventually = <A, E, R>(question: Effect.Effect<A, E, R>, holds: (answer: A) => boolean) =>
  question.pipe(Effect.repeat({ until: holds, schedule: Schedule.spaced("10 millis") }), Effect.timeout("10 seconds"))

/** What a node hears of its peers, and a way to wait for it. */
export const hearing = (peers: Peers["Service"]) => {
  const events: Array<Event> = []
  peers.listen((event) => void events.push(event))
  const heard = (tag: Event["_tag"], nonce: string) =>
    eventually(
      Effect.sync(() => events.some(({ _tag, peer }) => _tag === tag && peer.nonce === nonce)),
      (is) => is
    )
  return { events, heard }
}

const two = (options: Partial<Options> = {}) =>
  Effect.gen(function* () {
    const { address, boot } = yield* Backend
    const [here, there] = [yield* address, yield* address]
    const one = yield* boot(here, "one", options)
    const other = yield* boot(there, "other", options)
    const ears = hearing(one.peers)
    yield* one.peers.watch([other.peers.self])
    yield* ears.heard("Back", "other")
    return { one, other, there, boot, ...ears }
  })

export const contract = (title: string, backend: Layer.Layer<Backend, unknown>) =>
  shared(backend, { excludeTestServices: true, timeout: "60 seconds" })(title, (it) => {
    it.effect("answer what they are asked, each with its own answer", () =>
      Effect.gen(function* () {
        const { one, other, there } = yield* two()
        other.peers.serve({ ask: (asks) => Effect.succeed(asks.map((ask) => ({ echo: ask }))) })
        const answers = yield* Effect.forEach(
          Array.from({ length: 1000 }, (_, n) => n),
          (n) => one.peers.ask(there, { n }),
          { concurrency: 1000 }
        )
        assert.deepStrictEqual(
          answers,
          Array.from({ length: 1000 }, (_, n) => ({ echo: { n } }))
        )
      })
    )

    it.effect("send few messages at a time, and what waits meanwhile in one", () =>
      Effect.gen(function* () {
        const { one, other, there } = yield* two({ inFlight: 2, batchSize: 100 })
        const go = Latch.makeUnsafe()
        const sizes: Array<number> = []
        other.peers.serve({
          ask: (asks) =>
            Effect.as(
              Effect.andThen(
                Effect.sync(() => sizes.push(asks.length)),
                go.await
              ),
              asks
            )
        })
        const asking = (count: number) =>
          Effect.forkChild(
            Effect.forEach(Array.from({ length: count }), (_, n) => one.peers.ask(there, n), { concurrency: count })
          )
        const fibers = [yield* asking(1)]
        yield* eventually(
          Effect.sync(() => sizes.length),
          (length) => length === 1
        )
        fibers.push(yield* asking(1))
        yield* eventually(
          Effect.sync(() => sizes.length),
          (length) => length === 2
        )
        for (let n = 0; n < 5; n++) fibers.push(yield* asking(30))
        yield* eventually(
          Effect.sync(() => sizes.length),
          () => true
        )
        assert.deepStrictEqual(sizes, [1, 1])
        yield* go.open
        for (const fiber of fibers) yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          sizes.toSorted((a, b) => a - b),
          [1, 1, 50, 100]
        )
      })
    )

    it.effect("refuse more than the queue has room for, and have sent nothing of it", () =>
      Effect.gen(function* () {
        const { one, other, there } = yield* two({ inFlight: 1, queueSize: 3 })
        const asked: Array<unknown> = []
        const go = Latch.makeUnsafe()
        other.peers.serve({
          ask: (asks) =>
            Effect.as(
              Effect.andThen(
                Effect.sync(() => asked.push(...asks)),
                go.await
              ),
              asks
            )
        })
        const early = yield* Effect.forkChild(one.peers.ask(there, "early"))
        yield* eventually(
          Effect.sync(() => asked.length),
          (length) => length === 1
        )
        const results = yield* Effect.forEach(
          ["a", "b", "c", "d", "e", "f"],
          (name) => Effect.exit(one.peers.ask(there, name)),
          { concurrency: 6 }
        ).pipe(Effect.forkChild)
        yield* Effect.yieldNow
        yield* go.open
        yield* Fiber.join(early)
        const failed = (yield* Fiber.join(results)).filter(Exit.isFailure)
        assert.isAtLeast(failed.length, 2)
        for (const exit of failed) assert.include(JSON.stringify(exit), "Overloaded")
        assert.lengthOf(asked, 1 + 6 - failed.length)
      })
    )

    it.effect("are told what needs no answer", () =>
      Effect.gen(function* () {
        const { one, other, there } = yield* two()
        const told: Array<unknown> = []
        other.peers.serve({ tell: (tells) => Effect.sync(() => void told.push(...tells)) })
        one.peers.tell(there, { settle: 1 })
        one.peers.tell(there, { settle: 2 })
        yield* eventually(
          Effect.sync(() => told.length),
          (length) => length === 2
        )
        assert.deepStrictEqual(told, [{ settle: 1 }, { settle: 2 }])
      })
    )

    it.effect("hand partitions over, to whoever says it is who it is", () =>
      Effect.gen(function* () {
        const { one, other, there } = yield* two()
        const asked = yield* Deferred.make<unknown>()
        other.peers.serve({
          handOver: (to, [id]) => Effect.as(Deferred.succeed(asked, to), id === undefined ? [] : [id])
        })
        assert.deepStrictEqual(yield* one.peers.handOver(there, [PartitionId(3), PartitionId(5)]), [PartitionId(3)])
        assert.deepStrictEqual(yield* Deferred.await(asked), one.peers.self)
      })
    )

    it.effect("fail what they do not serve yet, or could not", () =>
      Effect.gen(function* () {
        const { one, other, there } = yield* two()
        assert.strictEqual((yield* Effect.flip(one.peers.ask(there, 1))).reason, "Lost")
        assert.strictEqual((yield* Effect.flip(one.peers.handOver(there, []))).reason, "Lost")
        other.peers.serve({ ask: () => Effect.die("a defect") })
        assert.strictEqual((yield* Effect.flip(one.peers.ask(there, 1))).reason, "Lost")
      })
    )

    it.effect("say goodbye", () =>
      Effect.gen(function* () {
        const { one, other, heard } = yield* two()
        const back = hearing(other.peers)
        yield* other.peers.watch([one.peers.self])
        yield* back.heard("Back", "one")
        yield* other.peers.leave
        yield* heard("Left", "other")
      })
    )

    it.effect("are refused when they are dead, and what they were asked is lost", () =>
      Effect.gen(function* () {
        const { one, other, there, heard } = yield* two()
        other.peers.serve({ ask: () => Effect.never })
        const asking = yield* Effect.forkChild(Effect.flip(one.peers.ask(there, 1)))
        yield* Effect.yieldNow
        yield* other.stop
        yield* heard("Refused", "other")
        assert.include(["Lost", "NotConnected"], (yield* Fiber.join(asking)).reason)
        assert.strictEqual((yield* Effect.flip(one.peers.ask(there, 2))).reason, "NotConnected")
      })
    )

    it.effect("are refused when somebody else listens where they did", () =>
      Effect.gen(function* () {
        const { one, other, there, boot, heard, events } = yield* two()
        yield* other.stop
        const next = yield* boot(there, "next", {})
        yield* heard("Refused", "other")
        next.peers.serve({ ask: (asks) => Effect.succeed(asks) })
        assert.isFalse(events.some(({ peer }) => peer.nonce === "next"))
        yield* one.peers.watch([next.peers.self])
        yield* heard("Back", "next")
        assert.strictEqual(yield* one.peers.ask(there, "hello"), "hello")
      })
    )

    it.effect("that are silent time out, and are not called dead", () =>
      Effect.gen(function* () {
        const { one, other, there, events } = yield* two({ timeoutMs: 200 })
        other.peers.serve({ ask: () => Effect.never })
        assert.strictEqual((yield* Effect.flip(one.peers.ask(there, 1))).reason, "TimedOut")
        assert.isFalse(events.some(({ _tag }) => _tag === "Refused"))
        other.peers.serve({ ask: (asks) => Effect.succeed(asks) })
        assert.strictEqual(yield* one.peers.ask(there, 2), 2)
      })
    )

    it.effect("that are not watched cannot be asked", () =>
      Effect.gen(function* () {
        const { one, there } = yield* two()
        yield* one.peers.watch([])
        assert.strictEqual((yield* Effect.flip(one.peers.ask(there, 1))).reason, "NotConnected")
        assert.strictEqual((yield* Effect.flip(one.peers.ask("10.9.9.9:1", 1))).reason, "NotConnected")
      })
    )
  })
