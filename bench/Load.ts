/** Runs the generator: it warms up, we read the instruments, it orders, we read them again. */
import { Deferred, Effect, Schema, Stream } from "effect"
import * as Child from "../dev/Child.ts"
import { failed } from "./Failure.ts"
import { type Done, Message, Plan, type Progress, type Warmed } from "./load/Protocol.ts"

export interface Options<E, R> {
  readonly plan: Plan
  /** Between the warm-up and the first counted order. */
  readonly warmed: (warmed: typeof Warmed.Type) => Effect.Effect<unknown, E, R>
  readonly progress: (progress: typeof Progress.Type) => Effect.Effect<void>
}

const encodePlan = Schema.encodeEffect(Schema.fromJsonString(Plan))
const decodeMessage = Schema.decodeUnknownEffect(Schema.fromJsonString(Message))

export const run = <E, R>({ plan, warmed, progress }: Options<E, R>) =>
  Effect.gen(function* () {
    const go = yield* Deferred.make<string>()
    const input = Stream.fromEffect(Effect.orDie(encodePlan(plan))).pipe(
      Stream.concat(Stream.fromEffect(Deferred.await(go))),
      Stream.map((line) => `${line}\n`)
    )
    const child = yield* Child.start({ args: ["bench/generator.ts"], input })
    let done: Done | undefined
    const listen = child.lines.pipe(
      Stream.mapEffect((line) => decodeMessage(line)),
      Stream.runForEach((message): Effect.Effect<unknown, E, R> => {
        switch (message._tag) {
          case "Warmed":
            return Effect.andThen(warmed(message), Deferred.succeed(go, "go"))
          case "Progress":
            return progress(message)
          case "Done":
            return Effect.sync(() => void (done = message))
        }
      })
    )
    // It bounds itself; this is for a generator that is broken.
    yield* Effect.timeoutOrElse(listen, {
      duration: `${plan.secondsMost + 180} seconds`,
      orElse: () => Effect.fail(failed("The generator does not come to an end"))
    })
    if (done === undefined) return yield* failed(`The generator ended early: ${yield* child.complaint}`)
    return done
  }).pipe(Effect.scoped)
