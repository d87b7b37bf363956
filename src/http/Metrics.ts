/** How many requests are answered, how, and how fast. */
import { Clock, Effect, Metric } from "effect"

const boundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

const counter = (route: string, status: number) =>
  Metric.counter("sluice_http_requests", {
    description: "Requests answered",
    attributes: { route, status: String(status) },
    incremental: true
  })

const histogram = (route: string) =>
  Metric.histogram("sluice_http_request_seconds", {
    description: "From a request's headers to its answer",
    attributes: { route },
    boundaries
  })

/** Makes observers: of a route, each of which begins with a request and ends with its answer. */
export const observers = Effect.gen(function* () {
  const registry = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const seconds = () => Number(clock.currentTimeNanosUnsafe()) / 1e9

  return (route: string) => {
    const durations = histogram(route)
    const counts = new Map<number, ReturnType<typeof counter>>()
    return () => {
      const begun = seconds()
      return <A extends { readonly status: number }>(response: A): A => {
        const { status } = response
        let count = counts.get(status)
        if (count === undefined) counts.set(status, (count = counter(route, status)))
        count.updateUnsafe(1, registry)
        durations.updateUnsafe(seconds() - begun, registry)
        return response
      }
    }
  }
})
