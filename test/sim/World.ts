/** One world: nodes over one database, and a network between them and their clients. */
import { Effect } from "effect"
import { Database } from "./Database.ts"
import type { History, Request } from "./History.ts"
import { LeaseStore } from "./LeaseStore.ts"
import { memoryOf } from "./Memory.ts"
import { type Delivery, type Host, Network } from "./Network.ts"
import { Node, type Serving } from "./Node.ts"
import { noConnection, type Outcome } from "./Operation.ts"
import { calm, type Options } from "./Options.ts"
import { PaymentGateways } from "./PaymentGateways.ts"
import { PeerNetwork } from "./PeerNetwork.ts"
import { Recorder } from "./Recorder.ts"
import { Rng } from "./Rng.ts"
import { Shop } from "./Shop.ts"
import { type Process, Simulation } from "./Simulation.ts"

export class World {
  readonly options: Options
  readonly rng: Rng
  readonly simulation: Simulation
  readonly recorder: Recorder
  readonly network: Network
  readonly database: Database
  readonly store: LeaseStore
  readonly gateways: PaymentGateways
  readonly shop: Shop
  readonly nodes: readonly [Node, ...ReadonlyArray<Node>]
  readonly clients: Host
  /** The nodes clients choose from. */
  serving: readonly [Node, ...ReadonlyArray<Node>]
  /** Nodes that nobody boots again. */
  readonly abandoned = new Set<Node>()
  readonly #supervisor: Process

  constructor(options: Options) {
    const { seed, yieldProbability, taskMs } = options
    this.options = options
    this.rng = new Rng(seed, "world")
    this.simulation = new Simulation({ seed, yieldProbability, taskMs })
    this.recorder = new Recorder(this.simulation)
    this.network = new Network(this.simulation)
    this.database = new Database(this.simulation, options, this.recorder.database)
    this.store = new LeaseStore(this.simulation)
    this.gateways = new PaymentGateways(this.simulation, options, this.database, this.recorder)
    this.shop = new Shop(options, this.database.tables, this.recorder.names)
    this.clients = { name: "clients", process: this.simulation.process("clients") }
    this.#supervisor = this.simulation.process("supervisor")
    const { simulation, network, database, store, gateways, recorder } = this
    const peers = new PeerNetwork(network, options.cluster?.toPeers ?? calm, (address) => this.#nodeAt(address))
    const failed = (node: Node) => this.bootLater(node)
    const setting = { simulation, network, database, store, peers, gateways, options, watch: recorder.watch, failed }
    const owners = options.nodes - (options.cluster?.guests ?? 0)
    const others = Array.from(
      { length: options.nodes - 1 },
      (_, n) => new Node(`node${n + 2}`, n + 1 >= owners, setting)
    )
    this.nodes = [new Node("node1", false, setting), ...others]
    this.serving = this.nodes
  }

  #nodeAt(address: string): Node {
    return this.nodes.find(({ name }) => name === address) ?? this.nodes[0]
  }

  bootLater(node: Node): void {
    this.#supervisor.after(this.rng.between(20, 1000), () => this.boot(node))
  }

  /** The first node is there at once, so that there is somebody to ask. */
  begin(): void {
    const within = this.options.cluster?.joinWithinMs ?? 0
    for (const node of this.nodes) {
      if (within === 0 || node === this.nodes[0]) this.boot(node)
      else this.#supervisor.after(this.rng.between(0, within), () => this.boot(node))
    }
  }

  /** So long goes by in a moment, for all who go by the database's clock. */
  lapse(ms: number): void {
    this.recorder.note(`${ms / 1000} seconds go by`, [])
    this.database.lapsedMs += ms
  }

  boot(node: Node): void {
    if (node.up || this.abandoned.has(node)) return
    this.recorder.note(`${node.name} boots`, [node.name])
    node.boot()
  }

  /** Asks a node once. */
  attempt(request: Request, node: Node, patienceMs: number): Effect.Effect<Outcome> {
    const { toNode, hangUp: hangUps } = this.options
    return Effect.callback((resume) => {
      const attempt = this.recorder.invoked(request, node.name)
      let hangUp: Serving | undefined
      this.network.call<Outcome>({
        // Only a request with a key may be made twice.
        link: request.keyed !== undefined ? toNode : { ...toNode, doubled: 0 },
        from: this.clients,
        to: node,
        patienceMs,
        serve: (reply) => {
          attempt.process = node.process
          attempt.served++
          const serving = node.serve(request, reply)
          hangUp = serving
          if (this.rng.chance(hangUps)) node.process.afterTasks(this.rng.between(1, 100), serving)
        },
        done: (delivery) => {
          if (delivery._tag === "Lost") hangUp?.()
          const outcome = outcomeOfDelivery(delivery)
          this.recorder.returned(attempt, outcome)
          resume(Effect.succeed(outcome))
        }
      })
    })
  }

  history(ending: History["ending"], unanswered: ReadonlyArray<Request>, cluster: History["cluster"]): History {
    const { options, recorder, shop, nodes, database, gateways } = this
    const { names, requests, commits, submissions, rejections, claims, waitingMost } = recorder
    return {
      options,
      trace: this.simulation.trace,
      names,
      requests,
      commits,
      submissions,
      rejections,
      claims,
      waitingMost,
      nobody: shop.nobody,
      opening: shop.opening,
      tables: database.tables,
      charges: gateways.charges,
      declined: gateways.declined,
      unavailable: gateways.unavailable,
      memory: memoryOf(nodes, database),
      ending,
      unanswered,
      cluster
    }
  }
}

const outcomeOfDelivery = (delivery: Delivery<Outcome>): Outcome => {
  switch (delivery._tag) {
    case "Replied":
      return delivery.value
    case "Refused":
      return { _tag: "NotNow", reason: noConnection }
    case "Lost":
      return { _tag: "Unknown", reason: "no answer" }
  }
}
