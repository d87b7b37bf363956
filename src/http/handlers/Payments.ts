import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Directory } from "../../actors/Directory.ts"
import { Journal } from "../../persistence/Journal.ts"
import { Orders } from "../../persistence/Orders.ts"
import type { Gateways } from "../../saga/gateways/Gateway.ts"
import { change } from "../../saga/Orders.ts"
import { confirm, pay, type PaymentKeyMalformed } from "../../saga/Payments.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import { ValidationFailed } from "../api/Errors.ts"
import { replay } from "../api/Fields.ts"
import { type Asker, Principal } from "../api/Middleware.ts"
import { DecidedPayment, type PaymentRequest } from "../api/Payments.ts"
import { keyed } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"
import { itsOwn } from "./Orders.ts"

/** What the engine's types allow, and a payment rules out. */
const impossible = [
  ...itsOwn,
  "BalanceLimitExceeded",
  "StockLimitExceeded",
  "NotRefundable",
  "RefundInProgress",
  "OrderNotCancellable",
  "CancelWindowClosed",
  "OrderStatusConflict"
] as const

/** Only the engine knows which gateway a method goes to, and so what its keys look like. */
const malformed = ({ gateway, expected }: PaymentKeyMalformed) =>
  new ValidationFailed({ errors: [{ pointer: "/paymentKey", message: `Expected a key of ${gateway}: ${expected}` }] })

export const process = (who: Asker, key: string, payload: typeof PaymentRequest.Type) => {
  const { orderId, tenders, paymentKey } = payload
  const request = keyed(Policy.selfOf(who), "POST /payments/process", key, payload)
  return Effect.flatMap(Policy.changeableOrderOf(who, orderId), ({ order }) =>
    pay({ request, order, tenders, paymentKey }).pipe(
      Effect.catchTag("PaymentKeyMalformed", (error) => Effect.fail(malformed(error))),
      Effect.catchTag(impossible, Effect.die)
    )
  )
}

export const layer = HttpApiBuilder.group(
  Api,
  "payments",
  Effect.fnUntraced(function* (handlers) {
    const services = yield* Effect.context<Gateways | Directory | Orders>()
    const orders = yield* Orders
    const journal = yield* Journal
    return handlers.handleAll({
      process: ({ headers, payload }) =>
        Effect.flatMap(Principal, (who) => Effect.map(process(who, headers["idempotency-key"], payload), replay)).pipe(
          Effect.provideContext(services)
        ),

      confirm: Effect.fnUntraced(function* ({ headers, payload }) {
        const who = yield* Policy.self
        const { order } = yield* Effect.provideContext(Policy.changeableOrder(payload.orderId), services)
        const { paymentKey, amount } = payload
        const key = headers["idempotency-key"]
        const request = keyed(who, "POST /payments/confirm", key, payload)
        const confirmed = Effect.catchTag(
          confirm({ request, order, paymentKey, amount }),
          "PaymentKeyMalformed",
          (error) => Effect.fail(malformed(error))
        )
        return replay(
          yield* Effect.catchTag(
            confirmed,
            [...impossible, "InsufficientBalance", "TooManyPayments", "PaymentNotConfigured"],
            Effect.die
          ).pipe(Effect.provideContext(services))
        )
      }),

      stuck: Effect.fnUntraced(function* ({ query: { limit, cursor } }) {
        const asked = yield* Policy.anybodysPayments({ limit, cursor })
        const { items, nextCursor } = yield* orders.stuckPayments(asked, journal.now())
        return {
          items: items.map((payment) => ({ ...payment, paymentDeadline: iso(payment.paymentDeadline) })),
          nextCursor
        }
      }),

      decide: Effect.fnUntraced(function* ({ params: { paymentId }, payload: { orderId, transactionId } }) {
        const order = yield* Effect.provideContext(Policy.anybodysOrder(orderId), services)
        const { answer } = yield* Effect.catchTag(
          change({
            request: undefined,
            order,
            deed: () => ({ _tag: "DecidePayment", paymentId, gatewayId: transactionId ?? undefined }),
            schema: DecidedPayment,
            answer: ({ order: { status } }) => ({ paymentId, orderStatus: status })
          }),
          [
            ...impossible,
            "UserNotFound",
            "InsufficientBalance",
            "TooManyPayments",
            "PaymentInProgress",
            "AmountMismatch",
            "RequestInProgress",
            "KeyReused"
          ],
          Effect.die
        )
        return answer
      })
    })
  })
)
