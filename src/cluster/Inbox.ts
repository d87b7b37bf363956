/** The receiving half of a node: takes messages apart for whoever serves them, and spreads what is heard of peers. */
import { Effect, Result, Schema } from "effect"
import { PartitionId } from "../domain/Ids.ts"
import type { Owner } from "./Leases.ts"
import type { Event, Handlers } from "./Peers.ts"

/** A message is asks, each to be answered, and tells. It is one text: several times cheaper than a schema for each. */
const Message = Schema.fromJsonString(
  Schema.Struct({ asks: Schema.Array(Schema.Unknown), tells: Schema.Array(Schema.Unknown) })
)
export type Message = typeof Message.Type
const Answers = Schema.fromJsonString(Schema.Array(Schema.Unknown))

const readMessage = Schema.decodeUnknownEffect(Message)
export const writeMessage = (message: Message): string => JSON.stringify(message)
const decodeAnswers = Schema.decodeUnknownResult(Answers)
/** `undefined` if they are not to be understood. */
export const readAnswers = (text: string): ReadonlyArray<unknown> | undefined =>
  Result.getOrUndefined(decodeAnswers(text))

/** Nobody here serves this, or whoever does could not. */
export class NotServed extends Schema.TaggedError<NotServed>()("NotServed", {}) {}

export class Inbox {
  readonly #listeners: Array<(event: Event) => void> = []
  #handlers: Partial<Handlers> = {}

  readonly listen = (listener: (event: Event) => void): void => void this.#listeners.push(listener)

  readonly serve = (handlers: Partial<Handlers>): void => {
    this.#handlers = { ...this.#handlers, ...handlers }
  }

  emit(event: Event): void {
    for (const listener of this.#listeners) listener(event)
  }

  readonly deliver = (text: string): Effect.Effect<string, NotServed> =>
    Effect.gen({ self: this }, function* () {
      const { asks, tells } = yield* readMessage(text)
      const { ask, tell } = this.#handlers
      if (tell !== undefined && tells.length > 0) yield* tell(tells)
      if (asks.length === 0) return "[]"
      if (ask === undefined) return yield* new NotServed()
      return JSON.stringify(yield* ask(asks))
    }).pipe(served)

  readonly handOver = (
    to: Owner,
    partitions: ReadonlyArray<number>
  ): Effect.Effect<ReadonlyArray<PartitionId>, NotServed> =>
    Effect.suspend(() => {
      const { handOver } = this.#handlers
      return handOver === undefined
        ? Effect.fail(new NotServed())
        : handOver(
            to,
            partitions.map((id) => PartitionId(id))
          )
    }).pipe(served)
}

/** A defect is told here, and is a refusal to the peer. */
const served = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, NotServed> =>
  Effect.catchCause(effect, (cause) =>
    Effect.andThen(Effect.logWarning("A peer could not be served", cause), Effect.fail(new NotServed()))
  )
