/** Nodes of one cluster in this process, each with the whole engine, over a database, a store and a network in memory. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, type Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../src/actors/Directory.ts"
import { Leases } from "../../src/cluster/Leases.ts"
import * as MemoryLeases from "../../src/cluster/MemoryLeases.ts"
import * as MemoryPeers from "../../src/cluster/MemoryPeers.ts"
import { Membership } from "../../src/cluster/Membership.ts"
import { Ownership } from "../../src/cluster/Ownership.ts"
import { Peers } from "../../src/cluster/Peers.ts"
import { PartitionId } from "../../src/domain/Ids.ts"
import * as Entropy from "../../src/Entropy.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import { Journal, type JournalUnavailable } from "../../src/persistence/Journal.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import * as MemoryOrders from "../../src/persistence/MemoryOrders.ts"
import { MemoryTables, type Tables } from "../../src/persistence/MemoryTables.ts"
import * as MemoryUsers from "../../src/persistence/MemoryUsers.ts"
import type { Orders } from "../../src/persistence/Orders.ts"
import type { Gateways } from "../../src/saga/gateways/Gateway.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import type { Users } from "../../src/persistence/Users.ts"
import { Transact } from "../../src/saga/Transact.ts"
import { Switches, ttlMs } from "../cluster/Nodes.ts"

const partitions = 8
const stepMs = 10

type Services = Transact | Directory | Ownership | Membership | Peers | MemoryTables | Users | Orders | Gateways

export class World {
  readonly store = new MemoryLeases.Store()
  readonly network = new MemoryPeers.Network()
  readonly nodes: Array<Node> = []
  readonly tables: Tables
  /** Happens right after a commit, before anybody hears of it. */
  onCommit = () => {}
  #boots = 0

  static readonly make = Effect.gen(function* () {
    const tables = yield* Effect.provide(MemoryTables, MemoryTables.layer)
    return new World(tables)
  })

  private constructor(tables: Tables) {
    this.tables = tables
    this.network.latencyMs = 1
  }

  readonly boot = (address: string, takesPartitions = true): Effect.Effect<Node> =>
    Effect.tap(Node.boot(this, { address, nonce: `boot-${this.#boots++}` }, takesPartitions), (node) =>
      Effect.sync(() => this.nodes.push(node))
    )

  pass(ms: number): Effect.Effect<void> {
    return Effect.gen(function* () {
      for (let passed = 0; passed < ms; passed += stepMs) yield* TestClock.adjust(stepMs)
    })
  }

  /** The clock goes on until it holds. */
  until(holds: () => boolean, withinMs = 60_000): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let passed = 0; !holds(); passed += stepMs) {
        assert.isBelow(passed, withinMs, "it never came to that")
        yield* TestClock.adjust(stepMs)
      }
    })
  }

  /** The clock goes on until it is done. */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.gen({ self: this }, function* () {
      const fiber: Fiber.Fiber<A, E> = yield* Effect.forkChild(effect)
      yield* this.until(() => fiber.pollUnsafe() !== undefined)
      return yield* Effect.flatten(Effect.sync(() => fiber.pollUnsafe() ?? Exit.die("not done")))
    })
  }

  /** Who serves a partition. */
  ownersOf(id: PartitionId): ReadonlyArray<Node> {
    return this.nodes.filter(
      (node) =>
        node.up &&
        node.ownership.mine(id) &&
        node.directory.owned().some((partition) => partition.id === id && partition.epoch === this.epochOf(id))
    )
  }

  epochOf(id: PartitionId): number | undefined {
    return this.tables.partitions.get(id)?.epoch
  }

  readonly partitions: ReadonlyArray<PartitionId> = Array.from({ length: partitions }, (_, id) => PartitionId(id))

  get settled(): boolean {
    return this.partitions.every((id) => this.ownersOf(id).length === 1)
  }
}

export class Node {
  readonly address: string
  readonly switches: Switches
  readonly #services: Context.Context<Services>
  readonly #scopes: { readonly peers: Scope.Closeable; readonly rest: Scope.Closeable }

