/** Nodes of one cluster in this process, over a store, a network and a database in memory, under the test's clock. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Latch, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { failure, Leases } from "../../src/cluster/Leases.ts"
import * as MemoryLeases from "../../src/cluster/MemoryLeases.ts"
import * as MemoryPeers from "../../src/cluster/MemoryPeers.ts"
import { Membership } from "../../src/cluster/Membership.ts"
import { Ownership } from "../../src/cluster/Ownership.ts"
import { Peers } from "../../src/cluster/Peers.ts"
import { PartitionId } from "../../src/domain/Ids.ts"

export const ttlMs = 4000
const stepMs = 10
/** How long the database takes to claim. */
const claimMs = 5

export class World {
  readonly store = new MemoryLeases.Store()
  readonly network = new MemoryPeers.Network()
  readonly partitions: ReadonlyArray<PartitionId>
  /** The epochs of the database. */
  readonly epochs = new Map<PartitionId, number>()
  readonly nodes: Array<Node> = []
  databaseAnswers = true
  claims = 0
  /** Partitions that more than one node believed to own, and for how long in all. */
  readonly sharedMs = new Map<PartitionId, number>()
  /** For how long each partition has had nobody who serves it. */
  readonly #idleMs = new Map<PartitionId, number>()
  readonly worstGapMs = new Map<PartitionId, number>()
  #boots = 0

  constructor(partitions = 16) {
    this.partitions = Array.from({ length: partitions }, (_, id) => PartitionId(id))
    this.network.latencyMs = 1
  }

  boot(address: string): Effect.Effect<Node> {
    return Effect.tap(Node.boot(this, { address, nonce: `boot-${this.#boots++}` }), (node) =>
      Effect.sync(() => this.nodes.push(node))
    )
  }

  /** The clock goes on, and at every step the books are kept. */
  pass(ms: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let passed = 0; passed < ms; passed += stepMs) {
        yield* TestClock.adjust(stepMs)
        this.#observe()
      }
    })
  }

  /** Forgets the gaps there were. */
  forgive(): void {
    this.worstGapMs.clear()
    this.sharedMs.clear()
    this.#idleMs.clear()
  }

  get worstGap(): number {
    return Math.max(0, ...this.worstGapMs.values())
  }

  get worstShared(): number {
    return Math.max(0, ...this.sharedMs.values())
  }

  /** Which node can commit for a partition now. */
  servers(id: PartitionId): ReadonlyArray<Node> {
    return this.nodes.filter((node) => node.serves(id) && node.claimed.get(id) === this.epochs.get(id))
  }

  assertAllOwned(by: ReadonlyArray<Node>): void {
    for (const id of this.partitions) {
      const servers = this.servers(id)
      assert.lengthOf(servers, 1, `partition ${id} is served by ${servers.map(({ address }) => address).join()}`)
      assert.include(by, servers[0])
    }
    const shares = by.map(({ ownership }) => ownership.status().held)
    assert.isAtMost(Math.max(...shares) - Math.min(...shares), 2, `shares ${shares.join()}`)
  }

  #observe(): void {
    for (const id of this.partitions) {
      const owners = this.nodes.filter(({ up, ownership }) => up && ownership.mine(id))
      if (owners.length > 1) this.sharedMs.set(id, (this.sharedMs.get(id) ?? 0) + stepMs)
      assert.isAtMost(this.servers(id).length, 1)
      const running = this.servers(id).some(({ frozen }) => !frozen)
      const idleMs = running ? 0 : (this.#idleMs.get(id) ?? 0) + stepMs
      this.#idleMs.set(id, idleMs)
      this.worstGapMs.set(id, Math.max(this.worstGapMs.get(id) ?? 0, idleMs))
    }
  }
}

export class Node {
  readonly address: string
  readonly ownership: Ownership["Service"]
  readonly membership: Membership["Service"]
  /** What it claimed, and under which epoch. */
  readonly claimed: Map<PartitionId, number>
  readonly #scopes: { readonly peers: Scope.Closeable; readonly rest: Scope.Closeable }
  readonly #switches: Switches

