/** A node: the real engine in a process of its own, over the shared database. */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Directory } from "../../src/actors/Directory.ts"
import * as Alone from "../../src/cluster/Alone.ts"
import { Leases } from "../../src/cluster/Leases.ts"
import { Membership } from "../../src/cluster/Membership.ts"
import * as MemoryPeers from "../../src/cluster/MemoryPeers.ts"
import { Ownership } from "../../src/cluster/Ownership.ts"
import { Peers } from "../../src/cluster/Peers.ts"
import type { PartitionId } from "../../src/domain/Ids.ts"
import type { UnusableKey } from "../../src/http/Auth.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import * as Timers from "../../src/saga/Timers.ts"
import { Transact } from "../../src/saga/Transact.ts"
import type { Database } from "./Database.ts"
import { type Asked, Front } from "./Front.ts"
import * as Http from "./Http.ts"
import { type LeaseStore, leasesOf } from "./LeaseStore.ts"
import type { Host, Network } from "./Network.ts"
import { type Outcome, outcomeOf } from "./Operation.ts"
import { calm, type Cluster as ClusterOptions, type Options } from "./Options.ts"
import type { PaymentGateways } from "./PaymentGateways.ts"
import type { PeerNetwork } from "./PeerNetwork.ts"
import * as RemoteJournal from "./RemoteJournal.ts"
import * as Repositories from "./Repositories.ts"
import type { Process, Simulation } from "./Simulation.ts"

type Services = Context.Context<Front | Directory | Ownership>
type GroupCommitService = GroupCommit["Service"]

export interface Setting {
  readonly simulation: Simulation
  readonly network: Network
  readonly database: Database
  readonly store: LeaseStore
  readonly peers: PeerNetwork
  readonly gateways: PaymentGateways
  readonly options: Options
  /** Stands between a node's engine and its group commit, to watch. */
  readonly watch: (node: Node, commits: GroupCommitService) => GroupCommitService
  /** A node does not come up, or is gone, of its own accord. */
  readonly failed: (node: Node) => void
}

/** What a node answers a call it cannot begin. */
class NotReady {
  readonly _tag = "NotReady"
}

const drainMs = 1000
/** As the settings of a real node, for a lease of four seconds. */
const syncsInTtl = 16
const operationsInTtl = 5
const handOverMs = 300

export class Node implements Host {
  readonly name: string
  /** Asks for partitions and takes none. */
  readonly guest: boolean
  process: Process
  readonly #setting: Setting
  #services: Services | undefined
  #scope: Scope.Closeable | undefined
  #calls = 0
  #draining = false

  constructor(name: string, guest: boolean, setting: Setting) {
    this.name = name
    this.guest = guest
    this.#setting = setting
    this.process = setting.simulation.process(name)
    this.process.kill()
  }

  get up(): boolean {
    return this.process.alive
  }

  /** Undefined unless it serves. */
  get directory(): Directory["Service"] | undefined {
    return this.up && this.#services !== undefined ? Context.get(this.#services, Directory) : undefined
  }

