/**
 * The express lane: the routes a sale is made of, without the layers between Node's server and the engine.
 *
 * In a sale nearly all requests are of one route, and the node's one thread is what they share. Router, middleware,
 * contexts and generic codecs cost it as much again as the purchase itself (decision 8), so these routes go without: the
 * same schemas, tokens, policies and problems, one fiber and one write. Whatever is not exactly of such a route goes the
 * usual way, where the same endpoint is. Both give the same answers.
 */
import { Cause, Context, Effect, FiberSet, Layer, Result, Schema } from "effect"
import { HttpApiError } from "effect/http-api"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Directory } from "../actors/Directory.ts"
import type { Orders } from "../persistence/Orders.ts"
import type { Users } from "../persistence/Users.ts"
import type { Gateways } from "../saga/gateways/Gateway.ts"
import type { Transact } from "../saga/Transact.ts"
import { strict } from "./api/Api.ts"
import { IssueRequest } from "./api/Coupons.ts"
import { Internal, MalformedJson } from "./api/Errors.ts"
import { IdempotencyKey } from "./api/Fields.ts"
import type { Asker, Claims } from "./api/Middleware.ts"
import { Checkout, NewOrder } from "./api/Orders.ts"
import { PaymentRequest } from "./api/Payments.ts"
import { Tokens } from "./Auth.ts"
import * as Body from "./Body.ts"
import { Draining } from "./Draining.ts"
import * as Edge from "./Edge.ts"
import { issueLimited } from "./handlers/Coupons.ts"
import { buy, create } from "./handlers/Orders.ts"
import { process } from "./handlers/Payments.ts"
import { observers } from "./Metrics.ts"
import * as Policy from "./Policy.ts"
import { problemOf, type Rendered, rendered } from "./Problem.ts"
import { tokenOf, traceIdOf } from "./Reader.ts"

/** A route for whoever has a token, with a key and a body; it creates something, or tells what it created before. */
interface Route<P, A, E> {
  /** As the document calls the operation. */
  readonly act: string
  readonly payload: Schema.Decoder<P>
  /** Of an answer. */
  readonly status: 200 | 201
  readonly handle: (
    who: Asker,
    key: string,
    payload: P
  ) => Effect.Effect<{ readonly answer: A; readonly replayed: boolean }, E, Services>
}

type Services = Transact | Directory | Gateways | Orders | Users

const headersOf = Schema.decodeUnknownResult(Schema.Struct(IdempotencyKey))

const wrong = (kind: "Headers" | "Payload") => (cause: Schema.SchemaError) =>
  new HttpApiError.HttpApiSchemaError({ kind, cause })

const parse = (text: string): Result.Result<unknown, MalformedJson> => {
  try {
    return Result.succeed(JSON.parse(text))
  } catch {
    return Result.fail(new MalformedJson())
  }
}

const answerOf = (
  status: number,
  { answer, replayed }: { readonly answer: unknown; readonly replayed: boolean }
): Rendered => ({
  status,
  headers: replayed ? { "idempotent-replayed": "true" } : {},
  body: JSON.stringify(answer)
})

export class Express extends Context.Service<
  Express,
  /** Whether the request is of the lane, and then it is answered. */
  (request: IncomingMessage, response: ServerResponse) => boolean
>()("sluice/http/Express") {
  static readonly layer = Layer.effect(
    Express,
    Effect.gen(function* () {
      const { verify } = yield* Tokens
      const draining = yield* Draining
      const observerOf = yield* observers
      const fork = yield* FiberSet.makeRuntime<Services>()

      const write = (response: ServerResponse, { status, headers, body }: Rendered) => {
        const leaving = draining.begun() ? { connection: "close" } : {}
        response.writeHead(status, { ...Edge.json, ...headers, ...leaving, "content-length": Buffer.byteLength(body) })
        response.end(body)
      }

      const refused = (request: IncomingMessage, cause: Cause.Cause<unknown>): Effect.Effect<Rendered> => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
        const problem = Result.getOrUndefined(Result.map(Cause.findError(cause), problemOf))
        return problem === undefined
          ? Effect.map(Edge.failed(request, cause), (traceId) => rendered(new Internal(), request, traceId))
          : Effect.succeed(rendered(problem, request))
      }

      const lane = <P, A, E>(path: string, { act, payload, status, handle }: Route<P, A, E>) => {
        const payloadOf = Schema.decodeUnknownResult(payload, strict)
        const observe = observerOf(`POST ${path}`)

        const asked = (request: IncomingMessage, claims: Claims, text: string) => {
          const who = { ...claims, act, traceId: () => traceIdOf(request) }
          const decoded = Result.mapError(headersOf(request.headers), wrong("Headers"))
          return Result.flatMap(decoded, ({ "idempotency-key": key }) =>
            Result.flatMap(parse(text), (body) =>
              Result.map(Result.mapError(payloadOf(body), wrong("Payload")), (wanted) => handle(who, key, wanted))
            )
          )
        }

        const take = (request: IncomingMessage, response: ServerResponse) => {
          const end = observe()
          const answered = Effect.flatMap(Body.read(request, response), (text) =>
            Effect.flatMap(verify(tokenOf(request.headers.authorization ?? "")), (who) =>
              Effect.flatMap(Effect.fromResult(asked(request, who, text)), (handled) => handled)
            )
          )
          const fiber = fork(
            Effect.matchCauseEffect(answered, {
              onSuccess: (answer) => Effect.sync(() => write(response, end(answerOf(status, answer)))),
              onFailure: (cause) => Effect.map(refused(request, cause), (answer) => write(response, end(answer)))
            })
          )
          response.on("close", () => {
            if (!response.writableEnded) fiber.interruptUnsafe()
          })
        }
        return [path, take] as const
      }

      const lanes = new Map([
        lane("/api/v1/checkout", {
          act: "orders.checkout",
          payload: Checkout,
          status: 201,
          handle: (who, ...asked) => buy(Policy.selfOf(who), ...asked)
        }),
        lane("/api/v1/orders", {
          act: "orders.create",
          payload: NewOrder,
          status: 201,
          handle: (who, ...asked) => create(Policy.selfOf(who), ...asked)
        }),
        lane("/api/v1/payments/process", {
          act: "payments.process",
          payload: PaymentRequest,
          status: 200,
          handle: process
        }),
        lane("/api/v1/coupons/issue/limited", {
          act: "coupons.issueLimited",
          payload: IssueRequest,
          status: 201,
          handle: issueLimited
        })
      ])

      /** Of what is too long, or may become it, there is a rest to get rid of: the usual way does. */
      const isShort = ({ headers }: IncomingMessage) => Number(headers["content-length"] ?? Infinity) <= Body.maximum

      return (request, response) => {
        const taken = request.method === "POST" && isShort(request) ? lanes.get(request.url ?? "") : undefined
        taken?.(request, response)
        return taken !== undefined
      }
    })
  )
}
