/** What every store of leases must do; run over memory and over a real Redis. */
import { assert, layer as shared } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Layer, Schedule, type Scope } from "effect"
import { ClusterError, Runner, RunnerAddress, RunnerStorage, ShardId } from "effect/cluster"
import { Leases, layerRunnerStorage, type Options } from "../../src/cluster/Leases.ts"

/** The processes of one cluster, which has nothing yet. */
export interface Cluster {
  /** Starts a process. */
  readonly boot: Effect.Effect<Leases["Service"], never, Scope.Scope>
}

export class Backend extends Context.Service<
  Backend,
  {
    readonly cluster: Effect.Effect<Cluster>
    /** Loses everything. */
    readonly flush: Effect.Effect<void>
    /** Ends at once and comes back with nothing. */
    readonly restart: Effect.Effect<void>
    /** Takes what it is asked and answers nobody, until the scope closes. */
    readonly hang: Effect.Effect<void, never, Scope.Scope>
  }
>()("test/cluster/Backend") {}

export const options: Options = { ttlMs: 700, operationTimeoutMs: 250 }

const one = "10.0.0.1:4000"
const other = "10.0.0.2:4000"
const runnerOf = (address: string) => `{"runner":"${address}"}`
const some = ["default:1", "default:2", "default:3"]
const many = Array.from({ length: 64 }, (_, index) => `default:${index + 1}`)

export const eventually = <A, E, R>(question: Effect.Effect<A, E, R>, holds: (answer: A) => boolean) =>
  question.pipe(Effect.repeat({ until: holds, schedule: Schedule.spaced("20 millis") }), Effect.timeout("10 seconds"))

/** For longer than a lease lasts. */
const again = <A, E, R>(refresh: Effect.Effect<A, E, R>) =>
  Effect.repeat(refresh, { schedule: Schedule.spaced("100 millis"), times: 10 })

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(effect)
    return { exit, ms: (yield* Clock.currentTimeMillis) - before }
  })

const addresses = (members: ReadonlyArray<{ readonly address: string }>) =>
  members.map(({ address }) => address).toSorted()

const two = Effect.gen(function* () {
  const { boot } = yield* Effect.flatten(Effect.map(Backend, ({ cluster }) => cluster))
  return [yield* boot, yield* boot, boot] as const
})

