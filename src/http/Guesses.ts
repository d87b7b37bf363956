/** Slows down whoever guesses: a wrong guess costs whoever made it a token, and the address it came from; they come back. */
import { Clock, Effect, Exit } from "effect"
import { RateLimited } from "./api/Errors.ts"
import { Lru } from "./Lru.ts"

const rememberedMost = 10_000

interface Bucket {
  readonly tokens: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Who or what pays for a guess, and how many wrong ones a minute it can afford. */
export interface Payer {
  readonly key: string
  readonly perMinute: number
}

/** Runs a guess, unless too many were wrong lately. `isWrong` tells of a failure whether it was one. */
export const make = (isWrong: (error: unknown) => boolean) =>
  Effect.map(Clock.Clock, (clock) => {
    const buckets = new Lru<string, Bucket>(rememberedMost)

    const tokensOf = ({ key, perMinute }: Payer): Bucket => {
      const at = clock.currentTimeMillisUnsafe()
      const { tokens, at: since } = buckets.get(key) ?? { tokens: perMinute, at }
      return { tokens: Math.min(perMinute, tokens + ((at - since) * perMinute) / 60_000), at }
    }
    const add = (payer: Payer, count: number) => {
      const { tokens, at } = tokensOf(payer)
      buckets.set(payer.key, { tokens: tokens + count, at })
    }

    return <A, E, R>(
      payers: ReadonlyArray<Payer>,
      guess: Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | RateLimited, R> =>
      Effect.suspend((): Effect.Effect<A, E | RateLimited, R> => {
        const waits = payers.map((payer) => ((1 - tokensOf(payer).tokens) * 60) / payer.perMinute)
        const wait = Math.ceil(Math.max(...waits))
        if (wait > 0) return Effect.fail(new RateLimited({ retryAfterSeconds: wait }))
        // Paid in advance, or a thousand guesses at once would cost one.
        for (const payer of payers) add(payer, -1)
        return Effect.onExit(guess, (exit) =>
          Effect.sync(() => {
            // Whoever hangs up before the answer may have guessed wrong.
            const isFree =
              Exit.isSuccess(exit) || exit.cause.reasons.every((reason) => "error" in reason && !isWrong(reason.error))
            if (isFree) for (const payer of payers) add(payer, 1)
          })
        )
      })
  })
