/**
 * The payment gateways of a world, outside of all processes: one of each name, that all nodes ask over a network. What
 * they took and gave back survives whatever happens to nodes and database.
 */
import { Context, Effect, Exit, Layer } from "effect"
import { Policy } from "../../src/domain/Policy.ts"
import { type GatewayName, type PaymentKey, paymentKey } from "../../src/domain/Tender.ts"
import {
  Declined,
  type Gateway,
  type GatewayFailure,
  Gateways,
  GatewayUnavailable,
  OutcomeUnknown
} from "../../src/saga/gateways/Gateway.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import type { Behaviour, Operation } from "../../src/saga/gateways/simulator/Behaviour.ts"
import type { Charge } from "../../src/saga/gateways/simulator/Charges.ts"
import type { Database } from "./Database.ts"
import type { Host, Link, Network } from "./Network.ts"
import type { Options } from "./Options.ts"
import type { Recorder } from "./Recorder.ts"
import { Rng } from "./Rng.ts"
import type { Process, Simulation } from "./Simulation.ts"

/** By then a guarded gateway has given up. */
const patienceMs = 5000

const badly: Record<Operation, readonly [Behaviour, ...ReadonlyArray<Behaviour>]> = {
  approve: ["decline", "busy", "busy", "slow", "error", "errorAfter", "errorAfter", "hang", "hangAfter"],
  inquire: ["busy", "slow", "hang"],
  cancel: ["decline", "busy", "slow", "error", "errorAfter", "hang", "hangAfter"]
}

export class PaymentGateways implements Host {
  readonly name = "gateways"
  readonly process: Process
  /** The orders that a payment was declined of. */
  readonly declined = new Set<string>()
  /** The orders of which a node knows that what it asked did not happen. */
  readonly unavailable = new Set<string>()
  readonly #services: Context.Context<Gateways | MemoryGateway.MemoryGateways>
  readonly #database: Database
  readonly #recorder: Recorder
  readonly #rng: Rng
  /** When buyers agreed to pay, by key. */
  readonly #agreed = new Map<string, number>()
  #fails: number

  constructor(simulation: Simulation, { seed, gatewayFails = 0 }: Options, database: Database, recorder: Recorder) {
    this.process = simulation.process(this.name)
    this.#services = Effect.runSync(Effect.scoped(Layer.build(MemoryGateway.layer)))
    this.#database = database
    this.#recorder = recorder
    this.#rng = new Rng(seed, "gateways")
    this.#fails = gatewayFails
  }

  get charges(): ReadonlyArray<Charge> {
    return Object.values(Context.get(this.#services, MemoryGateway.MemoryGateways)).flatMap(
      ({ charges }) => charges.all
    )
  }

  /** From now on they do what they are asked. */
  mend(): void {
    this.#fails = 0
  }

  /** A buyer agrees to pay at a gateway's page; what it gives the buyer for the shop. */
  agree(): PaymentKey {
    const key = paymentKey(`agreed-${this.#agreed.size + 1}`)
    this.#agreed.set(key, this.#database.nowMs)
    return key
  }

  /** As a node has them. */
  layer(network: Network, link: Link, from: Host): Layer.Layer<Gateways> {
    const gateways = Context.get(this.#services, Gateways)
    return Layer.succeed(Gateways, { ...gateways, of: (name) => this.#remote(name, network, link, from) })
  }

  #remote(gateway: GatewayName, network: Network, link: Link, from: Host): Gateway {
    const { approve, inquire, cancel } = Context.get(this.#services, Gateways).of(gateway)
    const { script, charges } = Context.get(this.#services, MemoryGateway.MemoryGateways)[gateway]
    const ask = <A, E extends GatewayFailure, B>(
      operation: Operation,
      order: string,
      asked: Effect.Effect<A, E>,
      broken: (how: "Lost" | "Refused") => B
    ) =>
      Effect.callback<A, E | B>((resume) =>
        network.call<Exit.Exit<A, E>>({
          // Nobody sends such a call twice but the one who makes it.
          link: { ...link, doubled: 0 },
          from,
          to: this,
          patienceMs,
          serve: (reply) =>
            this.process
              .fork(
                Effect.suspend(() => {
                  if (this.#rng.chance(this.#fails)) script.next(operation, this.#rng.pick(badly[operation]))
                  return asked
                })
              )
              .addObserver((exit) => {
                const what = Exit.isSuccess(exit) ? JSON.stringify(exit.value) : String(exit.cause)
                this.#recorder.note(`${gateway} is asked by ${from.name} to ${operation}: ${what}`, [order])
                reply(exit)
              }),
          done: (delivery) => resume(delivery._tag === "Replied" ? delivery.value : Effect.fail(broken(delivery._tag)))
        })
      )
    const unreachable = (detail: string) => new GatewayUnavailable({ gateway, reason: "Unreachable", detail })
    const broken = (how: "Lost" | "Refused") =>
      how === "Lost" ? new OutcomeUnknown({ gateway, detail: how }) : unreachable(how)
    /** It does not know for ever that a buyer agreed. */
    const isForgotten = (key: PaymentKey) =>
      charges.byKey(key) === undefined &&
      this.#database.nowMs >= (this.#agreed.get(key) ?? 0) + Policy.payment.attemptTimeoutMs
    return {
      approve: (approval) =>
        ask(
          "approve",
          approval.orderId,
          Effect.suspend(() =>
            isForgotten(approval.paymentKey)
              ? Effect.fail(new Declined({ gateway, code: "EXPIRED", reason: "The buyer agreed too long ago" }))
              : approve(approval)
          ).pipe(
            Effect.tapError(({ _tag }) => Effect.sync(() => _tag === "Declined" && this.declined.add(approval.orderId)))
          ),
          broken
        ).pipe(
          Effect.tapError(({ _tag }) =>
            Effect.sync(() => _tag === "GatewayUnavailable" && this.unavailable.add(approval.orderId))
          )
        ),
      inquire: (payment) => ask("inquire", payment.orderId, inquire(payment), unreachable),
      cancel: (cancellation) => ask("cancel", cancellation.orderId, cancel(cancellation), broken)
    }
  }
}
