/**
 * A gateway in memory, that behaves as it is told: for the unit tests of sagas, and for simulated worlds. It takes any
 * payment key, but one with an order in it for that order only. It has neither clock nor timers of its own. Its failures are what a guarded gateway's would be: what never answers, never answers.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { minus } from "../../domain/Money.ts"
import { Policy } from "../../domain/Policy.ts"
import { type GatewayName, gatewayTransactionId } from "../../domain/Tender.ts"
import {
  Declined,
  type Gateway,
  type GatewayFailure,
  Gateways,
  GatewayUnavailable,
  type Inquiry,
  OutcomeUnknown
} from "./Gateway.ts"
import { longestMs } from "./Resilience.ts"
import { type Behaviour, type Operation, orderIn, processes, Script } from "./simulator/Behaviour.ts"
import { type Charge, Charges, leftOf } from "./simulator/Charges.ts"

const slowMs = 1000

export interface MemoryGateway extends Gateway {
  /** What it has taken and given back. */
  readonly charges: Charges
  readonly script: Script
}

/** What an inquiry tells of a charge. */
const inquiryOf = (charge: Charge | undefined): Inquiry => {
  if (charge === undefined) return { _tag: "NotFound" }
  if (charge.status === "DECLINED") return { _tag: "Declined", code: "DECLINED", reason: "As it was told" }
  const transactionId = gatewayTransactionId(charge.transactionId)
  const last = charge.refunds.at(-1)
  if (last === undefined)
    return { _tag: "Approved", transactionId, approvedAt: charge.at, approvedAmount: charge.amount, label: "****0000" }
  return {
    _tag: "Cancelled",
    transactionId,
    approvedAmount: charge.amount,
    cancelledAmount: minus(charge.amount, leftOf(charge)),
    cancelledAt: last.at
  }
}

export const make = (gateway: GatewayName): MemoryGateway => {
  const charges = new Charges()
  const script = new Script()
  const unavailable = (reason: "Busy" | "Unreachable") =>
    Effect.fail(new GatewayUnavailable({ gateway, reason, detail: "As it was told" }))
  const unknown = Effect.fail(new OutcomeUnknown({ gateway, detail: "As it was told" }))
  const declined = (code: string) => Effect.fail(new Declined({ gateway, code, reason: "As it was told" }))

  /** How a call ends that was carried out, or would be. */
  const end = <A>(behaviour: Behaviour, answer: Effect.Effect<A, Declined>): Effect.Effect<A, GatewayFailure> => {
    switch (behaviour) {
      case "answer":
      case "decline":
        return answer
      case "slow":
        return Effect.andThen(Effect.sleep(slowMs), answer)
      case "busy":
        return unavailable("Busy")
      case "hang":
      case "hangAfter":
        return Effect.never
      case "error":
      case "errorAfter":
      case "cut":
      case "cutAfter":
        return unknown
    }
  }

  const call = <A>(
    operation: Operation,
    paymentKey: string,
    carryOut: (behaviour: Behaviour, now: number) => Effect.Effect<A, Declined>
  ) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const behaviour = script.behaviourOf(operation, paymentKey)
      return end(behaviour, processes(behaviour) ? carryOut(behaviour, now) : Effect.never)
    })

  return {
    charges,
    script,

    approve: ({ paymentId, orderId, paymentKey, amount }) =>
      call("approve", paymentKey, (behaviour, at) => {
        const meant = orderIn(paymentKey)
        if (meant !== undefined && meant !== orderId) return declined("OTHER_PAYMENT")
        const status = behaviour === "decline" ? "DECLINED" : "APPROVED"
        const transactionId = `${gateway}-${paymentKey}`
        const { charge } = charges.charge({
          paymentKey,
          orderId,
          transactionId,
          idempotencyKey: paymentId,
          status,
          amount,
          at
        })
        if (charge.orderId !== orderId || charge.amount !== amount) return declined("OTHER_PAYMENT")
        const found = inquiryOf({ ...charge, refunds: [] })
        return found._tag === "Approved" ? Effect.succeed(found) : declined("DECLINED")
      }),

    inquire: ({ orderId, paymentKey }) =>
      call("inquire", paymentKey, () => {
        const charge = charges.byKey(paymentKey)
        const isOther = charge !== undefined && charge.orderId !== orderId
        return Effect.succeed<Inquiry>(
          isOther ? { _tag: "Declined", code: "OTHER_PAYMENT", reason: "As it was told" } : inquiryOf(charge)
        )
      }).pipe(
        Effect.catch((failure) =>
          failure._tag === "GatewayUnavailable" ? Effect.fail(failure) : unavailable("Unreachable")
        )
      ),

    cancel: ({ paymentKey, transactionId, refundId, amount }) =>
      call("cancel", paymentKey, (behaviour, at) => {
        if (behaviour === "decline") return declined("NOT_CANCELABLE")
        const made = charges.refund(transactionId, { refundId, amount, at })
        return "refund" in made ? Effect.succeed({ cancelledAt: made.refund.at }) : declined(made._tag)
      })
  }
}

/** One gateway in memory of each name, unguarded. */
export class MemoryGateways extends Context.Service<MemoryGateways, Record<GatewayName, MemoryGateway>>()(
  "sluice/saga/gateways/MemoryGateways"
) {}

export const layer: Layer.Layer<Gateways | MemoryGateways> = Layer.effect(
  Gateways,
  Effect.map(MemoryGateways, (all) =>
    Gateways.of({
      of: (name) => all[name],
      for: (method) => Policy.payment.routing[method],
      has: () => true,
      longestMs: longestMs(Policy.payment)
    })
  )
).pipe(
  Layer.provideMerge(
    Layer.sync(MemoryGateways, () => ({ toss: make("toss"), nice: make("nice"), inicis: make("inicis") }))
  )
)
