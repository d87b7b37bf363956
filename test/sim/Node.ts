/** A node: the real engine in a process of its own, over the shared database. */
import { Context, Effect, Exit, type Fiber, Layer, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Directory } from "../../src/actors/Directory.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import { Transact } from "../../src/saga/Transact.ts"
import type { Database } from "./Database.ts"
import type { Host, Network } from "./Network.ts"
import type { Options } from "./Options.ts"
import * as RemoteJournal from "./RemoteJournal.ts"
import type { Process, Simulation } from "./Simulation.ts"

export type Engine = Transact | Directory
type Services = Context.Context<Engine | GroupCommit>
type GroupCommitService = GroupCommit["Service"]

export interface Setting {
  readonly simulation: Simulation
  readonly network: Network
  readonly database: Database
  readonly options: Options
  /** Stands between a node's engine and its group commit, to watch. */
  readonly watch: (node: Node, commits: GroupCommitService) => GroupCommitService
  /** A node does not come up, or is gone, of its own accord. */
  readonly failed: (node: Node) => void
}

/** What a node answers a call it cannot begin. */
export class NotReady {
  readonly _tag = "NotReady"
}

const drainMs = 1000

export class Node implements Host {
  readonly name: string
  process: Process
  readonly #setting: Setting
  #services: Services | undefined
  #scope: Scope.Closeable | undefined
  #calls = 0
  #draining = false

  constructor(name: string, setting: Setting) {
    this.name = name
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

  boot(): void {
    const process = this.#setting.simulation.process(this.name)
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
  serve<A, E>(effect: Effect.Effect<A, E, Engine>, reply: (exit: Exit.Exit<A, E | NotReady>) => void): Serving {
    if (this.#services === undefined || this.#draining) {
      reply(Exit.fail(new NotReady()))
      return () => {}
    }
    this.#calls++
    const { process } = this
    const fiber: Fiber.Fiber<A, E> = process.fork(Effect.provideContext(effect, this.#services))
    fiber.addObserver((exit) => {
      this.#calls--
      reply(exit)
    })
    return () => process.post(() => fiber.interruptUnsafe())
  }

  #end(): void {
    this.process.kill()
    this.#setting.failed(this)
  }

  #engine() {
    const { network, database, options, watch } = this.#setting
    const { requestTimeoutMs, stepsMost, partitions, residentActors, batchSize, inFlight, queueSize } = options
    const { rng } = this.process
    const commits = Layer.effect(
      GroupCommit,
      Effect.map(GroupCommit, (service) => watch(this, service))
    ).pipe(Layer.provide(GroupCommit.layer({ batchSize, inFlight, queueSize, drainWithin: drainMs })))
    return Transact.layer({ requestTimeoutMs, stepsMost }).pipe(
      Layer.provideMerge(Directory.layer({ partitions, owner: this.name, residentActors })),
      Layer.provideMerge(commits),
      Layer.provide(RemoteJournal.layer(network, options.toDatabase, this, database)),
      Layer.provide(Layer.sync(SecureRandom.SecureRandom, () => SecureRandom.make((size) => rng.bytes(size))))
    )
  }
}

export type Serving = () => void
