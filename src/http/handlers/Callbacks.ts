import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { GatewayName } from "../../domain/Tender.ts"
import { callbackIn } from "../../saga/gateways/Callback.ts"
import { Gateways } from "../../saga/gateways/Gateway.ts"
import { Nudges } from "../../saga/Nudges.ts"
import { Api } from "../api/Api.ts"
import * as Body from "../Body.ts"
import * as Policy from "../Policy.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "callbacks",
  Effect.fnUntraced(function* (handlers) {
    const gateways = yield* Gateways
    const { nudge } = yield* Nudges

    const receive = (gateway: GatewayName) =>
      Effect.fnUntraced(function* ({ request }: { readonly request: HttpServerRequest.HttpServerRequest }) {
        const body = yield* Body.whole(
          NodeHttpServerRequest.toIncomingMessage(request),
          NodeHttpServerRequest.toServerResponse(request)
        )
        const callback = callbackIn(gateway, body)
        const { isSigned = () => true } = gateways.of(gateway)
        const isHeard = callback !== undefined && isSigned(callback)
        yield* nudge(gateway, isHeard ? Policy.namedOrder(callback.orderId) : undefined)
        return "OK" as const
      })

    return handlers.handleAll({ toss: receive("toss"), nice: receive("nice"), inicis: receive("inicis") })
  })
).pipe(Layer.provide(Nudges.layer))