  static readonly boot = Effect.fnUntraced(function* (
    world: World,
    self: { readonly address: string; readonly nonce: string },
    takesPartitions: boolean
  ) {
    const switches = new Switches()
    const scopes = { peers: yield* Scope.make(), rest: yield* Scope.make() }
    const leases = switches.wrap(MemoryLeases.make(world.store, self.nonce, { ttlMs, operationTimeoutMs: 800 }))
    const peers = yield* Scope.provide(
      MemoryPeers.make(world.network, self, { gate: switches.gate.await }),
      scopes.peers
    )
    const cluster = Ownership.layer({ partitions, ttlMs, takesPartitions, handOverMs: 300 }).pipe(
      Layer.provideMerge(Membership.layer({ ttlMs, syncEveryMs: 250 })),
      Layer.provideMerge(Layer.mergeAll(Layer.succeed(Leases, leases), Layer.succeed(Peers, peers)))
    )
    const journal = Layer.effect(
      Journal,
      Effect.map(Journal, (disk) => behind(world, switches, disk))
    ).pipe(
      Layer.provide(MemoryJournal.layer),
      Layer.provideMerge(MemoryUsers.layer),
      Layer.provideMerge(Layer.succeed(MemoryTables, world.tables))
    )
    const layer = Transact.layer({ requestTimeoutMs: 10_000, stepsMost: 2000 }).pipe(
      Layer.provideMerge(Directory.layerNoDeps({ partitions, owner: self.nonce, residentActors: 1000 })),
      Layer.provideMerge(GroupCommit.layer({ batchSize: 64, inFlight: 2, queueSize: 2000, drainWithin: "1 second" })),
      Layer.provideMerge(Layer.merge(MemoryOrders.layer, MemoryGateway.layer)),
      Layer.provideMerge(journal),
      Layer.provideMerge(cluster),
      Layer.provide(Entropy.layer)
    )
    const built = yield* Effect.forkDetach(Scope.provide(Layer.build(layer), scopes.rest))
    yield* world.until(() => built.pollUnsafe() !== undefined)
    const services = yield* Effect.flatten(Effect.sync(() => built.pollUnsafe() ?? Exit.die("not built")))
    return new Node(self.address, services, scopes, switches)
  })

  private constructor(
    address: string,
    services: Context.Context<Services>,
    scopes: { readonly peers: Scope.Closeable; readonly rest: Scope.Closeable },
    switches: Switches
  ) {
    this.address = address
    this.#services = services
    this.#scopes = scopes
    this.switches = switches
  }

  get directory(): Directory["Service"] {
    return Context.get(this.#services, Directory)
  }

  get ownership(): Ownership["Service"] {
    return Context.get(this.#services, Ownership)
  }

  get peers(): Peers["Service"] {
    return Context.get(this.#services, Peers)
  }

  get up(): boolean {
    return !this.switches.dead
  }

  /** Does something at this node. */
  readonly on = <A, E>(effect: Effect.Effect<A, E, Services>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, this.#services)

  /** As kill −9 does: nothing is said, and nobody listens any more. */
  get kill(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.switches.dead = true
      this.switches.gate.closeUnsafe()
      return Scope.close(this.#scopes.peers, Exit.void)
    })
  }

  /** As SIGTERM does. */
  get leave(): Effect.Effect<void> {
    return Scope.close(this.#scopes.rest, Exit.void).pipe(
      Effect.andThen(Effect.sync(() => void (this.switches.dead = true))),
      Effect.andThen(Scope.close(this.#scopes.peers, Exit.void))
    )
  }

  freeze(): void {
    this.switches.gate.closeUnsafe()
  }

  thaw(): void {
    this.switches.gate.openUnsafe()
  }
}

/** A process that stands still neither asks its database nor hears its answers. */
const behind = (world: World, switches: Switches, disk: Journal["Service"]): Journal["Service"] => {
  const gated = <A, E>(operation: Effect.Effect<A, E>): Effect.Effect<A, E | JournalUnavailable> =>
    switches.gate.await.pipe(
      Effect.andThen(operation),
      Effect.tap(() => switches.gate.await)
    )
  return Journal.of({
    ...disk,
    claim: (...args) => gated(disk.claim(...args)),
    load: (...args) => gated(disk.load(...args)),
    commit: (...args) =>
      gated(
        Effect.tap(disk.commit(...args), () =>
          Effect.sync(() => {
            world.onCommit()
          })
        )
      ),
    resolve: (...args) => gated(disk.resolve(...args)),
    find: (...args) => gated(disk.find(...args)),
    epochs: (...args) => gated(disk.epochs(...args))
  })
}
