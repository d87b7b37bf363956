/**
 * The sending half, towards one peer. What is asked while nothing is under way goes at once; what is asked while messages
 * are under way waits for the end of the moment, or for one of them to come back if they are as many as may be. So a
 * message is as large as the peer is busy, and nothing waits for a timer.
 */
import { Clock, Effect, FiberSet, Metric, Result, Schedule, type Scope } from "effect"
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

/** A message under way. */
interface Message {
  readonly until: number
  /** What is said of it later changes nothing. */
  readonly end: (outcome: Outcome) => void
}

/** The answers, as they were sent; or why there are none. */
export type Outcome = Result.Result<string, PeerUnavailable["reason"]>

export interface Outbox {
  readonly ask: (value: unknown) => Effect.Effect<unknown, PeerUnavailable>
  readonly tell: (value: unknown, done: (heard: boolean) => void) => void
}

const asksSent = Metric.counter("sluice_remote_asks", { description: "Asks sent to other nodes", incremental: true })
const batchSizes = Metric.histogram("sluice_remote_batch_size", {
  description: "Asks and tells of one message to another node",
  boundaries: [1, 2, 4, 8, 16, 32, 64, 128, 256]
})

/** How much later than in time a message may be given up. */
const sweepsPerTimeout = 8

export const make = (
  address: string,
  options: Options,
  /** Carries a message there and its answers back. */
  carry: (message: string, arrived: (outcome: Outcome) => void) => void,
  /** Runs it when whatever runs now is done. The microtask is the soonest, and stands outside of any scheduler. */
  afterThis: (run: () => void) => void = queueMicrotask
): Effect.Effect<Outbox, never, Scope.Scope> =>
  Effect.gen(function* () {
    const metrics = yield* Effect.context<never>()
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const fork = yield* FiberSet.makeRuntime()
    const waiting: Array<Item> = []
    const underWay = new Set<Message>()
    let closed = false
    /** Whether what waits is about to be sent. */
    let leaving = false

    const fail = (reason: PeerUnavailable["reason"]) => Effect.fail(new PeerUnavailable({ address, reason }))

    const answer = (asks: ReadonlyArray<Ask>, outcome: Outcome) => {
      const answers = Result.isSuccess(outcome) ? readAnswers(outcome.success) : undefined
      const reason = Result.isFailure(outcome) ? outcome.failure : "Lost"
      asks.forEach(({ resume }, n) =>
        resume(answers !== undefined && n in answers ? Effect.succeed(answers[n]) : fail(reason))
      )
    }

    const send = (items: ReadonlyArray<Item>) => {
      const asks = items.flatMap((item) => ("ask" in item && !item.ask.over ? [item.ask] : []))
      const tells = items.flatMap((item) => ("tell" in item ? [item.tell] : []))
      if (asks.length + tells.length === 0) return
      asksSent.updateUnsafe(asks.length, metrics)
      batchSizes.updateUnsafe(asks.length + tells.length, metrics)
      const message: Message = {
        until: now() + options.timeoutMs,
        end: (outcome) => {
          if (!underWay.delete(message)) return
          answer(asks, outcome)
          for (const { done } of tells) done(Result.isSuccess(outcome))
          soon()
        }
      }
      underWay.add(message)
      carry(writeMessage({ asks: asks.map(({ value }) => value), tells: tells.map(({ value }) => value) }), message.end)
    }

    const flush = () => {
      leaving = false
      while (waiting.length > 0 && underWay.size < options.inFlight) send(waiting.splice(0, options.batchSize))
    }

    const soon = () => {
      if (leaving || waiting.length === 0 || underWay.size >= options.inFlight) return
      leaving = true
      // Those of the same moment go together, and the busier we are, the longer is a moment.
      if (underWay.size === 0) afterThis(flush)
      else fork(Effect.andThen(Effect.yieldNow, Effect.sync(flush)))
    }

    const offer = (item: Item): boolean => {
      if (closed || waiting.length >= options.queueSize) return false
      waiting.push(item)
      soon()
      return true
    }

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const item of waiting.splice(0)) {
          if ("ask" in item) item.ask.resume(fail("NotConnected"))
          else item.tell.done(false)
        }
        for (const { end } of underWay) end(Result.fail("Lost"))
      })
    )
    // One sweep for all instead of a timer for each.
    yield* Effect.sync(() => {
      const at = now()
      for (const { until, end } of underWay) if (until <= at) end(Result.fail("TimedOut"))
    }).pipe(Effect.repeat(Schedule.spaced(options.timeoutMs / sweepsPerTimeout)), Effect.forkScoped)

    return {
      ask: (value) =>
        Effect.callback((resume) => {
          const ask = { value, resume, over: false }
          if (!offer({ ask })) return resume(fail(closed ? "NotConnected" : "Overloaded"))
          return Effect.sync(() => void (ask.over = true))
        }),
      tell: (value, done) => {
        if (!offer({ tell: { value, done } })) done(false)
      }
    }
  })
