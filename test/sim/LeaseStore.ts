/** The lease store all nodes share, at the other end of a network; and each node's way to it. */
import { Effect } from "effect"
import type { ClusterError } from "effect/cluster"
import { failure, type Leases, type Options } from "../../src/cluster/Leases.ts"
import * as MemoryLeases from "../../src/cluster/MemoryLeases.ts"
import type { Host, Link, Network } from "./Network.ts"
import { epochMs, type Process, type Simulation } from "./Simulation.ts"

export class LeaseStore implements Host {
  readonly name = "store"
  process: Process
  readonly #simulation: Simulation
  readonly #watchers = new Map<string, () => void>()
  readonly #store = new MemoryLeases.Store()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    this.process = simulation.process(this.name)
  }

  get #nowMs(): number {
    return Math.floor(this.#simulation.now) + epochMs
  }

  crash(): void {
    this.process.kill()
  }

  restart(): void {
    this.process = this.#simulation.process(this.name)
  }

  mend(): void {
    if (!this.process.alive) this.restart()
    this.process.thaw()
  }

  flush(): void {
    this.#store.flush()
  }

  /** Returns how to go back: what a failover to a replica that lagged behind does. */
  snapshot(): () => void {
    return this.#store.snapshot()
  }

  /** Waits until a host was heard so often, and its last answer is on its way. */
  heard(from: Host, times: number, waiting: Process): Effect.Effect<void> {
    return Effect.callback((resume) => {
      let left = times
      this.#watchers.set(from.name, () => {
        if (--left === 0) waiting.post(() => resume(Effect.void))
      })
    })
  }

  carryOut<A>(from: Host, operation: (store: MemoryLeases.Store, end: number) => A, ttlMs: number): A {
    const now = this.#nowMs
    this.#store.forget(now)
    const answer = operation(this.#store, now + ttlMs)
    this.#watchers.get(from.name)?.()
    return answer
  }
}

/** One boot of a node, as the store's client. */
export const leasesOf = (
  network: Network,
  link: Link,
  from: Host,
  store: LeaseStore,
  nonce: string,
  { ttlMs, operationTimeoutMs }: Options
): Leases["Service"] =>
  MemoryLeases.over(
    <A>(operation: (store: MemoryLeases.Store, end: number) => A) =>
      Effect.callback<A, ClusterError.PersistenceError>((resume) =>
        network.call<A>({
          link,
          from,
          to: store,
          patienceMs: operationTimeoutMs,
          serve: (reply) => reply(store.carryOut(from, operation, ttlMs)),
          done: (delivery) =>
            resume(delivery._tag === "Replied" ? Effect.succeed(delivery.value) : Effect.fail(failure(delivery._tag)))
        })
      ),
    nonce,
    { ttlMs }
  )
