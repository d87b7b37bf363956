/**
 * The journal: the engine's whole protocol with the disk. Its operations, in the order a partition lives through them:
 *
 * 1. `claim` takes a partition's lock exclusively (so it waits for commits in progress), raises the epoch, commits. It
 *    names the epoch it saw and raises no other: one that arrives late, or twice, would fence who knows of the first only.
 * 2. `load` reads actors. Only after a claim: what a later commit of an older epoch could change, nobody has read.
 * 3. `commit` writes a batch of independent transactions in one round trip, all of them in one database transaction:
 *    it takes the locks of all their partitions shared, then, in a later statement and so with a fresh snapshot,
 *    compares epochs and deadlines, then claims the request keys, then writes the rows of those that passed. Each
 *    transaction gets its own verdict; one that is refused never costs its batch. An issued coupon gets its rank. The
 *    epochs a transaction relied on are kept with it.
 * 4. `resolve` settles doubt. It takes the locks exclusively, so no commit of these partitions is in progress, and asks
 *    whether a transaction is there, relying on these epochs: a hold of another epoch is not in it. "Absent" is final,
 *    because it is written: the database refuses what it called absent, also when its clock goes back.
 * 5. `find` reads the answer a request key already has.
 * 6. `epochs` tells the epochs of now: asked before a claim, and when a transaction was fenced.
 *
 * A commit whose outcome is unknown is never repeated blindly: `GroupCommit` resolves it first.
 */
import { Brand, Context, Effect, Schema } from "effect"
import type { Actors, KindName } from "../domain/Actors.ts"
import type { Epoch, PartitionId, RequestKey, TransactionId } from "../domain/Ids.ts"
import type { Answered, Fence, Transaction } from "../domain/Transaction.ts"
import { Unavailable } from "./Failures.ts"

export type Verdict =
  | "Committed"
  /** An epoch it depends on was raised: its holds are void. */
  | "Fenced"
  /** It came after its deadline. */
  | "Expired"
  /** Its request key belongs to another transaction. */
  | "Duplicate"
  /** A constraint of the database refused it: memory and disk disagree. */
  | "Rejected"

/**
 * The place, from 1, of an issue among all of its coupon. Only the order of commits has no gaps, for what is not
 * committed is not in it; so the commit gives it.
 */
export type Rank = number & Brand.Brand<"Rank">
export const Rank = Brand.nominal<Rank>()

/** A verdict; of a committed issue, its rank. */
export type Decision = Verdict | Rank

export type Resolution =
  /** There, and relying on the epochs of the doubt. */
  | "Committed"
  /** Not there, or on other epochs, and it can no longer come. */
  | "Absent"
  /** Not there, but its deadline has not passed. */
  | "Pending"

/** What it takes to ask for a transaction. */
export type Doubt = Pick<Transaction, "id" | "key" | "deadline" | "fences">

/** The epoch a partition had when last looked at; `undefined` for one that was never claimed. */
export interface Seen {
  readonly partition: PartitionId
  readonly epoch: Epoch | undefined
}

/** What a request key was used for. */
export interface Found extends Answered {
  readonly id: TransactionId
  /** What its transaction relied on. */
  readonly fences: ReadonlyArray<Fence>
  /** Of the issue that was its transaction. */
  readonly rank?: Rank | undefined
}

/** The database does not answer, or not in time. Nothing was written. */
export class JournalUnavailable extends Schema.TaggedError<JournalUnavailable>()("JournalUnavailable", {
  cause: Schema.Defect()
}) {}

/** What the engine tells of it; the cause is for the log. */
export const unavailable = ({ cause }: JournalUnavailable): Effect.Effect<never, Unavailable> =>
  Effect.andThen(Effect.logDebug("The journal is unavailable", cause), Effect.fail(new Unavailable()))

/** The connection broke while the batch was under way: it may or may not have been committed. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  cause: Schema.Defect()
}) {}

/** A constraint refused some transaction of the batch, and so all of it. */
export class BatchRejected extends Schema.TaggedError<BatchRejected>()("BatchRejected", {
  cause: Schema.Defect()
}) {}

export class Journal extends Context.Service<
  Journal,
  {
    /** The database's clock as last heard of, in milliseconds since 1970. Deadlines are made of it. */
    readonly now: () => number
    /**
     * Takes partitions over from whoever had them. Epochs are aligned with `seen`; `undefined` where it is not the epoch
     * of now any more.
     */
    readonly claim: (
      seen: ReadonlyArray<Seen>,
      owner: string
    ) => Effect.Effect<ReadonlyArray<Epoch | undefined>, JournalUnavailable>
    /** States aligned with `ids`; `undefined` where there is none. */
    readonly load: <K extends KindName>(
      kind: K,
      ids: ReadonlyArray<Actors[K]["id"]>
    ) => Effect.Effect<ReadonlyArray<Actors[K]["state"] | undefined>, JournalUnavailable>
    /** Decisions aligned with `batch`. */
    readonly commit: (
      batch: ReadonlyArray<Transaction>
    ) => Effect.Effect<ReadonlyArray<Decision>, JournalUnavailable | OutcomeUnknown | BatchRejected>
    /** Resolutions aligned with `doubts`. */
    readonly resolve: (doubts: ReadonlyArray<Doubt>) => Effect.Effect<ReadonlyArray<Resolution>, JournalUnavailable>
    /** Findings aligned with `keys`; `undefined` where the key is unused. */
    readonly find: (
      keys: ReadonlyArray<RequestKey>
    ) => Effect.Effect<ReadonlyArray<Found | undefined>, JournalUnavailable>
    /** The epochs of now, aligned with `partitions`; `undefined` for one that was never claimed. */
    readonly epochs: (
      partitions: ReadonlyArray<PartitionId>
    ) => Effect.Effect<ReadonlyArray<Epoch | undefined>, JournalUnavailable>
    /** Forgets request keys older than their retention, some at a time; returns how many went. */
    readonly forget: Effect.Effect<number, JournalUnavailable>
  }
>()("sluice/persistence/Journal") {}

/** Claims partitions as they are now; epochs aligned with them, `undefined` where somebody else was faster. */
export const takeOver = (journal: Journal["Service"], partitions: ReadonlyArray<PartitionId>, owner: string) =>
  Effect.flatMap(journal.epochs(partitions), (epochs) =>
    journal.claim(
      partitions.map((partition, index) => ({ partition, epoch: epochs[index] })),
      owner
    )
  )
