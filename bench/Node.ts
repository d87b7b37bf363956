/** A Sluice node of this checkout, as a process of its own. It is stopped with SIGTERM when the scope closes. */
import { Effect, Schedule, Stream } from "effect"
import { HttpClient } from "effect/http"
import { freePort } from "../dev/services/Machine.ts"
import * as Child from "../dev/Child.ts"
import { processMicros } from "./Cpu.ts"
import { failed } from "./Failure.ts"
import { parse } from "./Metrics.ts"

const host = "127.0.0.1"

export interface Options {
  readonly secret: string
  /** Which database, in the node's own settings. */
  readonly database: Record<string, string>
  /** Flags for the node's Node. */
  readonly flags: ReadonlyArray<string>
}

export const start = Effect.fnUntraced(function* ({ secret, database, flags }: Options) {
  const http = yield* HttpClient.HttpClient
  const port = yield* freePort
  const child = yield* Child.start({
    args: [...flags, ...Child.startArgs],
    env: { NODE_ENV: "production", LOG_LEVEL: "warn", HOST: host, PORT: String(port), JWT_SECRET: secret, ...database }
  })
  yield* Effect.forkScoped(Effect.ignore(Stream.runDrain(child.lines)))
  const get = (path: string) =>
    http.get(`http://${host}:${port}${path}`).pipe(
      Effect.mapError((error) => failed(`The node does not answer: ${error.message}`)),
      Effect.filterOrFail(
        ({ status }) => status === 200,
        ({ status }) => failed(`The node answers ${status} to ${path}`)
      ),
      Effect.flatMap(({ text }) => Effect.orDie(text))
    )
  const ready = get("/health/ready").pipe(
    Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "60 seconds" })))
  )
  const endsEarly = child.exitCode.pipe(
    Effect.andThen(child.complaint),
    Effect.flatMap((complaint) => Effect.fail(failed(`The node ended before it was ready:\n${complaint}`)))
  )
  yield* Effect.raceFirst(ready, endsEarly)
  return {
    host,
    port,
    metrics: Effect.map(get("/metrics"), parse),
    cpuMicros: Effect.sync(() => processMicros(child.pid))
  }
})
