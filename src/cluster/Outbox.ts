/**
 * The sending half, towards one peer: asks and tells wait in a bounded queue until one of a few senders is free, which
 * takes all that is there. So a message is as large as the peer is busy, and nothing waits for a timer.
 */
import { Effect, Metric, Queue, type Scope, Semaphore } from "effect"
import { readAnswers, writeMessage } from "./Inbox.ts"
import { type Options, PeerUnavailable } from "./Peers.ts"

interface Ask {
  readonly value: unknown
  readonly resume: (answer: Effect.Effect<unknown, PeerUnavailable>) => void
  /** Whoever asked waits no longer. */
  over: boolean
}
interface Tell {
  readonly value: unknown
  readonly done: (heard: boolean) => void
}
type Item = { readonly ask: Ask } | { readonly tell: Tell }

export interface Outbox {
  readonly ask: (value: unknown) => Effect.Effect<unknown, PeerUnavailable>
  readonly tell: (value: unknown, done: (heard: boolean) => void) => void
}

const asksSent = Metric.counter("sluice_remote_asks", { description: "Asks sent to other nodes", incremental: true })
const batchSizes = Metric.histogram("sluice_remote_batch_size", {
  description: "Asks and tells of one message to another node",
  boundaries: [1, 2, 4, 8, 16, 32, 64, 128, 256]
})

export const make = (
  address: string,
  options: Options,
  /** Carries a message there and its answers back. */
  carry: (message: string) => Effect.Effect<string, PeerUnavailable>
): Effect.Effect<Outbox, never, Scope.Scope> =>
  Effect.gen(function* () {
    const queue = yield* Queue.make<Item>({ capacity: options.queueSize, strategy: "dropping" })
    const scope = yield* Effect.scope
    const fail = (reason: PeerUnavailable["reason"]) => Effect.fail(new PeerUnavailable({ address, reason }))

    const send = Effect.fnUntraced(function* (items: ReadonlyArray<Item>) {
      const asks = items.flatMap((item) => ("ask" in item && !item.ask.over ? [item.ask] : []))
      const tells = items.flatMap((item) => ("tell" in item ? [item.tell] : []))
      if (asks.length + tells.length === 0) return
      yield* Metric.update(asksSent, asks.length)
      yield* Metric.update(batchSizes, asks.length + tells.length)
      const message = writeMessage({ asks: asks.map(({ value }) => value), tells: tells.map(({ value }) => value) })
      let heard = false
      yield* carry(message).pipe(
        Effect.timeoutOrElse({ duration: options.timeoutMs, orElse: () => fail("TimedOut") }),
        Effect.tap(() => Effect.sync(() => void (heard = true))),
        Effect.flatMap((text) => Effect.catch(readAnswers(text), () => fail("Lost"))),
        Effect.matchCause({
          onSuccess: (answers) =>
            asks.forEach(({ resume }, n) => resume(n in answers ? Effect.succeed(answers[n]) : fail("Lost"))),
          onFailure: (cause) => asks.forEach(({ resume }) => resume(Effect.failCause(cause)))
        }),
        // Also when the connection is given up in between; resuming twice is resuming once.
        Effect.ensuring(
          Effect.sync(() => {
            for (const { resume } of asks) resume(fail("Lost"))
            for (const { done } of tells) done(heard)
          })
        )
      )
    })

    const slots = yield* Semaphore.make(options.inFlight)
    yield* Effect.addFinalizer(() =>
      Effect.map(Queue.clear(queue), (items) =>
        items.forEach((item) => ("ask" in item ? item.ask.resume(fail("NotConnected")) : item.tell.done(false)))
      )
    )
    yield* Queue.take(queue).pipe(
      // Those of the same moment go together.
      Effect.tap(() => Effect.andThen(Effect.yieldNow, slots.take(1))),
      Effect.flatMap((first) => Effect.map(takeUpTo(queue, options.batchSize - 1), (rest) => [first, ...rest])),
      Effect.flatMap((items) => Effect.forkIn(Effect.ensuring(send(items), slots.release(1)), scope)),
      Effect.forever,
      Effect.forkScoped
    )

    return {
      ask: (value) =>
        Effect.callback((resume) => {
          const ask = { value, resume, over: false }
          if (!Queue.offerUnsafe(queue, { ask })) return resume(fail("Overloaded"))
          return Effect.sync(() => void (ask.over = true))
        }),
      tell: (value, done) => {
        if (!Queue.offerUnsafe(queue, { tell: { value, done } })) done(false)
      }
    }
  })

/** What is there, without waiting. */
const takeUpTo = (queue: Queue.Queue<Item>, most: number): Effect.Effect<ReadonlyArray<Item>> =>
  Effect.suspend(() => {
    const there = Math.min(Queue.sizeUnsafe(queue), most)
    return there === 0 ? Effect.succeed([]) : Queue.takeBetween(queue, 1, there)
  })
