/**
 * What orders do by themselves, when it is time: a durable column of each, no sweep over all and no memory of a node's.
 *
 * Twice a second a node asks which orders are due, and carries on with those whose partition it owns. So deadlines
 * survive restarts, and whoever takes a partition over goes on with what its owner had begun. Should two nodes ever take
 * the same order up, it is the order that decides, once.
 */
import { type Cause, Effect, FiberMap, Layer, Metric, Schedule, Schema, Semaphore } from "effect"
import { permit, type Permitted } from "../domain/Authority.ts"
import type { OrderId } from "../domain/Ids.ts"
import { type Due, dueBy } from "../domain/OrderLife.ts"
import { Directory } from "../actors/Directory.ts"
import type { Unavailable } from "../actors/Errors.ts"
import { Journal } from "../persistence/Journal.ts"
import { type DueOrder, Orders } from "../persistence/Orders.ts"
import { change } from "./Orders.ts"
import type { Gateways } from "./gateways/Gateway.ts"
import { resumePayment, resumeRefund } from "./Payments.ts"
import type { Transact } from "./Transact.ts"

const every = "500 millis"
const page = 500
/** How many deadlines are carried out at a time: a commit or two. One that is stuck takes one of these places. */
const atOnce = 128
/** The most calls of gateways under way; what is beyond is due again. */
const callsMost = 256

const fired = Metric.counter("sluice_timers_fired", {
  description: "Deadlines of orders carried out",
  incremental: true
})
const lateness = Metric.gauge("sluice_timers_late_ms", { description: "How late the last deadline was carried out" })

/** The engine does it by its own right. */
const act = (order: Permitted<OrderId>, due: Due) => {
  switch (due._tag) {
    case "Do":
      return change({
        request: undefined,
        order,
        deed: () => ({ _tag: "Elapse" }),
        schema: Schema.Null,
        answer: () => null
      })
    case "ResumePayment":
      return resumePayment(order, due.payment)
    case "ResumeRefund":
      return resumeRefund(order, due.refund)
  }
}

type Needs = Transact | Gateways | Journal | Directory

const notNow = (id: OrderId) => (cause: Cause.Cause<unknown>) =>
  Effect.logDebug(`${id} could not be carried on with`, cause)

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const orders = yield* Orders
    const journal = yield* Journal
    const directory = yield* Directory
    /** What is being carried out; a round waits for a place there, and for none of them. */
    const deeds = yield* FiberMap.make<OrderId>()
    const places = yield* Semaphore.make(atOnce)
    /** Gateways take their time; nobody else waits for them. */
    const calls = yield* FiberMap.make<OrderId>()

    const carryOut = Effect.fnUntraced(function* (order: Permitted<OrderId>, due: Due, dueAt: number) {
      yield* act(order, due)
      yield* Metric.update(fired, 1)
      yield* Metric.update(lateness, journal.now() - dueAt)
    })

    const carryOn = Effect.fnUntraced(function* ({ orderId, dueAt }: DueOrder) {
      const state = yield* directory.read("order", orderId)
      const due = state === undefined ? undefined : dueBy(state.order, journal.now())
      if (due === undefined) return
      const carried = carryOut(permit(orderId), due, dueAt)
      if (due._tag === "Do") return yield* carried
      if (FiberMap.hasUnsafe(calls, orderId) || (yield* FiberMap.size(calls)) >= callsMost) return
      yield* FiberMap.run(calls, orderId, Effect.catchCause(carried, notNow(orderId)))
    })

    /** One that cannot be carried on with now is due again next time; it costs no other. */
    const attempt = (due: DueOrder) => Effect.catchCause(carryOn(due), notNow(due.orderId))

    const start = Effect.fnUntraced(function* (due: DueOrder) {
      const { orderId } = due
      if (!directory.owns("order", orderId) || FiberMap.hasUnsafe(deeds, orderId)) return
      yield* places.take(1)
      yield* FiberMap.run(deeds, orderId, Effect.ensuring(attempt(due), places.release(1)))
    })

    const round = (after?: DueOrder): Effect.Effect<void, Unavailable, Needs> =>
      Effect.flatMap(orders.due(journal.now(), page, after), (due) =>
        Effect.andThen(
          Effect.forEach(due, start, { discard: true }),
          Effect.suspend(() => (due.length < page ? Effect.void : round(due.at(-1))))
        )
      )

    yield* Effect.suspend(() => round()).pipe(
      Effect.catchCause((cause) => Effect.logDebug("Nobody could tell what is due", cause)),
      Effect.repeat(Schedule.spaced(every)),
      Effect.forkScoped
    )
  })
)
