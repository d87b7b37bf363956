/**
 * What orders do by themselves, when it is time: a durable column of each, no sweep over all and no memory of a node's.
 *
 * Twice a second a node asks which orders are due, and carries on with those whose partition it owns. So deadlines
 * survive restarts, and whoever takes a partition over goes on with what its owner had begun. Should two nodes ever take
 * the same order up, it is the order that decides, once.
 */
import { Effect, FiberMap, Layer, Metric, Schedule, Schema } from "effect"
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
/** The most orders carried on with at a time; the others are due again. */
const atOnce = 256

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

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const orders = yield* Orders
    const journal = yield* Journal
    const directory = yield* Directory
    /** A gateway may take its time; nobody else waits for it. */
    const busy = yield* FiberMap.make<OrderId>()

    const carryOn = Effect.fnUntraced(function* ({ orderId, dueAt }: DueOrder) {
      const state = yield* directory.read("order", orderId)
      const due = state === undefined ? undefined : dueBy(state.order, journal.now())
      if (due === undefined) return
      yield* act(permit(orderId), due)
      yield* Metric.update(fired, 1)
      yield* Metric.update(lateness, journal.now() - dueAt)
    })

    /** One that cannot be carried on with now is due again next time. */
    const begin = (due: DueOrder) =>
      Effect.suspend(() => {
        const { orderId } = due
        if (!directory.owns("order", orderId) || FiberMap.hasUnsafe(busy, orderId)) return Effect.void
        return FiberMap.run(
          busy,
          orderId,
          Effect.catchCause(carryOn(due), (cause) => Effect.logDebug(`${orderId} could not be carried on with`, cause))
        )
      })

    const round = (after?: DueOrder): Effect.Effect<void, Unavailable, Transact | Gateways | Journal | Directory> =>
      Effect.flatMap(orders.due(journal.now(), page, after), (due) =>
        Effect.gen(function* () {
          for (const each of due) {
            if ((yield* FiberMap.size(busy)) >= atOnce) return
            yield* begin(each)
          }
          if (due.length === page) yield* round(due.at(-1))
        })
      )

    yield* Effect.suspend(() => round()).pipe(
      Effect.catchCause((cause) => Effect.logDebug("Nobody could tell what is due", cause)),
      Effect.repeat(Schedule.spaced(every)),
      Effect.forkScoped
    )
  })
)
