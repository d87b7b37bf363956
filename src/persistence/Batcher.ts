/**
 * Turns single look-ups into few large ones: what is asked while a query lingers or runs goes into the next query. A
 * thousand first-time buyers are one `WHERE id = ANY (…)`, not a thousand queries.
 */
import { type Duration, Effect, Queue, type Scope } from "effect"
import { Overloaded } from "./Failures.ts"

export interface Options<K, V, E> {
  /** Values aligned with `keys`, which are distinct; `undefined` where there is none. */
  readonly run: (keys: ReadonlyArray<K>) => Effect.Effect<ReadonlyArray<V | undefined>, E>
  /** How long the first look-up waits for others to join it; by default for those of the same moment. */
  readonly linger?: Duration.Input
  /** The most look-ups waiting, and so the most of one query; beyond, they fail `Overloaded`. */
  readonly queueSize: number
}

interface Ask<K, V, E> {
  readonly key: K
  readonly resume: (answer: Effect.Effect<V | undefined, E>) => void
}

export const make = <K, V, E>(
  options: Options<K, V, E>
): Effect.Effect<(key: K) => Effect.Effect<V | undefined, E | Overloaded>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const queue = yield* Queue.make<Ask<K, V, E>>({ capacity: options.queueSize, strategy: "dropping" })

    const answer = (asks: ReadonlyArray<Ask<K, V, E>>) => {
      const keys = [...new Set(asks.map(({ key }) => key))]
      return Effect.matchCause(options.run(keys), {
        onSuccess: (values) => {
          const found = new Map(keys.map((key, index) => [key, values[index]]))
          for (const { key, resume } of asks) resume(Effect.succeed(found.get(key)))
        },
        onFailure: (cause) => {
          for (const { resume } of asks) resume(Effect.failCause(cause))
        }
      })
    }

    const lingering = options.linger === undefined ? Effect.yieldNow : Effect.sleep(options.linger)
    yield* Queue.take(queue).pipe(
      Effect.tap(() => lingering),
      Effect.flatMap((first) => Effect.flatMap(Queue.clear(queue), (rest) => answer([first, ...rest]))),
      Effect.forever,
      Effect.forkScoped
    )

    return (key) =>
      Effect.callback((resume) => {
        if (!Queue.offerUnsafe(queue, { key, resume })) resume(Effect.fail(new Overloaded()))
      })
  })
