/**
 * The only door to a change: hold, commit, settle.
 *
 * A plan asks actors for holds and returns the changes they allow and the answer they deserve. `run` makes the plan's
 * step a transaction, commits it, settles it, and only then answers. Whatever goes wrong before the commit releases the
 * holds; what the commit decides is carried out whether or not the asker is still there.
 *
 * A request with a key happens once. On this node a repetition waits for the original; across nodes and restarts the
 * key's uniqueness in the journal decides, and the loser replays the winner's answer. A refusal has no effect and is
 * not kept: but before a request is refused, the journal is asked whether it was answered before.
 */
import { Context, Effect, Layer, Metric, Schedule, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import type { Actors, KindName } from "../domain/Actors.ts"
import type { Privilege } from "../domain/Authority.ts"
import { RequestKey, TransactionId } from "../domain/Ids.ts"
import type { Change, DomainEvent } from "../domain/Transaction.ts"
import { type Asked, Directory } from "../actors/Directory.ts"
import { Fenced, KeyReused, Overloaded, RequestInProgress, TimedOut, Unavailable } from "../actors/Errors.ts"
import { Passing } from "../actors/Passing.ts"
import type { Step } from "../actors/Step.ts"
import * as Batcher from "../persistence/Batcher.ts"
import { GroupCommit } from "../persistence/GroupCommit.ts"
import {
  type Found,
  Journal,
  type JournalUnavailable,
  type Rank,
  unavailable,
  type Verdict
} from "../persistence/Journal.ts"
import { type Keyed, type Original, Originals } from "./Originals.ts"
import { Waiters } from "./Waiters.ts"

export type { Keyed }

/** What a step comes to, once its holds are granted. */
export interface Outcome<A> {
  readonly changes: ReadonlyArray<Change>
  /** What it is told as; the first one says what it was. */
  readonly events: readonly [DomainEvent, ...ReadonlyArray<DomainEvent>]
  readonly answer: A
}

export interface Attempt {
  /** The transaction the step becomes; ids of what it creates are made of it. */
  readonly id: TransactionId
  /** The database's clock, in milliseconds since 1970. */
  readonly now: number
  /** Asks an actor for a hold. */
  readonly hold: <K extends KindName>(
    kind: K,
    id: Actors[K]["id"],
    command: Actors[K]["command"]
  ) => Effect.Effect<Actors[K]["grant"], Actors[K]["refusal"] | Interruption>
  /** Asks actors of one kind for a hold each, in order. Fails with the first refusal. */
  readonly holdAll: <K extends KindName>(
    kind: K,
    asks: ReadonlyArray<Asked<K>>
  ) => Effect.Effect<ReadonlyArray<Actors[K]["grant"]>, Actors[K]["refusal"] | Interruption>
  /** Who waits on this node for the verdict of another step. */
  readonly waiters: Waiters
  /** Looks up what never changes. What may, only a hold tells. */
  readonly read: <K extends KindName>(
    kind: K,
    id: Actors[K]["id"]
  ) => Effect.Effect<Actors[K]["state"] | undefined, Interruption>
}

/** Why an attempt ended without a refusal. */
export type Interruption = Fenced | Overloaded | Unavailable

export type Failure = Overloaded | Unavailable | TimedOut | RequestInProgress | KeyReused

export interface Answer<A> {
  readonly answer: A
  /** Whether this is the answer of an earlier request with the same key. */
  readonly replayed: boolean
  /** The place that the commit gave the coupon it issued. */
  readonly rank?: Rank
}

export type Plan<A, E> = (attempt: Attempt) => Effect.Effect<Outcome<A>, E | Interruption>

export interface Run<A, E> {
  /** The privilege it is done by; `undefined`: one's own right. With one, the step leaves a row in the audit. */
  readonly by: Privilege | undefined
  readonly request?: Keyed | undefined
  /** How a kept answer is read again. */
  readonly answer: Schema.Decoder<A>
  readonly plan: Plan<A, E>
  /**
   * Asked when the disk rejects what all actors allowed, if it may do so for something that no actor decides: fails with
   * the refusal that it comes to. Without one, memory is in doubt.
   */
  readonly explain?: Effect.Effect<void, E | Unavailable> | undefined
}

export interface Options {
  /** How long a request may take. */
  readonly requestTimeoutMs: number
  /** The most steps under way; beyond, a request is refused before anything is held. */
  readonly stepsMost: number
}

const stepsUnderWay = Metric.gauge("sluice_steps_under_way", { description: "Business steps under way" })

export class Transact extends Context.Service<
  Transact,
  {
    /**
     * Carries a plan through; with `request`, at most once for its key.
     *
     * Fails with the plan's refusal, or with why the engine could not carry it through, and then nothing changed. The
     * one exception is `TimedOut`: the commit may still come. Repeat the request with its key to learn of it.
     */
    readonly run: <A, E>(options: Run<A, E>) => Effect.Effect<Answer<A>, E | Failure>
    /** What a request was answered before; `undefined`, if it was not. */
    readonly answered: <A>(
      asked: Pick<Run<A, never>, "request" | "answer">
    ) => Effect.Effect<Answer<A> | undefined, Failure>
  }
>()("sluice/saga/Transact") {
  static readonly layer = (options: Options) => Layer.effect(Transact, make(options))
}

const changesOf = (
  { changes, events: [{ entity, payload }] }: Outcome<unknown>,
  by: Privilege | undefined
): ReadonlyArray<Change> =>
  by === undefined ? changes : [...changes, { _tag: "Audited", record: { ...by, entity, details: payload } }]

const ranked = (rank: Rank | undefined) => (rank === undefined ? {} : { rank })

/** Fenced or rejected attempts are rare and cured by claiming again; one that never is must not spin. */
const attemptsMost = 8
/** Longer each time: of those who fence each other, somebody gets through. */
const attemptDelayMs = (left: number) => 10 * 2 ** (attemptsMost - left)
const originalWait = "2 seconds"
const giveUpSweep = "100 millis"

interface Decided {
  readonly verdict: Verdict
  readonly rank: Rank | undefined
}

interface Waiting {
  readonly deadline: number
  readonly giveUp: () => void
}

const make = Effect.fnUntraced(function* (options: Options) {
  const directory = yield* Directory
  const commits = yield* GroupCommit
  const journal = yield* Journal
  const random = yield* SecureRandom.SecureRandom
  const originals = new Originals()
  const waiters = new Waiters()
  /** Until the verdict, or the deadline. */
  const waiting = new Passing<TransactionId, Waiting>()
  let underWay = 0

  const find = yield* Batcher.make<RequestKey, Found, JournalUnavailable>({
    run: journal.find,
    queueSize: 20_000
  })

  /**
   * The answer a request was given before, if it was. Whoever gave it may still be telling the owners: they are told
   * here as well, for nobody may learn of a commit before its owners have.
   */
  const replay = <A>(
    asked: Pick<Run<A, never>, "request" | "answer">,
    step: Pick<Step, "deadline" | "asked"> = { deadline: journal.now() + options.requestTimeoutMs }
  ) => Effect.catchTag(lookUp(asked, step), "JournalUnavailable", unavailable)

  const lookUp = Effect.fnUntraced(function* <A>(
    { request, answer }: Pick<Run<A, never>, "request" | "answer">,
    step: Pick<Step, "deadline" | "asked">
  ) {
    const found = request === undefined ? undefined : yield* find(request.key)
    if (found === undefined) return undefined
    if (found.bodyHash !== request?.bodyHash) return yield* new KeyReused()
    yield* directory.settleOther(step, found)
    const kept = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(answer))(found.answer).pipe(Effect.orDie)
    return { answer: kept, replayed: true, ...ranked(found.rank) }
  })

  /** Submits the step. On the verdict, listened to or not, what it held is settled or given back. */
  const commit = (
    step: Step,
    outcome: Outcome<unknown>,
    { request, by, explain }: Pick<Run<unknown, unknown>, "request" | "by" | "explain">,
    on: {
      readonly submitted: () => void
      readonly decided: (settled: Effect.Effect<void, TimedOut>) => void
    }
  ) =>
    Effect.callback<Decided, Overloaded | TimedOut>((resume) => {
      const answered =
        request === undefined ? undefined : { bodyHash: request.bodyHash, answer: JSON.stringify(outcome.answer) }
      const accepted = commits.submit({
        transaction: { ...step, answered, changes: changesOf(outcome, by), events: outcome.events },
        done: (verdict, rank) => {
          const settled = verdict === "Committed" ? directory.settle(step) : Effect.void
          if (verdict !== "Committed") directory.release(step)
          // Memory allows what the disk does not: forget it, and read again.
          const isHeard = waiting.delete(step.id)
          if (verdict === "Rejected" && !(isHeard && explain)) directory.drop(step.fences)
          if (verdict === "Fenced") directory.doubt(step.fences)
          on.decided(settled)
          resume(Effect.as(settled, { verdict, rank }))
        }
      })
      if (!accepted) {
        return resume(Effect.fail(new Overloaded()))
      }
      on.submitted()
      waiting.set(step.id, { deadline: step.deadline, giveUp: () => resume(Effect.fail(new TimedOut())) })
    })

  // One sweep for all instead of a timer for each. The verdict still comes, to whoever repeats the request.
  const giveUpBy = (now: number) => {
    for (const [id, { deadline, giveUp }] of waiting.entries()) {
      if (deadline > now) continue
      waiting.delete(id)
      giveUp()
    }
  }
  // Whoever waits for its end and cannot be interrupted does not outlive the node.
  yield* Effect.addFinalizer(() => Effect.sync(() => giveUpBy(Infinity)))
  const giveUpLate = Effect.sync(() => giveUpBy(journal.now())).pipe(
    Effect.andThen(Effect.suspend(() => Metric.update(stepsUnderWay, underWay)))
  )
  yield* giveUpLate.pipe(Effect.repeat(Schedule.spaced(giveUpSweep)), Effect.forkScoped)

  const attempt = <A, E>({ request, by, plan, explain }: Run<A, E>, step: Step, original: Original | undefined) => {
    let submitted = false
    const on = {
      submitted: () => {
        submitted = true
        original?.begin()
      },
      decided: (settled: Effect.Effect<void, TimedOut>) => {
        if (original !== undefined) original.settled = settled
        original?.end()
      }
    }
    return plan({
      id: step.id,
      now: journal.now(),
      hold: (kind, actor, command) => directory.hold(step, kind, actor, command),
      holdAll: (kind, asks) => directory.holdAll(step, kind, asks),
      waiters,
      read: directory.read
    }).pipe(
      Effect.flatMap((outcome) =>
        Effect.map(commit(step, outcome, { request, by, explain }, on), (decided) => ({ ...decided, outcome }))
      ),
      // Until the journal has it, nobody else ends what it holds; its asker may go away between two lines.
      Effect.onExit(() => Effect.sync(() => submitted || directory.release(step)))
    )
  }

  /** Attempts until one is decided: a fenced one holds again, with the owner of now. */
  const attempts = <A, E>(
    run: Run<A, E>,
    deadline: number,
    original: Original | undefined,
    left: number
  ): Effect.Effect<Answer<A>, E | Failure> =>
    Effect.flatMap(random.uuidV7(), (uuid) => {
      const id = TransactionId(uuid)
      const key = run.request?.key ?? RequestKey(id)
      return attemptOnce(run, { id, key, deadline, fences: [] }, original, left)
    })

  const attemptOnce = <A, E>(
    run: Run<A, E>,
    step: Step,
    original: Original | undefined,
    left: number
  ): Effect.Effect<Answer<A>, E | Failure> => {
    const again = Effect.suspend(() =>
      left === 0 || journal.now() >= step.deadline
        ? Effect.fail(new Unavailable())
        : Effect.delay(attempts(run, step.deadline, original, left - 1), attemptDelayMs(left))
    )
    const orReplay = (otherwise: Effect.Effect<Answer<A>, E | Failure>): Effect.Effect<Answer<A>, E | Failure> =>
      Effect.flatMap(replay(run, step), (known) => (known === undefined ? otherwise : Effect.succeed(known)))

    const doubt = Effect.sync(() => directory.drop(step.fences))
    const explained = (why: Effect.Effect<void, E | Unavailable>): Effect.Effect<Answer<A>, E | Failure> =>
      Effect.matchEffect(why, {
        onFailure: (error) =>
          Effect.andThen(error instanceof Unavailable ? doubt : Effect.void, orReplay(Effect.fail(error))),
        onSuccess: () => Effect.andThen(doubt, again)
      })

    return Effect.matchEffect(attempt(run, step, original), {
      onFailure: (error): Effect.Effect<Answer<A>, E | Failure> => {
        if (error instanceof Fenced) return again
        const undecided = error instanceof TimedOut || error instanceof Overloaded || error instanceof Unavailable
        return undecided ? Effect.fail(error) : orReplay(Effect.fail(error))
      },
      onSuccess: ({ verdict, rank, outcome: { answer, changes } }): Effect.Effect<Answer<A>, E | Failure> => {
        switch (verdict) {
          case "Committed": {
            const committed = { answer, replayed: false, ...ranked(rank) }
            const isRankMissing = rank === undefined && changes.some(({ _tag }) => _tag === "CouponIssued")
            if (!isRankMissing) return Effect.succeed(committed)
            // Its commit was in doubt; the journal knows by now. What happened must not look as if it had not.
            return replay(run).pipe(
              Effect.map((known) => ({ ...committed, ...ranked(known?.rank) })),
              Effect.mapError(() => new TimedOut())
            )
          }
          case "Duplicate":
            return orReplay(again)
          case "Fenced":
            return Effect.andThen(directory.dropFenced, again)
          case "Rejected":
            return run.explain === undefined ? again : explained(run.explain)
          case "Expired":
            return Effect.fail(new TimedOut())
        }
      }
    })
  }

  const run = <A, E>(wanted: Run<A, E>): Effect.Effect<Answer<A>, E | Failure> =>
    // What is begun here is ended here, also when the asker goes away between the two.
    Effect.uninterruptibleMask((restore) => {
      const { request } = wanted
      const original = request === undefined ? undefined : originals.get(request.key)
      if (original !== undefined) return restore(after(original, wanted))
      if (underWay >= options.stepsMost) return Effect.fail(new Overloaded())
      if (!commits.healthy()) return Effect.fail(new Unavailable())
      underWay++
      const started = request === undefined ? undefined : originals.start(request)
      return Effect.ensuring(
        restore(attempts(wanted, journal.now() + options.requestTimeoutMs, started, attemptsMost)),
        Effect.sync(() => {
          underWay--
          started?.end()
        })
      )
    })

  /** The answer of the request that this one repeats, once it is decided. */
  const after = <A, E>(original: Original, wanted: Run<A, E>): Effect.Effect<Answer<A>, E | Failure> => {
    const { request } = wanted
    if (request?.bodyHash !== original.bodyHash) return Effect.fail(new KeyReused())
    return original.decided.await.pipe(
      Effect.andThen(Effect.suspend(() => original.settled)),
      Effect.timeoutOrElse({ duration: originalWait, orElse: () => Effect.fail(new RequestInProgress()) }),
      Effect.andThen(replay(wanted)),
      // The original was refused and left nothing behind: now it is this request's turn. Or another repetition's, and
      // then what the journal says of that one is not settled here before that one is decided.
      Effect.flatMap((known) =>
        known === undefined || originals.get(request.key) !== undefined ? run(wanted) : Effect.succeed(known)
      )
    )
  }

  return Transact.of({ run, answered: (asked) => replay(asked) })
})
