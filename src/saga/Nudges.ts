/**
 * What gateways' callbacks lead to (decision 15): an order that waits to hear of a gateway has it asked, now instead of
 * when it is due (`Timers`). Who says so is not believed in anything, so a callback that comes twice, late or from a
 * stranger is only a question too many; and one that is lost, or left out here, is one that `Timers` ask.
 */
import { Context, Effect, FiberMap, Layer, Metric, Semaphore } from "effect"
import { permit } from "../domain/Authority.ts"
import type { OrderId } from "../domain/Ids.ts"
import { Policy } from "../domain/Policy.ts"
import type { GatewayName } from "../domain/Tender.ts"
import type { Directory } from "../actors/Directory.ts"
import type { Orders } from "../persistence/Orders.ts"
import type { Gateways } from "./gateways/Gateway.ts"
import { awaits, inquire } from "./Payments.ts"
import type { Transact } from "./Transact.ts"

/** The most orders a node looks after because somebody said so; the rest is `Timers`'. */
const ordersMost = 10_000
/** Of these, how many at a time are looked up, or asked for at a gateway. */
const atOnce = 32

const callbacks = Metric.counter("sluice_gateway_callbacks", {
  description: "Callbacks of payment gateways, by what they led to",
  incremental: true
})

export class Nudges extends Context.Service<
  Nudges,
  {
    /**
     * Has a gateway asked about an order, if the order waits to hear of it, in a moment; nobody waits for that.
     * `undefined`: the callback names none.
     */
    readonly nudge: (gateway: GatewayName, orderId: OrderId | undefined) => Effect.Effect<void>
  }
>()("sluice/saga/Nudges") {
  static readonly layer = Layer.effect(
    Nudges,
    Effect.gen(function* () {
      const services = yield* Effect.context<Transact | Directory | Gateways | Orders>()
      const turns = yield* Semaphore.make(atOnce)
      const underWay = yield* FiberMap.make<OrderId>()

      const count = (gateway: GatewayName, outcome: "Asked" | "Idle" | "Merged" | "LeftOut" | "Unread") =>
        Metric.update(Metric.withAttributes(callbacks, { gateway, outcome }), 1)

      const isAwaited = (gateway: GatewayName, orderId: OrderId) => turns.withPermit(awaits(gateway, orderId))

      const look = Effect.fnUntraced(function* (gateway: GatewayName, orderId: OrderId) {
        if (!(yield* isAwaited(gateway, orderId))) return yield* count(gateway, "Idle")
        // A gateway calls back before it has answered whoever asked.
        yield* Effect.sleep(Policy.payment.callbackGraceMs)
        if (!(yield* isAwaited(gateway, orderId))) return yield* count(gateway, "Idle")
        yield* count(gateway, "Asked")
        // The engine asks by its own right.
        yield* turns.withPermit(inquire(gateway, permit(orderId)))
      })

      return {
        nudge: Effect.fnUntraced(function* (gateway, orderId) {
          if (orderId === undefined) return yield* count(gateway, "Unread")
          if (FiberMap.hasUnsafe(underWay, orderId)) return yield* count(gateway, "Merged")
          if ((yield* FiberMap.size(underWay)) >= ordersMost) return yield* count(gateway, "LeftOut")
          const looked = look(gateway, orderId).pipe(
            Effect.catchCause((cause) => Effect.logDebug(`${orderId} could not be asked for at ${gateway}`, cause)),
            Effect.provideContext(services)
          )
          yield* FiberMap.run(underWay, orderId, looked)
        })
      }
    })
  )
}
