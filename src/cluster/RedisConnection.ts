/**
 * A connection to Redis that fails fast: while there is none a command is refused instead of queued, an unanswered one
 * is neither repeated nor waited for, and a silent socket is replaced. It reconnects for as long as it is open.
 */
import { Effect, Redacted, Schema, type Scope } from "effect"
import { Redis } from "ioredis"

export interface Options {
  readonly url: Redacted.Redacted
  /** How long Redis may take, to connect and to answer. */
  readonly operationTimeoutMs: number
}

/** Redis does not answer, or says no. */
export class RedisUnavailable extends Schema.TaggedError<RedisUnavailable>()("RedisUnavailable", {
  cause: Schema.Defect()
}) {
  override get message() {
    return `Redis does not answer: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

const reconnectAfterMs = (attempts: number) => Math.min(50 * attempts, 500)

/** Waits for the first connection as long as for an answer, and goes on without. */
export const connect = (options: Options): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Redis(Redacted.value(options.url), {
          lazyConnect: true,
          connectTimeout: options.operationTimeoutMs,
          socketTimeout: options.operationTimeoutMs,
          enableOfflineQueue: false,
          maxRetriesPerRequest: 0,
          autoResendUnfulfilledCommands: false,
          retryStrategy: reconnectAfterMs
        })
          // Whoever asks is told; without a listener the client would print it as well.
          .on("error", () => undefined)
      ),
      (opened) => Effect.sync(() => opened.disconnect())
    )
    yield* attempt(() => client.connect()).pipe(
      Effect.timeoutOrElse({
        duration: options.operationTimeoutMs,
        orElse: () => Effect.fail(new RedisUnavailable({ cause: `no answer in ${options.operationTimeoutMs} ms` }))
      }),
      Effect.ignore({ log: "Warn" })
    )
    return client
  })

export const attempt = <A>(command: () => Promise<A>): Effect.Effect<A, RedisUnavailable> =>
  Effect.tryPromise({ try: command, catch: (cause) => new RedisUnavailable({ cause }) })