  static readonly boot = Effect.fnUntraced(function* (
    world: World,
    self: { readonly address: string; readonly nonce: string }
  ) {
    const switches = new Switches()
    const scopes = { peers: yield* Scope.make(), rest: yield* Scope.make() }
    const leases = switches.wrap(MemoryLeases.make(world.store, self.nonce, { ttlMs, operationTimeoutMs: 800 }))
    const peers = yield* Scope.provide(
      MemoryPeers.make(world.network, self, { gate: switches.gate.await }),
      scopes.peers
    )
    const layer = Ownership.layer({
      partitions: world.partitions.length,
      ttlMs,
      takesPartitions: true,
      handOverMs: 300
    }).pipe(
      Layer.provideMerge(Membership.layer({ ttlMs, syncEveryMs: 250 })),
      Layer.provide(Layer.mergeAll(Layer.succeed(Leases, leases), Layer.succeed(Peers, peers)))
    )
    const claimed = new Map<PartitionId, number>()
    const built = yield* Effect.forkDetach(Scope.provide(Layer.build(layer), scopes.rest))
    while (built.pollUnsafe() === undefined) yield* world.pass(stepMs)
    const services = yield* Effect.flatten(Effect.sync(() => built.pollUnsafe() ?? Exit.die("not built")))
    const ownership = Context.get(services, Ownership)
    const database = <A>(answer: () => A) =>
      Effect.andThen(
        switches.gate.await,
        Effect.suspend(() => (world.databaseAnswers ? Effect.sync(answer) : Effect.fail("no database")))
      )
    const start = ownership.start({
      onGain: (ids) =>
        Effect.sleep(claimMs).pipe(
          Effect.andThen(
            database(() => {
              for (const id of ids) {
                if (!ownership.mine(id)) continue
                const epoch = (world.epochs.get(id) ?? 0) + 1
                world.epochs.set(id, epoch)
                claimed.set(id, epoch)
                world.claims++
              }
            })
          ),
          Effect.ignore
        ),
      onLose: (ids) => ids.forEach((id) => claimed.delete(id)),
      confirm: (ids) => database(() => ids.filter((id) => claimed.get(id) === world.epochs.get(id)))
    })
    yield* Effect.forkDetach(Scope.provide(start, scopes.rest))
    return new Node(
      { address: self.address, ownership, membership: Context.get(services, Membership), claimed },
      scopes,
      switches
    )
  })

  private constructor(
    { address, ownership, membership, claimed }: Pick<Node, "address" | "ownership" | "membership" | "claimed">,
    scopes: { readonly peers: Scope.Closeable; readonly rest: Scope.Closeable },
    switches: Switches
  ) {
    this.address = address
    this.ownership = ownership
    this.membership = membership
    this.claimed = claimed
    this.#scopes = scopes
    this.#switches = switches
  }

  get up(): boolean {
    return !this.#switches.dead
  }

  get frozen(): boolean {
    return !this.#switches.gate.isOpen()
  }

  serves(id: PartitionId): boolean {
    return this.up && this.ownership.mine(id) && this.claimed.has(id)
  }

  /** As kill −9 does: nothing is said, and nobody listens any more. */
  get kill(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#switches.dead = true
      this.#switches.gate.closeUnsafe()
      return Scope.close(this.#scopes.peers, Exit.void)
    })
  }

  /** As SIGTERM does. */
  get leave(): Effect.Effect<void> {
    return Scope.close(this.#scopes.rest, Exit.void).pipe(
      Effect.andThen(Scope.close(this.#scopes.peers, Exit.void)),
      Effect.forkDetach,
      Effect.asVoid
    )
  }

  freeze(): void {
    this.#switches.gate.closeUnsafe()
  }

  thaw(): void {
    this.#switches.gate.openUnsafe()
  }

  /** The store is there, but not for this node. */
  loseStore(): void {
    this.#switches.storeCut = true
  }

  findStore(): void {
    this.#switches.storeCut = false
  }
}

export class Switches {
  readonly gate = Latch.makeUnsafe(true)
  dead = false
  storeCut = false

  /** A process that stands still has sent its question at most, and hears the answer when it goes on. */
  wrap(leases: Leases["Service"]): Leases["Service"] {
    const gated = <A, E>(operation: Effect.Effect<A, E>) =>
      this.gate.await.pipe(
        Effect.andThen(Effect.suspend(() => (this.storeCut ? Effect.fail(failure("cut off")) : Effect.void))),
        Effect.andThen(operation),
        Effect.tap(() => this.gate.await)
      )
    return Leases.of({
      ...leases,
      register: (...args) => gated(leases.register(...args)),
      unregister: (...args) => gated(leases.unregister(...args)),
      acquire: (...args) => gated(leases.acquire(...args)),
      refresh: (...args) => gated(leases.refresh(...args)),
      release: (...args) => gated(leases.release(...args)),
      releaseAll: (...args) => gated(leases.releaseAll(...args)),
      members: gated(leases.members),
      holders: gated(leases.holders),
      breakLeases: (...args) => gated(leases.breakLeases(...args))
    })
  }
}
