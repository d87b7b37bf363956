/** What is true of every answer, and the answers to what no endpoint handles. */
import { Cause, Effect } from "effect"
import { FindMyWay, HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi } from "effect/http-api"
import { Api } from "./api/Api.ts"
import { Internal, MethodNotAllowed, RouteNotFound } from "./api/Errors.ts"
import { Draining } from "./Draining.ts"
import { observers } from "./Metrics.ts"
import { render } from "./Problem.ts"
import { type Reader, traceIdOf } from "./Reader.ts"

const always = { "x-content-type-options": "nosniff", "cache-control": "no-store" }
export const json = { ...always, "content-type": "application/json; charset=utf-8" }

const harden = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  const { "content-type": type, "cache-control": caching } = response.headers
  if (type === "application/json" && caching === undefined) return HttpServerResponse.setHeaders(response, json)
  const hardened = HttpServerResponse.setHeaders(
    response,
    caching === undefined ? always : { ...always, "cache-control": caching }
  )
  return type === undefined || type.includes("charset")
    ? hardened
    : HttpServerResponse.setHeader(hardened, "content-type", `${type}; charset=utf-8`)
}

/** Writes down what nobody foresaw; the id to find it by. */
export const failed = (
  request: Reader & { readonly method?: string | undefined; readonly url?: string | undefined },
  cause: Cause.Cause<unknown>
): Effect.Effect<string> => {
  const traceId = traceIdOf(request)
  const annotations = { traceId, method: request.method, path: request.url?.split("?")[0] }
  return Effect.logError("A request failed", cause).pipe(Effect.annotateLogs(annotations), Effect.as(traceId))
}

/** The methods of each path. */
const methodsOf = () => {
  const byPath = new Map<string, Set<string>>([
    ["/openapi.json", new Set(["GET"])],
    ["/docs", new Set(["GET"])]
  ])
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint: { path, method } }) => void byPath.set(path, (byPath.get(path) ?? new Set()).add(method))
  })
  const paths = FindMyWay.make<ReadonlySet<string>>()
  for (const [path, methods] of byPath) paths.on("GET", `/${path.slice(1)}`, methods)
  return (url: string) => paths.find("GET", url)?.handler
}

const isRouteNotFound = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"

export const layer = HttpRouter.middleware(
  Effect.gen(function* () {
    const draining = yield* Draining
    const methods = methodsOf()
    const observe = (yield* observers)("none")

    const unrouted = (request: HttpServerRequest.HttpServerRequest) => {
      const allowed = methods(request.url)
      if (allowed === undefined) return render(new RouteNotFound(), request)
      const list = [...allowed, ...(allowed.has("GET") ? ["HEAD"] : [])]
      const response = render(new MethodNotAllowed({ allowed: list }), request)
      return HttpServerResponse.setHeader(response, "allow", list.join(", "))
    }

    const finish = (response: HttpServerResponse.HttpServerResponse) =>
      draining.begun() ? HttpServerResponse.setHeader(harden(response), "connection", "close") : harden(response)

    return (routed) =>
      Effect.matchCauseEffect(routed, {
        onSuccess: (response) => Effect.succeed(finish(response)),
        onFailure: (cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.failCause(cause)
            : HttpServerRequest.HttpServerRequest.pipe(
                Effect.flatMap((request) =>
                  isRouteNotFound(Cause.squash(cause))
                    ? Effect.succeed(unrouted(request))
                    : Effect.map(failed(request, cause), (traceId) => render(new Internal(), request, traceId))
                ),
                Effect.map(observe()),
                Effect.map(finish)
              )
      })
  }),
  { global: true }
)
