import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { pay } from "../../saga/Payments.ts"
import { Api } from "../api/Api.ts"
import { replay } from "../api/Fields.ts"
import { keyed } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"
import { itsOwn } from "./Orders.ts"

export const layer = HttpApiBuilder.group(Api, "payments", (handlers) =>
  Effect.succeed(
    handlers.handleAll({
      process: Effect.fnUntraced(function* ({ headers, payload }) {
        const who = yield* Policy.self
        const { order } = yield* Policy.changeableOrder(payload.orderId)
        const request = keyed(who, "POST /payments/process", headers["idempotency-key"], payload)
        const paid = Effect.catchTag(
          pay({ request, order }),
          [
            ...itsOwn,
            "AmountMismatch",
            "BalanceLimitExceeded",
            "NotRefundable",
            "OrderNotCancellable",
            "CancelWindowClosed",
            "OrderStatusConflict"
          ],
          Effect.die
        )
        return replay(yield* paid)
      })
    })
  )
)
