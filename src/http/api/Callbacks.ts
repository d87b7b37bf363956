import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { problems } from "./Problems.ts"

/** What every gateway takes for "received": Toss the status, NICE and Inicis the text. */
const received = Schema.Literal("OK").pipe(HttpApiSchema.asText({ contentType: "text/html; charset=utf-8" }))

/** The body is the handler's to read: whatever it is, the answer is the same. */
const answers = { success: received, error: problems("PAYLOAD_TOO_LARGE") }

export class CallbacksApi extends HttpApiGroup.make("callbacks")
  .add(
    HttpApiEndpoint.post("toss", "/payments/callbacks/toss", answers).annotate(
      OpenApi.Description,
      "The webhook PAYMENT_STATUS_CHANGED, as JSON. It has no signature."
    ),
    HttpApiEndpoint.post("nice", "/payments/callbacks/nice", answers).annotate(
      OpenApi.Description,
      "The webhook of a payment, as JSON or a form; without NICE's signature it leads to nothing."
    ),
    HttpApiEndpoint.post("inicis", "/payments/callbacks/inicis", answers).annotate(
      OpenApi.Description,
      "A notice with P_OID or no_oid, as a form. It has no signature."
    )
  )
  .annotate(
    OpenApi.Description,
    "For payment gateways. Nothing in a callback is believed: if the order it names waits to hear of that gateway, the gateway is asked. What cannot be read, or names nothing, is answered the same."
  ) {}
