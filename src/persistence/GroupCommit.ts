/**
 * Group commit: a few flushers per node. Each takes whatever waits (at most `batchSize`) as soon as its previous batch is
 * done with, so batches grow with the load and a lone transaction waits for nobody. With more than one, the database has
 * the next batch at hand while the node still answers the last. Batches may then commit in another order than they were
 * taken in: what is under way at the same time commutes, because holds allow nothing else.
 *
 * Whoever submits gets exactly one verdict, and a final one:
 * - A batch that a constraint refuses is split until the culprit stands alone; the others commit.
 * - A batch the database surely did not write is tried again until its transactions' deadlines have passed.
 * - Nothing is sent once its deadline has passed by this process's own monotonic clock: the database's may step back,
 *   and what held for the transaction has been told by then that it is absent for good.
 * - A batch of unknown outcome is resolved: what is there is committed, what can no longer come has expired, and what
 *   may still come in time is committed again. The refusal of a transaction that was in doubt is believed only after
 *   it was resolved once more: the lost attempt may have been in progress while the second one was refused.
 *
 * The callback runs on the verdict whatever became of the request that asked: its client may have hung up.
 */
import {
  type Cause,
  Clock,
  Context,
  type Duration,
  Effect,
  Fiber,
  Layer,
  Metric,
  Predicate,
  Queue,
  Schedule
} from "effect"
import type { Transaction } from "../domain/Transaction.ts"
import { BatchRejected, type Decision, Journal, type Rank, type Resolution, type Verdict } from "./Journal.ts"

export interface Submission {
  readonly transaction: Transaction
  /** `rank` is that of an issue, unless its commit was in doubt. */
  readonly done: (verdict: Verdict, rank?: Rank) => void
}

/** A submission, with its deadline by this process's own clock, in milliseconds. */
interface Waiting extends Submission {
  readonly until: number
}

export interface Options {
  /** The most transactions of one batch. */
  readonly batchSize: number
  /** Batches under way at the same time. */
  readonly inFlight: number
  /** The most transactions waiting; beyond, `submit` refuses. */
  readonly queueSize: number
  /** How long closing waits for what is queued. */
  readonly drainWithin: Duration.Input
}

const batchSizes = Metric.histogram("sluice_journal_batch_size", {
  description: "Transactions per group commit",
  boundaries: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
})
const verdictCount = Metric.counter("sluice_journal_verdicts", {
  description: "Transactions by verdict",
  incremental: true
})
const queueDepth = Metric.gauge("sluice_journal_queue_depth", { description: "Transactions waiting for a commit" })

const retryDelay = "20 millis"
const lateDelay = "200 millis"
const backoff = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")])

/** An idle node knows as soon as a busy one that the database is gone. */
const probeEvery = "1 second"

/** What went wrong at the bottom of it, in its own words. */
const innermost = (cause: unknown): string => {
  if (Predicate.hasProperty(cause, "reason")) return innermost(cause.reason)
  if (Predicate.hasProperty(cause, "cause") && cause.cause !== undefined) return innermost(cause.cause)
  return cause instanceof Error && cause.message !== "" ? cause.message : String(cause)
}

export class GroupCommit extends Context.Service<
  GroupCommit,
  {
    /** Queues a transaction; false when the queue is full, and then `done` is never called. */
    readonly submit: (submission: Submission) => boolean
    /** Whether the database answers and nothing is in doubt. While not, nothing should be begun. */
    readonly healthy: () => boolean
  }