  /** Whether it decides for a partition: it may answer, and it may commit, or will claim it when it is asked. */
  serves(partition: PartitionId): boolean {
    if (!this.up || this.process.frozen || this.#services === undefined) return false
    const { epoch } = this.#setting.database.tables.partitions.get(partition) ?? {}
    const isStale = Context.get(this.#services, Directory)
      .owned()
      .some((owned) => owned.id === partition && owned.epoch !== epoch)
    return !isStale && Context.get(this.#services, Ownership).mine(partition)
  }

  boot(): void {
    const process = this.#setting.simulation.process(this.name)
    this.#setting.network.appear(this)
    process.wallOffsetMs = this.process.wallOffsetMs
    const scope = Scope.makeUnsafe()
    this.process = process
    this.#scope = scope
    this.#services = undefined
    this.#draining = false
    this.#calls = 0
    process.post(() =>
      process.fork(Layer.buildWithScope(this.#engine(), scope)).addObserver((exit) => {
        if (Exit.isSuccess(exit)) this.#services = exit.value
        else this.#end()
      })
    )
  }

  kill(): void {
    this.process.kill()
  }

  /** Its whole machine is gone, and nobody says so. */
  vanish(): void {
    this.#setting.network.vanish(this)
    this.process.kill()
  }

  /** Takes no more calls, finishes those it has, drains and ends. */
  stop(): void {
    const scope = this.#scope
    if (this.#draining || scope === undefined) return
    this.#draining = true
    const drained = Effect.suspend(() => (this.#calls === 0 ? Effect.void : Effect.sleep("20 millis"))).pipe(
      Effect.repeat({ until: () => this.#calls === 0, times: drainMs / 20 })
    )
    this.process.post(() =>
      this.process.fork(Effect.andThen(drained, Scope.close(scope, Exit.void))).addObserver(() => this.#end())
    )
  }

  /** Runs at the node: begins what it is asked, and replies with its end. Returns how to hang up. */
  serve(asked: Asked, reply: (outcome: Outcome) => void): Serving {
    if (this.#services === undefined || this.#draining) {
      reply(outcomeOf(Exit.fail(new NotReady())))
      return () => {}
    }
    this.#calls++
    const { process } = this
    const fiber = process.fork(Context.get(this.#services, Front)(asked))
    fiber.addObserver((exit) => {
      this.#calls--
      reply(outcomeOf(exit))
    })
    return () => process.post(() => fiber.interruptUnsafe())
  }

  #end(): void {
    this.process.kill()
    this.#setting.failed(this)
  }

  #engine() {
    const { network, database, gateways, options, watch } = this.#setting
    const { requestTimeoutMs, stepsMost, partitions, residentActors, batchSize, inFlight, queueSize } = options
    const { rng } = this.process
    const commits = Layer.effect(
      GroupCommit,
      Effect.map(GroupCommit, (service) => watch(this, service))
    ).pipe(Layer.provide(GroupCommit.layer({ batchSize, inFlight, queueSize, drainWithin: drainMs })))
    const front: Layer.Layer<Front, UnusableKey, Layer.Services<ReturnType<typeof Http.layer>>> = options.http === true
      ? Http.layer(this.process)
      : Front.useCases
    const timers = options.orders === true ? Timers.layer : Layer.empty
    return Layer.merge(front, timers).pipe(
      Layer.provideMerge(Transact.layer({ requestTimeoutMs, stepsMost })),
      Layer.provideMerge(Directory.layerNoDeps({ partitions, owner: this.name, residentActors })),
      Layer.provideMerge(commits),
      Layer.provideMerge(Repositories.layer(network, options.toDatabase, this, database)),
      Layer.provideMerge(gateways.layer(network, options.toGateways ?? calm, this)),
      Layer.provideMerge(RemoteJournal.layer(network, options.toDatabase, this, database)),
      Layer.provideMerge(options.cluster === undefined ? Alone.layer : this.#cluster(options.cluster)),
      Layer.provideMerge(Layer.sync(SecureRandom.SecureRandom, () => SecureRandom.make((size) => rng.bytes(size))))
    )
  }

  #cluster({ ttlMs, toStore }: ClusterOptions) {
    const { network, store, peers, options } = this.#setting
    const self = { address: this.name, nonce: `boot${this.process.number}` }
    const leasing = { ttlMs, operationTimeoutMs: ttlMs / operationsInTtl }
    const leases = leasesOf(network, toStore, this, store, self.nonce, leasing)
    const takesPartitions = !this.guest
    return Ownership.layer({ partitions: options.partitions, ttlMs, takesPartitions, handOverMs }).pipe(
      Layer.provideMerge(Membership.layer({ ttlMs, syncEveryMs: ttlMs / syncsInTtl })),
      Layer.provideMerge(Layer.effect(Peers, MemoryPeers.make(peers, self))),
      Layer.provide(Layer.succeed(Leases, leases))
    )
  }
}

export type Serving = () => void
