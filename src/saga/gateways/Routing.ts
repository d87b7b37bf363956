/** The gateways of a shop: those it has settings for, guarded, and which of them carries out which method. */
import { Effect, Layer, Record, Result, Schema } from "effect"
import { HttpClient } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { Policy } from "../../domain/Policy.ts"
import { GatewayMethod, GatewayName } from "../../domain/Tender.ts"
import { type Gateway, Gateways, GatewayUnavailable } from "./Gateway.ts"
import * as Inicis from "./Inicis.ts"
import * as Nice from "./Nice.ts"
import * as Resilience from "./Resilience.ts"
import * as Toss from "./Toss.ts"

export interface Options {
  readonly toss?: Toss.TossSettings | undefined
  readonly nice?: Nice.NiceSettings | undefined
  readonly inicis?: Inicis.InicisSettings | undefined
  /** Where a method goes, if not where `Policy.payment.routing` says. */
  readonly routing?: Partial<Record<GatewayMethod, GatewayName>> | undefined
  readonly resilience?: Resilience.Options
}

/** A method was to go to a gateway that has no settings. */
export class Unroutable extends Schema.TaggedError<Unroutable>()("Unroutable", {
  method: GatewayMethod,
  gateway: GatewayName
}) {
  override get message() {
    return `${this.method} is to be paid through the gateway ${this.gateway}, which has no settings`
  }
}

/**
 * Where each method goes: where it is told to, else by `Policy.payment.routing`, else to the first gateway there is.
 * Without any gateway everything goes by the policy, and fails there.
 */
export const route = (
  available: ReadonlyArray<GatewayName>,
  told: Partial<Record<GatewayMethod, GatewayName>> = {}
): Result.Result<Record<GatewayMethod, GatewayName>, Unroutable> => {
  for (const method of GatewayMethod.literals) {
    const gateway = told[method]
    if (gateway !== undefined && !available.includes(gateway)) return Result.fail(new Unroutable({ method, gateway }))
  }
  const otherwise: Record<GatewayMethod, GatewayName> = Policy.payment.routing
  const [first] = available
  return Result.succeed(
    Record.map(otherwise, (preferred, method) => {
      const usual = first === undefined || available.includes(preferred) ? preferred : first
      return told[method] ?? usual
    })
  )
}

/** What there is instead of a gateway without settings. */
const missing = (gateway: GatewayName): Gateway => {
  const fail = Effect.fail(new GatewayUnavailable({ gateway, reason: "Settings", detail: "there are none" }))
  return { approve: () => fail, inquire: () => fail, cancel: () => fail }
}

export const layer = ({ toss, nice, inicis, routing, resilience = Policy.payment }: Options) =>
  Layer.effect(
    Gateways,
    Effect.gen(function* () {
      const http = yield* HttpClient.HttpClient
      const adapters: Record<GatewayName, Gateway | undefined> = {
        toss: toss && Toss.make(http, toss),
        nice: nice && Nice.make(http, nice),
        inicis: inicis && Inicis.make(http, inicis)
      }
      const available = GatewayName.literals.filter((name) => adapters[name] !== undefined)
      const routes = yield* Effect.fromResult(route(available, routing))
      const guarded = (name: GatewayName) => {
        const adapter = adapters[name]
        return adapter === undefined ? Effect.succeed(missing(name)) : Resilience.guard(name, adapter, resilience)
      }
      const gateways = {
        toss: yield* guarded("toss"),
        nice: yield* guarded("nice"),
        inicis: yield* guarded("inicis")
      }
      return Gateways.of({
        of: (name) => gateways[name],
        for: (method) => routes[method],
        has: (name) => available.includes(name),
        longestMs: Resilience.longestMs(resilience)
      })
    })
  ).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
