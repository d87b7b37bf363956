/** Forgets the answers of requests once nobody may repeat them any more (24 hours), a slice at a time. */
import { Effect, Layer, Schedule } from "effect"
import { Journal } from "./Journal.ts"

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { forget } = yield* Journal
    yield* forget.pipe(
      Effect.repeat({ while: (forgotten) => forgotten > 0 }),
      Effect.catch(({ cause }) => Effect.logWarning("Old request keys could not be forgotten", cause)),
      Effect.repeat(Schedule.spaced("10 minutes")),
      Effect.forkScoped
    )
  })
)
