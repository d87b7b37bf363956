/** Slows down whoever guesses passwords: a failed login costs its login id and its address a token; they come back. */
import { Clock, Context, Effect, Exit, Layer } from "effect"
import { BadCredentials, RateLimited } from "./api/Errors.ts"
import { Lru } from "./Lru.ts"

/** Many people may share an address. */
const perMinute = { login: 10, address: 100 }
const rememberedMost = 10_000

interface Bucket {
  readonly tokens: number
  /** Milliseconds since 1970. */
  readonly at: number
}

export class LoginGuard extends Context.Service<
  LoginGuard,
  {
    /** Runs a login, unless too many have failed lately. */
    readonly guard: <A, E, R>(
      loginId: string,
      address: string,
      login: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | RateLimited, R>
  }
>()("sluice/http/LoginGuard") {
  static readonly layer = Layer.effect(
    LoginGuard,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const buckets = new Lru<string, Bucket>(rememberedMost)

      const tokensOf = (key: string, rate: number): Bucket => {
        const at = clock.currentTimeMillisUnsafe()
        const { tokens, at: since } = buckets.get(key) ?? { tokens: rate, at }
        return { tokens: Math.min(rate, tokens + ((at - since) * rate) / 60_000), at }
      }
      const add = (key: string, rate: number, count: number) => {
        const { tokens, at } = tokensOf(key, rate)
        buckets.set(key, { tokens: tokens + count, at })
      }

      return LoginGuard.of({
        guard: <A, E, R>(loginId: string, address: string, login: Effect.Effect<A, E, R>) =>
          Effect.suspend((): Effect.Effect<A, E | RateLimited, R> => {
            const limits = [
              { key: `login ${loginId}`, rate: perMinute.login },
              { key: `address ${address}`, rate: perMinute.address }
            ]
            const waits = limits.map(({ key, rate }) => ((1 - tokensOf(key, rate).tokens) * 60) / rate)
            const wait = Math.ceil(Math.max(...waits))
            if (wait > 0) return Effect.fail(new RateLimited({ retryAfterSeconds: wait }))
            // Paid in advance, or a thousand guesses at once would cost one.
            for (const { key, rate } of limits) add(key, rate, -1)
            return Effect.onExit(login, (exit) =>
              Effect.sync(() => {
                const failed = Exit.isFailure(exit) && exit.cause.reasons.some(isWrongGuess)
                if (!failed) for (const { key, rate } of limits) add(key, rate, 1)
              })
            )
          })
      })
    })
  )
}

const isWrongGuess = (reason: { readonly _tag: string; readonly error?: unknown }) =>
  reason.error instanceof BadCredentials
