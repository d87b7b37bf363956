/**
 * Paying an order that was made before (seed 001 §2.5, §6.1). The wallet's part is one transaction. With a gateway's part
 * it is a saga, and each of its steps is a transaction of the order's:
 *
 * 1. `Pay`: the wallet's part is taken, and what is to be asked of the gateway is durable, before it is asked. Without
 *    the key that the gateway's page gives the buyer, this is as far as it goes: `confirm` goes on.
 * 2. The gateway is asked to approve it, under the payment's id: however often it is asked, it takes the money once.
 * 3. `Approved` confirms the order. `NotPaid` gives the wallet's part back; if the gateway refused, the order ends
 *    CANCELLED (S4, D12). Nobody knows: the order stays as it is, and is due again (`Timers`).
 *
 * Whoever owns the order goes on where a node left off: it asks what became of the payment, and only what the gateway
 * does not know of is asked for again, for as long as the order waits for its payment.
 *
 * A gateway that cannot be reached did not do what it was asked this time. It may have done it for somebody else, who
 * asked before or at the same time: so that a payment came to nothing is said only by who asked first, and only if
 * nobody has asked since. Whoever else asks says so to the order before.
 */
import { Effect, Metric, Result, Schedule, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import { OrderId, PaymentId, paymentId, refundId, RequestKey, uuidOf } from "../domain/Ids.ts"
import { minus, Money } from "../domain/Money.ts"
import {
  latePayment,
  type Order,
  type Payment,
  paymentOf,
  PaymentStatus,
  type Refund,
  refundsOf
} from "../domain/Order.ts"
import { AmountMismatch, forgottenAt, OrderNotFound, OrderNotPayable, underWay } from "../domain/OrderLife.ts"
import { GatewayMethod, GatewayName, type PaymentKey, type Tender } from "../domain/Tender.ts"
import { Policy } from "../domain/Policy.ts"
import { InsufficientBalance } from "../domain/Wallet.ts"
import { Directory } from "../actors/Directory.ts"
import type { Unavailable } from "../actors/Errors.ts"
import { Journal } from "../persistence/Journal.ts"
import { Orders } from "../persistence/Orders.ts"
import {
  type Approved,
  type Cancellation,
  type Declined,
  Gateways,
  type GatewayUnavailable,
  leftAt,
  OutcomeUnknown,
  type PaymentRef,
  whatBecameOf
} from "./gateways/Gateway.ts"
import { digest } from "./Keys.ts"
import { change, type ChangeRefusal } from "./Orders.ts"
import { type Answer, type Failure, type Keyed, Transact } from "./Transact.ts"

export const PaymentAnswer = Schema.Struct({
  paymentId: PaymentId,
  orderId: OrderId,
  /** INITIATED: the buyer's turn, at the gateway's page. GATEWAY_REQUESTED: nobody knows yet; ask again. */
  status: PaymentStatus,
  paidAmount: Money,
  /** The wallet's balance when this and everything admitted before it is committed, if any of it was the wallet's. */
  balance: Schema.optionalKey(Money)
})
export type PaymentAnswer = typeof PaymentAnswer.Type

/** The gateway said no; the order is CANCELLED. */
export class PaymentDeclined extends Schema.TaggedError<PaymentDeclined>()("PaymentDeclined", {
  orderId: OrderId,
  /** As the gateway has it. */
  declineCode: Schema.String,
  reason: Schema.String
}) {}

const Unreached = { orderId: OrderId, retryAfterSeconds: Schema.optionalKey(Schema.Int) }

/**
 * The gateway could not be asked. Nothing was paid; the order still waits, for another request: what this one came to is
 * kept. `retryAfterSeconds`: no gateway is asked before, for it failed too often.
 */
export class PaymentUnavailable extends Schema.TaggedError<PaymentUnavailable>()("PaymentUnavailable", Unreached) {}

/** No gateway carries out this method here: there are no settings for one. Nothing has changed. */
export class PaymentNotConfigured extends Schema.TaggedError<PaymentNotConfigured>()("PaymentNotConfigured", {
  method: GatewayMethod
}) {}

/** The key is of another order's payment. */
export class PaymentKeyUsed extends Schema.TaggedError<PaymentKeyUsed>()("PaymentKeyUsed", {
  orderId: OrderId
}) {}

/** A gateway's keys do not look like this. Nothing has changed. */
export class PaymentKeyMalformed extends Schema.TaggedError<PaymentKeyMalformed>()("PaymentKeyMalformed", {
  gateway: GatewayName,
  /** What they look like. */
  expected: Schema.String
}) {}

/** What is kept for whoever repeats the request: also what came to nothing, for it changed the order. */
const Kept = Schema.Union([
  PaymentAnswer,
  Schema.Struct({ short: Schema.Struct({ balance: Money, required: Money }) }),
  Schema.Struct({ declined: Schema.Struct({ orderId: OrderId, declineCode: Schema.String, reason: Schema.String }) }),
  Schema.Struct({ unavailable: Schema.Struct(Unreached) }),
  /** What is to be asked of the gateway is durable; the order's version by then. */
  Schema.Struct({ begun: Schema.Struct({ paymentId: PaymentId, version: Schema.Int }) })
])
type Kept = typeof Kept.Type

type PaymentRefusal =
  | ChangeRefusal
  | PaymentDeclined
  | PaymentUnavailable
  | PaymentNotConfigured
  | PaymentKeyUsed
  | PaymentKeyMalformed
type Paid = Effect.fn.Return<Answer<PaymentAnswer>, PaymentRefusal | Failure, Transact | Gateways | Directory | Orders>

const told = ({ answer, replayed }: Answer<Kept>): Effect.Effect<Answer<PaymentAnswer>, PaymentRefusal> => {
  if ("short" in answer) return Effect.fail(new InsufficientBalance({ ...answer.short, orderStatus: "CANCELLED" }))
  if ("declined" in answer) return Effect.fail(new PaymentDeclined(answer.declined))
  if ("unavailable" in answer) return Effect.fail(new PaymentUnavailable(answer.unavailable))
  if ("begun" in answer) return Effect.die("A payment that has only begun is no answer")
  return Effect.succeed({ answer, replayed })
}

interface Changed {
  readonly order: Order
  readonly balance?: Money | undefined
}

/** Where an order's payment stands. */
const standing = ({ order, balance }: Changed): PaymentAnswer => {
  const payment = paymentOf(order)
  return {
    paymentId: payment?.paymentId ?? noPayment,
    orderId: order.orderId,
    status: payment?.status ?? "FAILED",
    paidAmount: order.paidAmount,
    ...(balance === undefined ? {} : { balance })
  }
}
/** An order that was asked to be paid has a payment. */
const noPayment = PaymentId.make("pay_00000000-0000-0000-0000-000000000000")

type Step = { readonly request: Keyed | undefined; readonly order: Permitted<OrderId> }

type Deeds = Parameters<typeof change>[0]["deed"]

const step = <E = never>(
  { request, order }: Step,
  deed: Deeds,
  answer: (changed: Changed) => Kept = standing,
  explain?: Effect.Effect<void, E | Unavailable>
) => change<Kept, E>({ request, order, deed, schema: Kept, answer, explain })

/** What the first step of a saga answers. */
const begun = ({ order }: Changed): Kept => ({
  begun: { paymentId: paymentOf(order)?.paymentId ?? noPayment, version: order.version }
})

/**
 * How a saga ends is kept under a key of its own, for the request's has said since the first step what was asked for: it
 * is as little another request's as the payment is.
 */
export const ending = ({ key, bodyHash }: Keyed, id: PaymentId): Keyed => ({
  key: RequestKey(digest(`${key}\n${id}`)),
  bodyHash
})

export interface PaymentRequest {
  /** Its key is taken by the first step, whatever comes after it. */
  readonly request: Keyed
  readonly order: Permitted<OrderId>
  /** For all there is to pay, with one gateway's at the most; `undefined`: the wallet for all. */
  readonly tenders: ReadonlyArray<Tender> | undefined
  /** What the gateway's page gave the buyer, if that was before. */
  readonly paymentKey: PaymentKey | undefined
}

/**
 * Pays an order. Without enough money in the wallet the order ends CANCELLED, its stock and its coupon are free again
 * (seed 000 F4), and whoever repeats the request is told the same.
 */
export const pay = Effect.fnUntraced(function* ({ request, order, tenders, paymentKey }: PaymentRequest): Paid {
  const gateways = yield* Gateways
  const method = tenders?.find((tender) => tender.method !== "WALLET")?.method
  const gateway = method === undefined || method === "WALLET" ? undefined : gateways.for(method)
  if (method !== undefined && method !== "WALLET") yield* unlessRepeated(request, configured(method))
  yield* unlessRepeated(request, wellFormed(gateway, paymentKey))
  // Another node may be told the same key at this very moment: then it is for the disk to say.
  const isFree = paymentKey === undefined ? Effect.void : unused(yield* Orders, order.of, paymentKey)
  yield* unlessRepeated(request, isFree)
  const isSaga = gateway !== undefined && paymentKey !== undefined
  const pays: Deeds = (id) => ({ _tag: "Pay", paymentId: paymentId(id), tenders, gateway, paymentKey })
  const first = yield* step({ request, order }, pays, isSaga ? begun : standing, isFree).pipe(
    Effect.catchTag("InsufficientBalance", ({ balance, required }) =>
      step(
        { request, order },
        (id) => ({ _tag: "Cancel", refundId: refundId(id), reason: "INSUFFICIENT_BALANCE", items: undefined }),
        () => ({ short: { balance, required } })
      ).pipe(
        // Somebody else has ended it, or paid it, since.
        Effect.catchTag("OrderNotCancellable", ({ orderStatus }) => Effect.fail(new OrderNotPayable({ orderStatus })))
      )
    )
  )
  return yield* goOn({ request, order }, first)
})

export interface ConfirmRequest {
  readonly request: Keyed
  readonly order: Permitted<OrderId>
  readonly paymentKey: PaymentKey
  /** What the buyer agreed to pay at the gateway's page. */
  readonly amount: Money
}

/** The buyer is back from the gateway's page (C47); and whoever asks again is told where it stands. */
export const confirm = Effect.fnUntraced(function* ({ request, order, paymentKey, amount }: ConfirmRequest): Paid {
  const awaited = underWay(yield* current(order.of))
  if (awaited?.status === "INITIATED") yield* unlessRepeated(request, wellFormed(awaited.gateway, paymentKey))
  const isFree = unused(yield* Orders, order.of, paymentKey)
  yield* unlessRepeated(request, isFree)
  const asks: Deeds = () => ({ _tag: "AskGateway", paymentKey, amount })
  /** It was asked before. */
  const whereItStands = Effect.fnUntraced(function* (refusal: OrderNotPayable) {
    const { payments } = yield* current(order.of)
    const known = payments.findLast((payment) => payment.paymentKey === paymentKey)
    if (known === undefined) return yield* refusal
    if (known.amount !== amount) return yield* new AmountMismatch({ payable: known.amount })
    return yield* carryThrough({ request, order }, undefined)
  })
  return yield* step({ request, order }, asks, begun, isFree).pipe(
    Effect.matchEffect({
      onSuccess: (first) => goOn({ request, order }, first),
      onFailure: (failure) => (failure._tag === "OrderNotPayable" ? whereItStands(failure) : Effect.fail(failure))
    })
  )
})

/** From the first step to the answer; of a repetition from where the first one may have left off. */
const goOn = Effect.fnUntraced(function* (
  { request, order }: { readonly request: Keyed; readonly order: Permitted<OrderId> },
  first: Answer<Kept>
) {
  const { answer, replayed } = first
  if (!("begun" in answer)) return yield* told(first)
  const end = ending(request, answer.begun.paymentId)
  const before = replayed ? yield* answered(end) : undefined
  return before ?? (yield* carryThrough({ request: end, order }, replayed ? undefined : answer.begun.version))
})

const keptOf = (request: Keyed) => Effect.flatMap(Transact, ({ answered: find }) => find({ request, answer: Kept }))

/** What the request was answered before, if it was. */
const answered = (request: Keyed) =>
  Effect.flatMap(keptOf(request), (kept) => (kept === undefined ? Effect.undefined : told(kept)))

/** What is not so any more is nothing to whoever repeats a request: settings, keys and attempts change meanwhile. */
const unlessRepeated = <E, R>(request: Keyed, asked: Effect.Effect<void, E, R>) =>
  Effect.catch(asked, (refusal) =>
    Effect.flatMap(keptOf(request), (kept) => (kept === undefined ? Effect.fail(refusal) : Effect.void))
  )

const configured = Effect.fnUntraced(function* (method: GatewayMethod) {
  const gateways = yield* Gateways
  if (!gateways.has(gateways.for(method))) return yield* new PaymentNotConfigured({ method })
})

const wellFormed = Effect.fnUntraced(function* (gateway: GatewayName | undefined, key: PaymentKey | undefined) {
  const form = gateway && (yield* Gateways).of(gateway).keyForm
  if (gateway === undefined || key === undefined || form === undefined || form.pattern.test(key)) return
  return yield* new PaymentKeyMalformed({ gateway, expected: form.says })
})

/** A gateway's key pays one order: another one would have what the first has paid given back. */
const unused = Effect.fnUntraced(function* ({ ofPaymentKey }: Orders["Service"], id: OrderId, key: PaymentKey) {
  const other = yield* ofPaymentKey(key)
  if (other !== undefined && other !== id) return yield* new PaymentKeyUsed({ orderId: id })
})

const current = Effect.fnUntraced(function* (id: OrderId) {
  const state = yield* (yield* Directory).read("order", id)
  return state === undefined ? yield* new OrderNotFound({ orderId: id }) : state.order
})

/** What an order that is being paid through a gateway asks of it. */
const refOf = (order: Order, payment: Payment): PaymentRef | undefined =>
  payment.paymentKey === undefined
    ? undefined
    : { paymentId: payment.paymentId, orderId: order.orderId, paymentKey: payment.paymentKey }

const declined = (asked: Step, { paymentId: id }: Payment, { code, reason }: Pick<Declined, "code" | "reason">) =>
  step(
    asked,
    () => ({ _tag: "NotPaid", paymentId: id, cancel: "PAYMENT_FAILED" }),
    () => ({
      declined: { orderId: asked.order.of, declineCode: code, reason }
    })
  )

/** Gives back what a gateway has of a payment that is not what its order asked for. */
const giveBack = Effect.fnUntraced(function* (
  ref: PaymentRef,
  gateway: GatewayName,
  { transactionId, approvedAmount }: Pick<Approved, "transactionId" | "approvedAmount">,
  amount: Money
) {
  const id = refundId(uuidOf(ref.paymentId))
  const cancellation = {
    ...ref,
    transactionId,
    refundId: id,
    amount,
    approvedAmount,
    remaining: amount,
    othersUnknown: false
  }
  return yield* (yield* Gateways).of(gateway).cancel({ ...cancellation, reason: "PAYMENT_FAILED" })
})

/** An order that cannot be told now is told again, for some minutes. */
const insisting = { schedule: Schedule.exponential("1 second"), times: 8 }

/**
 * Tells the order that the gateway has taken the money. Somebody else may have told it before; or may have given the
 * payment up, and then the order is told that the money has to go back: that is a refund like any other (`Timers`). Nobody
 * else may know of the money, so whoever hangs up does not end it.
 */
const take = Effect.fnUntraced(function* (
  asked: Step,
  { paymentId: id, paymentKey }: Payment,
  { transactionId: gatewayId }: Approved
) {
  return yield* Effect.catchTag(
    step(asked, () => ({ _tag: "Approved", paymentId: id, gatewayId })),
    "OrderNotPayable",
    (refusal) =>
      Effect.gen(function* () {
        yield* step({ ...asked, request: undefined }, () => ({ _tag: "ApprovedLate", paymentId: id, gatewayId })).pipe(
          Effect.asVoid,
          // It is known, or it is what another attempt by the same key waits for.
          Effect.catchTag("OrderNotPayable", () => Effect.void),
          Effect.retry(insisting),
          Effect.tapError((failure) =>
            Effect.logError(`${id} of ${asked.order.of} was given up, and taken as ${gatewayId}: give it back`, failure)
          )
        )
        const order = yield* current(asked.order.of)
        const isWanted = order.payments.some((each) => each.paymentKey === paymentKey && each.status !== "FAILED")
        if (order.paidAt === undefined || !isWanted) return yield* refusal
        return { answer: standing({ order }), replayed: true }
      })
  )
}, Effect.uninterruptible)

const delayed = (asked: Step, { paymentId: id }: Payment) =>
  step({ ...asked, request: undefined }, () => ({ _tag: "PaymentDelayed", paymentId: id }))

/** A gateway that failed too often is left alone for a while. */
const whenClosed = ({ reason }: GatewayUnavailable) =>
  reason === "CircuitOpen" ? { retryAfterSeconds: Math.ceil(Policy.payment.breaker.openMs / 1000) } : {}

/**
 * Asks the gateway to approve what the order says it does, and tells the order what came of it, whether or not the asker
 * is still there: both end in time by themselves. `asOf`: who asks is the first, and the order's version by then.
 */
const approve = Effect.fnUntraced(function* (asked: Step, order: Order, payment: Payment, asOf?: number) {
  const gateways = yield* Gateways
  const ref = refOf(order, payment)
  const { gateway, method, amount } = payment
  if (gateway === undefined || ref === undefined || method === "WALLET")
    return yield* Effect.die("No gateway's payment")
  const unknown: Answer<Kept> = { answer: standing({ order }), replayed: false }
  return yield* Effect.matchEffect(gateways.of(gateway).approve({ ...ref, amount, method }), {
    onSuccess: (taken) => take(asked, payment, taken),
    onFailure: (failure) => {
      switch (failure._tag) {
        case "Declined":
          return declined(asked, payment, failure)
        case "GatewayUnavailable":
          if (asOf === undefined) return Effect.succeed(unknown)
          return step(
            asked,
            () => ({ _tag: "NotPaid", paymentId: payment.paymentId, cancel: undefined, asOf }),
            () => ({ unavailable: { orderId: order.orderId, ...whenClosed(failure) } })
          ).pipe(Effect.catchTag("OrderNotPayable", () => Effect.succeed(unknown)))
        case "OutcomeUnknown":
          return Effect.succeed(unknown)
      }
    }
  })
}, Effect.uninterruptible)

/** What a gateway says has become of a payment, told to the order; `undefined`: nothing so far. */
const conclude = Effect.fnUntraced(function* (asked: Step, order: Order, payment: Payment) {
  const gateways = yield* Gateways
  const ref = refOf(order, payment)
  const { gateway } = payment
  if (gateway === undefined || ref === undefined) return undefined
  const found = yield* gateways.of(gateway).inquire(ref)
  switch (found._tag) {
    case "Approved": {
      if (found.approvedAmount === payment.amount) return yield* take(asked, payment, found)
      // Not until it is given back is it over.
      yield* giveBack(ref, gateway, found, found.approvedAmount)
      return yield* declined(asked, payment, { code: "OTHER_AMOUNT", reason: "Another amount was approved" })
    }
    case "Declined":
      return yield* declined(asked, payment, found)
    case "Cancelled": {
      const left = leftAt(found)
      if (left === undefined) {
        return yield* new OutcomeUnknown({ gateway, detail: "Given back in part, and nobody knows how much is left" })
      }
      if (left > 0) yield* giveBack(ref, gateway, found, left)
      return yield* declined(asked, payment, { code: "CANCELLED", reason: "Given back since" })
    }
    case "NotFound":
      return undefined
  }
})

/**
 * From the durable intent to what came of it. Only who made it durable asks for the approval, and nobody else knows that
 * a gateway that cannot be asked was not asked before: others ask what became of it. Somebody may have been faster: then
 * it is told where it stands.
 */
const carryThrough = Effect.fnUntraced(function* (asked: Step, asOf: number | undefined) {
  const order = yield* current(asked.order.of)
  const payment = underWay(order)
  const unknown: Answer<Kept> = { answer: standing({ order }), replayed: false }
  if (payment?.status === "GATEWAY_REQUESTED") {
    if (asOf !== undefined) return yield* approve(asked, order, payment, asOf)
    const concluded = conclude(asked, order, payment)
    const unheard = ["GatewayUnavailable", "OutcomeUnknown", "Declined"] as const
    return (yield* Effect.catchTag(concluded, unheard, () => Effect.undefined)) ?? unknown
  }
  if (order.paidAt === undefined) return yield* new OrderNotPayable({ orderStatus: order.status })
  return { ...unknown, replayed: true }
}, Effect.flatMap(told))

/** What an order waits to hear of a gateway. */
type Awaited =
  | { readonly _tag: "Payment"; readonly payment: Payment }
  | { readonly _tag: "Refund"; readonly refund: Refund; readonly cancellation: Cancellation }

const awaitedOf = (order: Order, gateway: GatewayName): ReadonlyArray<Awaited> => {
  const payment = underWay(order)
  const isAsked = payment?.gateway === gateway && payment.status === "GATEWAY_REQUESTED"
  const refunds = order.refunds.flatMap((refund): ReadonlyArray<Awaited> => {
    const asked = refund.status === "PROCESSING" ? cancellationOf(order, refund) : undefined
    return asked?.gateway === gateway ? [{ _tag: "Refund", refund, cancellation: asked.cancellation }] : []
  })
  return isAsked ? [{ _tag: "Payment", payment }, ...refunds] : refunds
}

/**
 * Whether an order waits to hear of a gateway what has become of a payment or a refund, by what is on disk: most of those
 * that are asked about are over, and stay out of memory.
 */
export const awaits = Effect.fnUntraced(function* (gateway: GatewayName, id: OrderId) {
  const order = yield* (yield* Orders).get(id)
  return order !== undefined && awaitedOf(order, gateway).length > 0
})

/**
 * Asks a gateway what has become of a payment or of refunds that an order waits for, and tells the order. No approval and
 * no refund of the order's is asked for, and nothing becomes of the order but what the gateway says: anybody may cause it,
 * at any time. What the gateway took and the order never asked for goes back.
 */
export const inquire = Effect.fnUntraced(function* (gateway: GatewayName, permitted: Permitted<OrderId>) {
  const gateways = yield* Gateways
  const asked: Step = { request: undefined, order: permitted }
  const order = yield* current(permitted.of)
  for (const awaited of awaitedOf(order, gateway)) {
    if (awaited._tag === "Payment") {
      yield* conclude(asked, order, awaited.payment)
      continue
    }
    const { refund, cancellation } = awaited
    const found = yield* gateways.of(gateway).inquire(cancellation)
    if (whatBecameOf(cancellation, found) === "Done") {
      yield* step(asked, () => ({ _tag: "Refunded", refundId: refund.refundId }))
    }
  }
})

const stuckPayments = Metric.counter("sluice_payments_stuck", {
  description: "Times that a gateway said nothing of a payment long after its time",
  incremental: true
})

/** Goes on with a payment whose node says nothing. */
export const resumePayment = Effect.fnUntraced(function* (permitted: Permitted<OrderId>, payment: Payment) {
  const journal = yield* Journal
  const order = yield* current(permitted.of)
  if (payment.gateway === undefined || payment.paymentKey === undefined) return
  const asked: Step = { request: undefined, order: permitted }
  const isOver = journal.now() >= (order.paymentDeadline ?? 0)
  const mayBeForgotten = journal.now() >= forgottenAt(order)
  // Whoever takes longer than it is due again would be overtaken by the next one.
  yield* delayed(asked, payment)
  const found = yield* Effect.result(conclude(asked, order, payment))
  if (Result.isFailure(found)) {
    const { failure } = found
    if (failure._tag !== "GatewayUnavailable" && failure._tag !== "OutcomeUnknown") return yield* failure
    if (!mayBeForgotten) return
    yield* Metric.update(stuckPayments, 1)
    return yield* Effect.logWarning(
      `Nobody says what became of ${payment.paymentId} of ${order.orderId}: see GET /admin/payments`,
      failure
    )
  }
  if (found.success !== undefined) return
  if (!isOver) yield* approve(asked, order, payment)
  else if (mayBeForgotten) {
    yield* step(asked, () => ({ _tag: "NotPaid", paymentId: payment.paymentId, cancel: "PAYMENT_TIMEOUT" }))
  }
})

/** Whether the gateway gave it back, or a person did, nobody has said. */
const isPersons = ({ status, viaGateway }: Refund) => status === "MANUAL" && viaGateway > 0

/** What a refund asks of the gateway that has the money; `undefined`: none has. */
const cancellationOf = (order: Order, refund: Refund) => {
  const { refundId: id, viaGateway } = refund
  const payment =
    latePayment(order, refund) ??
    order.payments.find(({ gateway, status }) => gateway !== undefined && status === "COMPLETED")
  const ref = payment === undefined ? undefined : refOf(order, payment)
  if (payment?.gateway === undefined || payment.gatewayId === undefined || ref === undefined) return undefined
  const cancellation: Cancellation = {
    ...ref,
    transactionId: payment.gatewayId,
    refundId: id,
    amount: viaGateway,
    approvedAmount: payment.amount,
    remaining: minus(payment.amount, payment.refunded),
    othersUnknown: latePayment(order, refund) === undefined && refundsOf(order).some(isPersons),
    reason: order.cancelReason ?? "REFUND"
  }
  return { gateway: payment.gateway, cancellation }
}

/** Has a gateway give back what is due to the buyer; after too many attempts it is a person's. */
export const resumeRefund = Effect.fnUntraced(function* (permitted: Permitted<OrderId>, refund: Refund) {
  const gateways = yield* Gateways
  const order = yield* current(permitted.of)
  const { gateway, cancellation } = cancellationOf(order, refund) ?? {}
  if (gateway === undefined || cancellation === undefined) return
  const asked: Step = { request: undefined, order: permitted }
  const { refundId: id } = refund
  // It is due again later, whatever becomes of this node.
  yield* step(asked, () => ({ _tag: "RefundDelayed", refundId: id }))
  const { refunds } = yield* current(permitted.of)
  if (!refunds.some(({ refundId: due, status }) => due === id && status === "PROCESSING")) return
  yield* Effect.matchEffect(gateways.of(gateway).cancel(cancellation), {
    onSuccess: () => Effect.asVoid(step(asked, () => ({ _tag: "Refunded", refundId: id }))),
    onFailure: (failure) => Effect.logWarning(`The refund ${id} was not carried out`, failure)
  })
})
