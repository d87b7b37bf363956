import { Clock, Config, Duration, Effect, Option, Schedule, Schema } from "effect"

/** A service that can't be had, or a server that does not do as it was told. The message is for a person. */
export class ServiceUnavailable extends Schema.TaggedError<ServiceUnavailable>()("ServiceUnavailable", {
  message: Schema.String
}) {}

export const unavailable = (message: string) => new ServiceUnavailable({ message })

/** Runs something of the operating system's; its failure becomes a `ServiceUnavailable` that says what was tried. */
export const attempt = <A>(what: string, run: (signal: AbortSignal) => PromiseLike<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => unavailable(`${what}: ${String(cause)}`) })

/** A test may hold the clock still, but a real process takes real time. */
export const inRealTime = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())

/** Gives up after a while, and says so. */
export const bounded = (limit: Duration.Input, what: string) =>
  Effect.timeoutOrElse({
    duration: limit,
    orElse: () => Effect.fail(unavailable(`${what} (waited for ${Duration.format(Duration.fromInputUnsafe(limit))})`))
  })

/** Asks again and again, for a minute at most. */
export const untilItAnswers = <A>(question: Effect.Effect<A, ServiceUnavailable>) =>
  Effect.retry(question, Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "60 seconds" })))

/** A variable of the environment; empty is as good as absent. */
export const variable = (name: string) =>
  Config.option(Config.String(name)).pipe(
    Effect.mapError((error) => unavailable(error.message)),
    Effect.map(Option.filter((value) => value !== ""))
  )