>()("sluice/persistence/GroupCommit") {
  static readonly layer = (options: Options) =>
    Layer.effect(
      GroupCommit,
      Effect.gen(function* () {
        const journal = yield* Journal
        const clock = yield* Clock.Clock
        const monotonicMs = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
        const queue = yield* Queue.make<Waiting, Cause.Done>({ capacity: options.queueSize, strategy: "dropping" })
        // The last word of the database, and how many batches wait for it to say more.
        let answers = true
        let inTrouble = 0

        const answer = Effect.fnUntraced(function* (
          batch: ReadonlyArray<Waiting>,
          decisions: Verdict | ReadonlyArray<Decision>
        ) {
          const counts = new Map<Verdict, number>()
          const defects: Array<unknown> = []
          batch.forEach(({ done }, index) => {
            const decision = typeof decisions === "string" ? decisions : (decisions[index] ?? "Rejected")
            const verdict = typeof decision === "number" ? "Committed" : decision
            counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
            try {
              done(verdict, typeof decision === "number" ? decision : undefined)
            } catch (defect) {
              defects.push(defect)
            }
          })
          if (defects.length > 0) yield* Effect.logError("A verdict was not carried out", ...defects)
          for (const [verdict, count] of counts) {
            yield* Metric.update(Metric.withAttributes(verdictCount, { verdict }), count)
          }
        })

        /** Asks until the database answers; nothing else can be done for a transaction in doubt. */
        const resolve = (batch: ReadonlyArray<Waiting>) => {
          const asked = Effect.suspend(() => journal.resolve(batch.map(({ transaction }) => transaction)))
          const insisted = Effect.acquireUseRelease(
            Effect.sync(() => void inTrouble++),
            () => Effect.retry(asked, backoff),
            () => Effect.sync(() => void inTrouble--)
          )
          return Effect.orDie(Effect.catch(asked, () => insisted))
        }

        const byTime = (batch: ReadonlyArray<Waiting>) => {
          const now = monotonicMs()
          return { late: batch.filter(({ until }) => until <= now), timely: batch.filter(({ until }) => until > now) }
        }

        const commit = (batch: ReadonlyArray<Waiting>, inDoubt: boolean): Effect.Effect<void> =>
          batch.length === 0
            ? Effect.void
            : Effect.suspend(() => journal.commit(batch.map(({ transaction }) => transaction))).pipe(
                // A bug costs the transactions it is about, not the flusher.
                Effect.catchDefect((cause) => Effect.fail(new BatchRejected({ cause }))),
                Effect.flatMap((decisions) => (inDoubt ? confirm(batch, decisions) : answer(batch, decisions))),
                Effect.catchTags({
                  BatchRejected: () => split(batch, inDoubt),
                  OutcomeUnknown: () => settleDoubt(batch),
                  JournalUnavailable: () => (inDoubt ? settleDoubt(batch) : retry(batch))
                })
              )

        /** Commits what is in time; it is in nobody's doubt yet. */
        const begin = (batch: ReadonlyArray<Waiting>): Effect.Effect<void> =>
          Effect.suspend(() => {
            const { late, timely } = byTime(batch)
            return Effect.andThen(answer(late, "Expired"), commit(timely, false))
          })

        const split = (batch: ReadonlyArray<Waiting>, inDoubt: boolean) => {
          if (batch.length === 1) return confirm(batch, ["Rejected"])
          const middle = batch.length >> 1
          return Effect.andThen(commit(batch.slice(0, middle), inDoubt), commit(batch.slice(middle), inDoubt))
        }

        /** No doubt to resolve: this only waits for the database to answer. */
        const retry = (batch: ReadonlyArray<Waiting>): Effect.Effect<void> =>
          Effect.delay(Effect.andThen(resolve([]), begin(batch)), retryDelay)

        const settleDoubt = (batch: ReadonlyArray<Waiting>): Effect.Effect<void> =>
          Effect.flatMap(resolve(batch), (resolutions) => {
            const known = (resolution: Resolution) => batch.filter((_, index) => resolutions[index] === resolution)
            const { late, timely } = byTime(known("Pending"))
            return answer(known("Committed"), "Committed").pipe(
              Effect.andThen(answer(known("Absent"), "Expired")),
              Effect.andThen(commit(timely, true)),
              // By the database's clock it may still come, and by ours it must not be sent: that is for time to settle.
              Effect.andThen(late.length === 0 ? Effect.void : Effect.delay(settleDoubt(late), lateDelay))
            )
          })

        const confirm = (batch: ReadonlyArray<Waiting>, decisions: ReadonlyArray<Decision>): Effect.Effect<void> =>
          decisions.every((decision) => decision === "Committed" || typeof decision === "number")
            ? answer(batch, decisions)
            : Effect.flatMap(resolve(batch), (resolutions) =>
                answer(
                  batch,
                  batch.map((_, index) =>
                    resolutions[index] === "Committed" ? "Committed" : (decisions[index] ?? "Rejected")
                  )
                )
              )

        const flush = Queue.takeBetween(queue, 1, options.batchSize).pipe(
          Effect.tap((batch) => Metric.update(batchSizes, batch.length)),
          Effect.tap(() => Metric.update(queueDepth, Queue.sizeUnsafe(queue))),
          Effect.flatMap(begin),
          Effect.catchDefect((defect) => Effect.logError("A batch was not carried through", defect)),
          Effect.forever,
          Effect.forkScoped
        )
        const flushers = yield* Effect.replicateEffect(flush, options.inFlight)
        // Drain: what was accepted is committed before the journal closes.
        yield* Effect.addFinalizer(() =>
          Queue.end(queue).pipe(Effect.andThen(Fiber.awaitAll(flushers)), Effect.timeoutOption(options.drainWithin))
        )

        /** Said once, when it changes. */
        const heard = (now: boolean, said: Effect.Effect<void>) =>
          Effect.suspend(() => {
            const changed = answers !== now
            answers = now
            return changed ? said : Effect.void
          })
        yield* journal.resolve([]).pipe(
          Effect.matchEffect({
            onSuccess: () => heard(true, Effect.logInfo("The database answers again")),
            onFailure: ({ cause }) =>
              heard(false, Effect.logWarning(`The database does not answer: ${innermost(cause)}`))
          }),
          Effect.repeat(Schedule.spaced(probeEvery)),
          Effect.forkScoped
        )

        return GroupCommit.of({
          submit: (submission) => {
            const until = monotonicMs() + submission.transaction.deadline - journal.now()
            return Queue.offerUnsafe(queue, { ...submission, until })
          },
          healthy: () => answers && inTrouble === 0
        })
      })
    )
}
