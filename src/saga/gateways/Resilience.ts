/**
 * What stands around every call of a gateway (Y15, C23, design §4): it ends in time; what certainly did not happen is
 * tried again, after a pause that doubles and varies by chance; what may have happened is asked for before it is tried
 * again, under the same key; and a gateway that keeps failing is left alone for a while.
 *
 * Once a call's outcome was unknown, only an inquiry or a success ends the doubt. A refusal does not: it may be of the
 * second request, while the first one is still under way.
 */
import { Cause, Clock, Effect, Exit, Metric, Option, Random, Result, type Scope, Stream } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { Money } from "../../domain/Money.ts"
import type { GatewayName } from "../../domain/Tender.ts"
import {
  type Approved,
  type Cancelled,
  Declined,
  type Gateway,
  type GatewayFailure,
  GatewayUnavailable,
  type Inquiry,
  leftAt,
  OutcomeUnknown,
  whatBecameOf
} from "./Gateway.ts"

export interface Options {
  /** How often a call is repeated, at the most. */
  readonly maxRetries: number
  /** How long one attempt may take. */
  readonly callTimeoutMs: number
  readonly backoffMs: number
  readonly backoffMostMs: number
  /** So many failures in a row, and the gateway is left alone for so long. */
  readonly breaker: { readonly failures: number; readonly openMs: number }
}

/** The longest pause before the `attempt`-th repetition, from 1. */
export const pauseMs = ({ backoffMs, backoffMostMs }: Options, attempt: number): number =>
  Math.min(backoffMs * 2 ** (attempt - 1), backoffMostMs)

/** The longest an approval or a cancellation takes: every attempt and every inquiry in full, and the pauses between. */
export const longestMs = (options: Options): number => {
  const turns = options.maxRetries + 1
  let total = 2 * turns * options.callTimeoutMs
  for (let attempt = 1; attempt <= turns; attempt++) total += pauseMs(options, attempt)
  return total
}

type Operation = "approve" | "inquire" | "cancel"

const calls = Metric.counter("sluice_gateway_calls", { description: "Calls of payment gateways", incremental: true })
const seconds = Metric.histogram("sluice_gateway_call_seconds", {
  description: "How long a call of a payment gateway took",
  boundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
})
const breakers = Metric.gauge("sluice_gateway_breaker", {
  description: "Whether a payment gateway is called: 0 closed (it is), 1 half open, 2 open (it is not)"
})
const levels = { Closed: 0, HalfOpen: 1, Open: 2 }

/** A gateway whose calls end in time; one that does not may have been carried out. */
export const timed = (name: GatewayName, gateway: Gateway, callTimeoutMs: number): Gateway => {
  const detail = `No answer within ${callTimeoutMs} ms`
  const unknown = () => Effect.fail(new OutcomeUnknown({ gateway: name, detail }))
  const unavailable = () => Effect.fail(new GatewayUnavailable({ gateway: name, reason: "Unreachable", detail }))
  const duration = callTimeoutMs
  return {
    approve: (approval) => Effect.timeoutOrElse(gateway.approve(approval), { duration, orElse: unknown }),
    cancel: (cancellation) => Effect.timeoutOrElse(gateway.cancel(cancellation), { duration, orElse: unknown }),
    inquire: (payment) => Effect.timeoutOrElse(gateway.inquire(payment), { duration, orElse: unavailable })
  }
}

/** What became of a call whose outcome was unknown. */
type Answer<A> =
  | { readonly _tag: "Done"; readonly value: A }
  | { readonly _tag: "Never"; readonly failure: Declined }
  | { readonly _tag: "NotDone" | "Unclear" }

/** Acts until the outcome is certain, or there were attempts enough. */
export const untilCertain = Effect.fnUntraced(function* <A>(
  options: Options,
  act: Effect.Effect<A, GatewayFailure>,
  ask: Effect.Effect<Answer<A>, GatewayUnavailable>
) {
  let doubt: OutcomeUnknown | undefined
  for (let turn = 0; ; turn++) {
    if (turn > 0) {
      const jitter = 0.5 + (yield* Random.next) / 2
      yield* Effect.sleep(pauseMs(options, turn) * jitter)
    }
    if (doubt !== undefined) {
      const answer = yield* Effect.result(ask)
      if (Result.isSuccess(answer) && answer.success._tag === "Done") return answer.success.value
      if (Result.isSuccess(answer) && answer.success._tag === "Never") return yield* answer.success.failure
      if (turn > options.maxRetries) return yield* doubt
      if (Result.isFailure(answer) || answer.success._tag === "Unclear") continue
    }
    const result = yield* Effect.result(act)
    if (Result.isSuccess(result)) return result.success
    const { failure } = result
    if (failure._tag === "OutcomeUnknown") doubt = failure
    if (doubt !== undefined) continue
    const mayRetry = failure._tag === "GatewayUnavailable" && failure.reason !== "Settings"
    if (!mayRetry || turn === options.maxRetries) return yield* failure
  }
})

