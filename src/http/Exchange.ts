import { Context, Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Exchange, OptionalBody } from "./api/Middleware.ts"
import * as Body from "./Body.ts"
import { observers } from "./Metrics.ts"
import { problemOf, render } from "./Problem.ts"

/** Answers with the problem an error is. What is none is a defect. */
const answer = (error: unknown, request: HttpServerRequest.HttpServerRequest) => {
  const problem = problemOf(error)
  return problem === undefined ? Effect.die(error) : Effect.succeed(render(problem, request))
}

export const layer = Layer.effect(
  Exchange,
  Effect.map(observers, (observerOf) => (handled, { endpoint: { method, path, payload, annotations } }) => {
    const observe = observerOf(`${method} ${path}`)
    const isOptional = Context.get(annotations, OptionalBody)
    return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const end = observe()
      const read: Effect.Effect<void, unknown> = payload.size === 0 ? Effect.void : Body.ahead(request, { isOptional })
      return Effect.andThen(read, handled).pipe(
        Effect.catch((error) => answer(error, request)),
        Effect.map(end)
      )
    })
  })
)