export const contract = (title: string, backend: Layer.Layer<Backend>) =>
  shared(backend, { excludeTestServices: true, timeout: "120 seconds" })(title, (it) => {
    it.effect("give a free shard to whoever asks first, and to nobody else", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        assert.deepStrictEqual(yield* a.acquire(one, ["default:1", "default:2"]), ["default:1", "default:2"])
        assert.deepStrictEqual(yield* b.acquire(other, ["default:1", "default:2", "default:3"]), ["default:3"])
        assert.deepStrictEqual(
          new Map(yield* a.holders),
          new Map([
            ["default:1", { address: one, nonce: a.nonce }],
            ["default:2", { address: one, nonce: a.nonce }],
            ["default:3", { address: other, nonce: b.nonce }]
          ])
        )
      })
    )

    it.effect("leave us what is ours already", () =>
      Effect.gen(function* () {
        const [a] = yield* two
        yield* a.acquire(one, ["default:1"])
        assert.deepStrictEqual(yield* a.acquire(one, ["default:1", "default:2"]), ["default:1", "default:2"])
      })
    )

    it.effect("give every shard to exactly one of many who race for it", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        const reversed = many.toReversed()
        const gained = yield* Effect.all(
          many.flatMap((_, n) => [
            a.acquire(one, many.slice(n, n + 4)),
            b.acquire(other, reversed.slice(60 - n, 64 - n))
          ]),
          { concurrency: "unbounded" }
        )
        const ours = (mine: 0 | 1) => new Set(gained.filter((_, index) => index % 2 === mine).flat())
        assert.isTrue(ours(0).isDisjointFrom(ours(1)))
        assert.strictEqual(ours(0).union(ours(1)).size, 64)
      })
    )

    it.effect("last for as long as they are refreshed", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.acquire(one, some)
        yield* again(Effect.map(a.refresh(one, some), (ours) => assert.deepStrictEqual(ours, some)))
        assert.deepStrictEqual(yield* b.acquire(other, some), [])
      })
    )

    it.effect("end, and are not refreshed once they have", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.acquire(one, some)
        yield* eventually(b.holders, ({ size }) => size === 0)
        assert.deepStrictEqual(yield* a.refresh(one, some), [])
        assert.deepStrictEqual(yield* b.acquire(other, ["default:2"]), ["default:2"])
        assert.deepStrictEqual(yield* a.refresh(one, some), [])
        assert.deepStrictEqual(yield* a.acquire(one, some), ["default:1", "default:3"])
      })
    )

    it.effect("are given up by their owner only", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.acquire(one, some)
        yield* b.acquire(other, ["default:4"])
        yield* b.release(other, "default:1")
        yield* b.releaseAll(other)
        assert.deepStrictEqual(yield* a.refresh(one, some), some)
        yield* a.release(one, "default:2")
        assert.deepStrictEqual(yield* b.acquire(other, some), ["default:2"])
        yield* a.releaseAll(one)
        assert.deepStrictEqual(yield* b.acquire(other, some), some)
      })
    )

    it.effect("tell a process from an earlier one at the same address", () =>
      Effect.gen(function* () {
        const [earlier, later] = yield* two
        assert.notStrictEqual(earlier.nonce, later.nonce)
        yield* earlier.acquire(one, some)
        assert.deepStrictEqual(yield* later.refresh(one, some), [])
        assert.deepStrictEqual(yield* later.acquire(one, some), [])
        yield* later.releaseAll(one)
        assert.deepStrictEqual(yield* earlier.refresh(one, some), some)
      })
    )

    it.effect("end when a later process registers at their owner's address", () =>
      Effect.gen(function* () {
        const [earlier, later, boot] = yield* two
        const neighbour = yield* boot
        yield* earlier.register(one, runnerOf(one), true)
        yield* earlier.acquire(one, some)
        yield* neighbour.acquire(other, ["default:4"])
        yield* later.register(one, runnerOf(one), true)
        assert.deepStrictEqual(yield* later.acquire(one, [...some, "default:4"]), some)
        assert.deepStrictEqual(yield* earlier.refresh(one, some), [])
        // Nor does the earlier one take the membership of the later with it.
        yield* earlier.unregister(one)
        assert.deepStrictEqual(
          (yield* later.members).map(({ nonce }) => nonce),
          [later.nonce]
        )
      })
    )

    it.effect("are broken at once for a process that is dead, and for no later one at its address", () =>
      Effect.gen(function* () {
        const [dead, peer, boot] = yield* two
        yield* dead.register(one, runnerOf(one), true)
        yield* dead.acquire(one, many)
        yield* peer.acquire(other, ["default:65"])
        const freed = yield* peer.breakLeases({ address: one, nonce: dead.nonce })
        assert.sameMembers([...freed], many)
        assert.deepStrictEqual(yield* peer.members, [])
        assert.deepStrictEqual(yield* peer.acquire(other, many), many)
        assert.deepStrictEqual(yield* dead.refresh(one, many), [])
        assert.deepStrictEqual(yield* peer.refresh(other, ["default:65"]), ["default:65"])

        const later = yield* boot
        yield* later.register(one, runnerOf(one), true)
        yield* later.acquire(one, ["default:66"])
        assert.deepStrictEqual(yield* peer.breakLeases({ address: one, nonce: dead.nonce }), [])
        assert.deepStrictEqual(yield* later.refresh(one, ["default:66"]), ["default:66"])
        assert.deepStrictEqual(addresses(yield* peer.members), [one])
      })
    )

    it.effect("take a process that was thought dead back with its next heartbeat", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.register(one, runnerOf(one), true)
        yield* b.breakLeases({ address: one, nonce: a.nonce })
        assert.deepStrictEqual(yield* b.members, [])
        yield* a.refresh(one, [])
        const [member] = yield* b.members
        assert.deepInclude(member, { address: one, nonce: a.nonce, runner: runnerOf(one), healthy: true })
      })
    )

    it.effect("list a process for as long as it has a heartbeat", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.register(one, runnerOf(one), true)
        yield* b.register(other, runnerOf(other), true)
        yield* again(a.refresh(one, []))
        assert.deepStrictEqual(yield* b.getRunners, [[runnerOf(one), true]])
        yield* b.refresh(other, ["default:1"])
        assert.deepStrictEqual(addresses(yield* a.members), [one, other])
      })
    )

    it.effect("say how long a heartbeat still counts", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        const remaining = Effect.map(b.members, (members) => members.map(({ remainingMs }) => remainingMs))
        yield* a.register(one, runnerOf(one), true)
        const [full = 0] = yield* remaining
        assert.isAtMost(full, options.ttlMs)
        const [less = 0] = yield* eventually(remaining, ([rest = 0]) => rest < options.ttlMs - 50)
        assert.isAbove(less, 0)
        yield* a.refresh(one, [])
        const [later = 0] = yield* remaining
        assert.isAbove(later, less)
      })
    )

    it.effect("list nobody who has left, whatever else it still refreshes", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.register(one, runnerOf(one), true)
        yield* a.acquire(one, some)
        yield* a.unregister(one)
        assert.deepStrictEqual(yield* a.refresh(one, some), some)
        assert.deepStrictEqual(yield* b.members, [])
      })
    )

    it.effect("say who is healthy", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        yield* a.register(one, runnerOf(one), false)
        yield* b.register(other, runnerOf(other), true)
        yield* b.setRunnerHealth(one, true)
        yield* b.setRunnerHealth(other, false)
        yield* b.setRunnerHealth("10.0.0.3:4000", true)
        yield* a.refresh(one, [])
        assert.deepStrictEqual(
          (yield* a.getRunners).toSorted(([x], [y]) => x.localeCompare(y)),
          [
            [runnerOf(one), true],
            [runnerOf(other), false]
          ]
        )
      })
    )

    it.effect("give every boot a machine id of its own, also after everything was lost", () =>
      Effect.gen(function* () {
        const [a, b, boot] = yield* two
        const { flush } = yield* Backend
        const before = [yield* a.register(one, runnerOf(one), true), yield* b.register(other, runnerOf(other), true)]
        yield* flush
        const after = yield* (yield* boot).register(other, runnerOf(other), true)
        assert.strictEqual(new Set([...before, after]).size, 3)
      })
    )

    for (const loss of ["flush", "restart"] as const) {
      it.effect(`are lost with everything else by a ${loss}, and begin anew`, () =>
        Effect.gen(function* () {
          const [a, b] = yield* two
          const store = yield* Backend
          yield* a.register(one, runnerOf(one), true)
          yield* a.acquire(one, many)
          yield* store[loss]
          const refreshed = yield* eventually(Effect.exit(a.refresh(one, many)), Exit.isSuccess)
          assert.deepStrictEqual(refreshed, Exit.succeed([]))
          const members = yield* eventually(Effect.exit(b.members), Exit.isSuccess)
          assert.deepStrictEqual(Exit.map(members, addresses), Exit.succeed([one]))
          assert.deepStrictEqual(yield* b.acquire(other, ["default:1"]), ["default:1"])
          assert.lengthOf(yield* a.acquire(one, many), 63)
        })
      )
    }

    it.effect("fail within their bound while the store does not answer, and go on when it does", () =>
      Effect.gen(function* () {
        const [a] = yield* two
        yield* a.register(one, runnerOf(one), true)
        yield* a.acquire(one, some)
        const { hang } = yield* Backend
        const all: ReadonlyArray<Effect.Effect<unknown, ClusterError.PersistenceError>> = [
          a.acquire(one, some),
          a.refresh(one, some),
          a.refresh(one, []),
          a.release(one, "default:1"),
          a.releaseAll(one),
          a.register(one, runnerOf(one), true),
          a.unregister(one),
          a.setRunnerHealth(one, true),
          a.getRunners,
          a.holders,
          a.breakLeases({ address: other, nonce: "" })
        ]
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* hang
            for (const { exit, ms } of yield* Effect.all(all.map(timed), { concurrency: "unbounded" })) {
              const error = yield* Effect.flip(exit)
              assert.instanceOf(error, ClusterError.PersistenceError)
              assert.isBelow(ms, options.operationTimeoutMs + 500)
            }
          })
        )
        yield* eventually(Effect.exit(a.refresh(one, [])), Exit.isSuccess)
        assert.deepStrictEqual(yield* a.acquire(one, ["default:9"]), ["default:9"])
      })
    )

    it.effect("that were taken for somebody who gave up waiting end by themselves", () =>
      Effect.gen(function* () {
        const [a, b] = yield* two
        const { hang } = yield* Backend
        const late = yield* Effect.scoped(Effect.andThen(hang, Effect.exit(a.acquire(one, some))))
        assert.isTrue(Exit.isFailure(late))
        yield* eventually(
          Effect.orElseSucceed(b.acquire(other, some), () => []),
          ({ length }) => length === 3
        )
      })
    )

    it.effect("are what the cluster engine stores its runners and shards in", () =>
      Effect.gen(function* () {
        const [a] = yield* two
        const layer = Layer.provide(layerRunnerStorage, Layer.succeed(Leases, a))
        const storage = Context.get(yield* Layer.build(layer), RunnerStorage.RunnerStorage)
        const address = RunnerAddress.make("10.0.0.1", 4000)
        const runner = Runner.make({ address, groups: ["default"], weight: 1 })
        const shards = [ShardId.make("default", 1), ShardId.make("default", 2)]
        yield* storage.register(runner, true)
        assert.deepStrictEqual(yield* storage.getRunners, [[runner, true]])
        assert.deepStrictEqual(yield* storage.acquire(address, shards), shards)
        assert.deepStrictEqual(yield* storage.refresh(address, shards), shards)
        const holders = yield* a.holders
        assert.deepStrictEqual(holders.get("default:1"), { address: one, nonce: a.nonce })
      })
    )
  })