/** What an inquiry says of an approval of an amount. */
export const approvalIn = (gateway: GatewayName, amount: Money, found: Inquiry): Answer<Approved> => {
  switch (found._tag) {
    case "Approved":
      return found.approvedAmount === amount ? { _tag: "Done", value: found } : { _tag: "Unclear" }
    case "Declined":
      return { _tag: "Never", failure: new Declined({ gateway, code: found.code, reason: found.reason }) }
    case "Cancelled":
      // What is left of it is the buyer's.
      if (leftAt(found) !== 0) return { _tag: "Unclear" }
      return { _tag: "Never", failure: new Declined({ gateway, code: "CANCELLED", reason: "Given back since" }) }
    case "NotFound":
      return { _tag: "NotDone" }
  }
}

/** A gateway with all of that around it, until the scope closes. */
export const guard = Effect.fnUntraced(function* (
  name: GatewayName,
  gateway: Gateway,
  options: Options
): Effect.fn.Return<Gateway, never, Scope.Scope | CircuitBreaker.CircuitBreakerStore> {
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(options.breaker.failures),
    openDuration: options.breaker.openMs
  })
  const state = Metric.withAttributes(breakers, { gateway: name })
  yield* Metric.update(state, levels.Closed)
  yield* breaker.transitions.pipe(
    Stream.runForEach(({ from, to }) =>
      Effect.andThen(
        Metric.update(state, levels[to]),
        Effect.logWarning(`Gateway ${name}: the circuit breaker went from ${from} to ${to}`)
      )
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  const attempt = <A, E extends GatewayFailure>(
    operation: Operation,
    call: Effect.Effect<A, E>
  ): Effect.Effect<A, E | GatewayUnavailable> =>
    Effect.gen(function* () {
      const begun = yield* Clock.currentTimeMillis
      const result = yield* breaker.execute(call, { key: name, classify: healthIn }).pipe(
        Effect.mapError((error): E | GatewayUnavailable =>
          error instanceof CircuitBreaker.CircuitBreakerError
            ? new GatewayUnavailable({ gateway: name, reason: "CircuitOpen", detail: error.message })
            : error
        ),
        Effect.result
      )
      const outcome = Result.match(result, { onSuccess: () => "Answered", onFailure: nameOf })
      yield* Metric.update(Metric.withAttributes(calls, { gateway: name, operation, outcome }), 1)
      const tookMs = (yield* Clock.currentTimeMillis) - begun
      if (outcome !== "CircuitOpen")
        yield* Metric.update(Metric.withAttributes(seconds, { gateway: name, operation }), tookMs / 1000)
      if (outcome === "Settings" && Result.isFailure(result)) yield* Effect.logError(result.failure.message)
      return yield* Effect.fromResult(result)
    })

  const once = timed(name, gateway, options.callTimeoutMs)
  return {
    ...gateway,
    inquire: (payment) => attempt("inquire", once.inquire(payment)),
    approve: (approval) =>
      untilCertain(
        options,
        attempt("approve", once.approve(approval)),
        Effect.map(attempt("inquire", once.inquire(approval)), (found) => approvalIn(name, approval.amount, found))
      ),
    cancel: (cancellation) =>
      untilCertain<Cancelled>(
        options,
        attempt("cancel", once.cancel(cancellation)),
        Effect.map(attempt("inquire", once.inquire(cancellation)), (found) => {
          const became = whatBecameOf(cancellation, found)
          if (became !== "Done") return { _tag: became }
          return found._tag === "Cancelled"
            ? { _tag: "Done", value: { cancelledAt: found.cancelledAt } }
            : { _tag: "Unclear" }
        })
      )
  }
})

/** What a call says of the gateway's health: one that declines is well, and our settings are not its fault. */
const healthIn = (exit: Exit.Exit<unknown, GatewayFailure>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (failure?._tag === "Declined") return CircuitBreaker.success
  return failure?._tag === "GatewayUnavailable" && failure.reason === "Settings"
    ? CircuitBreaker.ignored
    : CircuitBreaker.failure()
}

/** How a failure is counted. */
const nameOf = (failure: GatewayFailure) => (failure._tag === "GatewayUnavailable" ? failure.reason : failure._tag)
