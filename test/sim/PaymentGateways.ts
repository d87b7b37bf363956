/**
 * The payment gateways of a world, outside of all processes: one of each name, that all nodes ask over a network. What
 * they took and gave back survives whatever happens to nodes and database.
 */
import { Context, Effect, type Exit, Layer } from "effect"
import type { GatewayName } from "../../src/domain/Tender.ts"
import { type Gateway, Gateways, GatewayUnavailable, OutcomeUnknown } from "../../src/saga/gateways/Gateway.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import type { Host, Link, Network } from "./Network.ts"
import type { Simulation } from "./Simulation.ts"

/** By then a guarded gateway has given up. */
const patienceMs = 5000

export class PaymentGateways implements Host {
  readonly name = "gateways"
  readonly process
  readonly all: MemoryGateway.MemoryGateways["Service"]
  readonly #gateways: Gateways["Service"]

  constructor(simulation: Simulation) {
    this.process = simulation.process(this.name)
    const services = Effect.runSync(Effect.scoped(Layer.build(MemoryGateway.layer)))
    this.all = Context.get(services, MemoryGateway.MemoryGateways)
    this.#gateways = Context.get(services, Gateways)
  }

  /** As a node has them. */
  layer(network: Network, link: Link, from: Host): Layer.Layer<Gateways> {
    const ask = <A, E, B>(asked: Effect.Effect<A, E>, broken: (how: "Lost" | "Refused") => B) =>
      Effect.callback<A, E | B>((resume) =>
        network.call<Exit.Exit<A, E>>({
          link,
          from,
          to: this,
          patienceMs,
          serve: (reply) => this.process.fork(asked).addObserver(reply),
          done: (delivery) => resume(delivery._tag === "Replied" ? delivery.value : Effect.fail(broken(delivery._tag)))
        })
      )
    const of = (gateway: GatewayName): Gateway => {
      const { approve, inquire, cancel } = this.#gateways.of(gateway)
      const unreachable = (detail: string) => new GatewayUnavailable({ gateway, reason: "Unreachable", detail })
      const broken = (how: "Lost" | "Refused") =>
        how === "Lost" ? new OutcomeUnknown({ gateway, detail: how }) : unreachable(how)
      return {
        approve: (approval) => ask(approve(approval), broken),
        inquire: (payment) => ask(inquire(payment), unreachable),
        cancel: (cancellation) => ask(cancel(cancellation), broken)
      }
    }
    return Layer.succeed(Gateways, { ...this.#gateways, of })
  }
}
