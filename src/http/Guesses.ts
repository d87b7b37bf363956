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

/** `isWrong` tells of a failure whether it was a wrong guess. */
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

    /** Takes the price of a guess, unless too many were paid for lately. */
    const pay = (payers: ReadonlyArray<Payer>): Effect.Effect<void, RateLimited> =>
      Effect.suspend(() => {
        const waits = payers.map((payer) => ((1 - tokensOf(payer).tokens) * 60) / payer.perMinute)
        const wait = Math.ceil(Math.max(...waits))
        if (wait > 0) return Effect.fail(new RateLimited({ retryAfterSeconds: wait }))
        for (const payer of payers) add(payer, -1)
        return Effect.void
      })

    /** Runs a guess. Paid in advance, or a thousand at once would cost one; the price of one that is not wrong is given back. */
    const guess = <A, E, R>(
      payers: ReadonlyArray<Payer>,
      attempt: Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | RateLimited, R> =>
      Effect.andThen(
        pay(payers),
        Effect.onExit(attempt, (exit) =>
          Effect.sync(() => {
            // Whoever hangs up before the answer may have guessed wrong.
            const isFree =
              Exit.isSuccess(exit) || exit.cause.reasons.every((reason) => "error" in reason && !isWrong(reason.error))
            if (isFree) for (const payer of payers) add(payer, 1)
          })
        )
      )

    return { pay, guess }
  })
