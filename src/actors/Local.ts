/**
 * The partitions of this node, and the actors in them.
 *
 * Claim, then load, then ask: a partition is owned once it is claimed, and an actor is loaded into the very partition
 * object that was owned when its query began, or not at all. Leases say what may be claimed, and for how long memory may
 * be asked; that is checked at the moment of every decision, for a process may stand still at any other.
 */
import { Clock, Effect, Metric, Result, Schedule, Semaphore } from "effect"
import { Ownership } from "../cluster/Ownership.ts"
import { type Actors, areNew, type KindName } from "../domain/Actors.ts"
import type { Epoch, PartitionId, TransactionId } from "../domain/Ids.ts"
import type { Fence, Transaction } from "../domain/Transaction.ts"
import * as Batcher from "../persistence/Batcher.ts"
import { Journal, JournalUnavailable, takeOver, unavailable } from "../persistence/Journal.ts"
import { Elsewhere, Fenced, type Overloaded, type Unavailable } from "./Errors.ts"
import { Partition } from "./Partition.ts"
import { partitionOf } from "./Placement.ts"
import type { Asked, Step } from "./Step.ts"

export interface Options {
  /** How many partitions there are; part of the data. */
  readonly partitions: number
  /** The name claims are made under. */
  readonly owner: string
  /** The most actors kept in memory. */
  readonly residentActors: number
}

/** A commit or two can join a cold actor's first question before it is asked. */
const loadLinger = "2 millis"
const queueSize = 20_000
const overduePerSweep = 256
/**
 * A claim may be given up and made again: it takes what it saw or nothing. While one is waited for, nobody can be told
 * whether what is in doubt is ours still.
 */
const claimWithin = "2 seconds"
/** Memory is not read on the word of epochs older than this: somebody may have claimed it without telling. */
const unconfirmedMostMs = 2000

const claims = Metric.counter("sluice_partition_claims", { description: "Partitions claimed", incremental: true })
const ownedPartitions = Metric.gauge("sluice_partitions_owned", { description: "Partitions this node may commit for" })
const residentActors = Metric.gauge("sluice_actors_resident", { description: "Actors in memory" })
const fencedPartitions = Metric.counter("sluice_partitions_fenced", {
  description: "Partitions that somebody else was found to have claimed",
  incremental: true
})
const takeovers = Metric.histogram("sluice_partition_takeover_ms", {
  description: "From a lease gained to its partition served",
  boundaries: [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
})

export type Local = Effect.Success<ReturnType<typeof make>>

/** What was granted, in order, until the first refusal. */
export interface Granted<K extends KindName> {
  readonly grants: ReadonlyArray<Actors[K]["grant"]>
  readonly refusal: Actors[K]["refusal"] | Fenced | undefined
}

export const make = Effect.fnUntraced(function* (options: Options) {
  const journal = yield* Journal
  const ownership = yield* Ownership
  const clock = yield* Clock.Clock
  const monotonicMs = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  /** When the last check that found our epochs to be those of now was sent. */
  let checkedAt = monotonicMs()
  const owners: Array<Partition | undefined> = Array.from({ length: options.partitions }, () => undefined)
  /** The epochs of our last claims. */
  const claimed = new Map<PartitionId, Epoch>()
  /** How often each partition was lost. */
  const losses = Array.from({ length: options.partitions }, () => 0)
  const capacity = Math.ceil(options.residentActors / options.partitions)
  const placeOf = (kind: KindName, id: string) => partitionOf(kind, id, options.partitions)
  const ownerOf = (kind: KindName, id: string) => owners[placeOf(kind, id)]
  const isHere = (kind: KindName, id: string) => ownership.mine(placeOf(kind, id))
  const owned = () => owners.filter((partition) => partition !== undefined)

  /** Nobody asks for epochs while they are being raised. */
  const one = yield* Semaphore.make(1)

  const claim = (wanted: ReadonlyArray<PartitionId>) =>
    Effect.gen(function* () {
      // Whoever waited while another claim was under way finds the partition owned: claiming it again would fence us.
      const missing = wanted.filter((id) => owners[id] === undefined && ownership.mine(id))
      if (missing.length > 0) {
        const before = missing.map((id) => losses[id])
        const epochs = yield* takeOver(journal, missing, options.owner).pipe(
          Effect.timeoutOrElse({
            duration: claimWithin,
            orElse: () => Effect.fail(new JournalUnavailable({ cause: "A claim takes too long" }))
          })
        )
        missing.forEach((id, index) => {
          const epoch = epochs[index]
          if (epoch === undefined) return
          claimed.set(id, epoch)
          // Lost meanwhile, it may have been claimed since; found again, it is not what it was.
          const kept = losses[id] === before[index] && ownership.mine(id)
          if (kept) owners[id] = new Partition(id, epoch, capacity)
        })
        yield* Metric.update(claims, missing.length)
      }
      return wanted
    }).pipe(one.withPermit)

  /** Loads actors into their partitions; answers with the partition when it has no such actor. */
  const load = <K extends KindName>(kind: K) =>
    Effect.fnUntraced(function* (ids: ReadonlyArray<Actors[K]["id"]>) {
      // Whoever waited while another load was under way may find the actor resident, and a state read now could be
      // older than the one in memory by the time it arrives.
      const missing = ids.filter((id) => ownerOf(kind, id)?.has(kind, id) === false)
      const partitions = missing.map((id) => ownerOf(kind, id))
      const states = missing.length === 0 ? [] : yield* journal.load(kind, missing)
      const absent = new Map<Actors[K]["id"], Partition | undefined>()
      missing.forEach((id, index) => {
        const state = states[index]
        if (state === undefined) absent.set(id, partitions[index])
        else partitions[index]?.install(kind, id, state)
      })
      return ids.map((id) => absent.get(id))
    })

  const claimer = yield* Batcher.make({ run: claim, queueSize })
  const loaders: {
    readonly [K in KindName]: (
      id: Actors[K]["id"]
    ) => Effect.Effect<Partition | undefined, Overloaded | JournalUnavailable>
  } = {
    product: yield* Batcher.make({ run: load("product"), linger: loadLinger, queueSize }),
    wallet: yield* Batcher.make({ run: load("wallet"), linger: loadLinger, queueSize }),
    coupon: yield* Batcher.make({ run: load("coupon"), linger: loadLinger, queueSize }),
    order: yield* Batcher.make({ run: load("order"), linger: loadLinger, queueSize })
  }

  /** Whether an actor can be asked at this very moment. */
  const isReady = <K extends KindName>(kind: K, id: Actors[K]["id"], isNew = false): boolean => {
    const partition = ownerOf(kind, id)
    return partition !== undefined && ownership.mine(partition.id) && (isNew || partition.has(kind, id))
  }

  /**
   * Runs `decide` in one go, with no other fiber between, once every actor is resident or known to be absent from the
   * partition owned now: because nobody finds it, or because it `isNew`.
   */
  const withActors = <K extends KindName, A>(
    kind: K,
    ids: ReadonlyArray<Actors[K]["id"]>,
    decide: () => A,
    isNew = false
  ): Effect.Effect<A, Elsewhere | Overloaded | Unavailable> =>
    Effect.suspend(() =>
      ids.every((id) => isReady(kind, id, isNew)) ? Effect.succeed(decide()) : onceReady(kind, ids, decide, isNew)
    )

  const onceReady = <K extends KindName, A>(
    kind: K,
    ids: ReadonlyArray<Actors[K]["id"]>,
    decide: () => A,
    isNew: boolean
  ): Effect.Effect<A, Elsewhere | Overloaded | Unavailable> => {
    const absent = new Map<string, Partition>()
    const awaited: Array<() => void> = []
    const ready = (id: Actors[K]["id"]) => {
      const partition = ownerOf(kind, id)
      return isReady(kind, id, isNew || (partition !== undefined && absent.get(id) === partition))
    }
    const found = (id: Actors[K]["id"]) =>
      Effect.suspend(() => {
        const owner = ownerOf(kind, id)
        if (owner !== undefined) awaited.push(owner.await(id))
        return Effect.map(loaders[kind](id), (partition) => {
          if (partition !== undefined) absent.set(id, partition)
        })
      })
    const prepare = (id: Actors[K]["id"]) => {
      const placed = ownerOf(kind, id) === undefined ? Effect.asVoid(claimer(placeOf(kind, id))) : Effect.void
      return isNew ? placed : Effect.andThen(placed, found(id))
    }
    const attempt: Effect.Effect<A, Elsewhere | Overloaded | JournalUnavailable> = Effect.suspend(() => {
      const missing = ids.filter((id) => !ready(id))
      if (missing.length === 0) return Effect.succeed(decide())
      if (!missing.every((id) => isHere(kind, id))) return Effect.fail(new Elsewhere())
      return Effect.andThen(Effect.forEach(missing, prepare, { concurrency: missing.length, discard: true }), attempt)
    })
    return attempt.pipe(
      Effect.ensuring(Effect.sync(() => awaited.forEach((letGo) => letGo()))),
      Effect.catchTag("JournalUnavailable", unavailable)
    )
  }

  const hold = <K extends KindName>(
    step: Step,
    kind: K,
    [id, command]: Asked<K>
  ): Result.Result<Actors[K]["grant"], Actors[K]["refusal"] | Fenced> => {
    const partition = ownerOf(kind, id)
    const fence = step.fences.find((held) => held.partition === partition?.id)
    // Held before in a partition that was dropped since: what it granted then is void.
    if (partition === undefined || (fence !== undefined && fence.epoch !== partition.epoch)) {
      return Result.fail(new Fenced())
    }
    if (fence === undefined) step.fences.push({ partition: partition.id, epoch: partition.epoch })
    return partition.hold(step, kind, id, command)
  }

  const holdAll = <K extends KindName>(step: Step, kind: K, asks: ReadonlyArray<Asked<K>>): Granted<K> => {
    const grants: Array<Actors[K]["grant"]> = []
    for (const asked of asks) {
      const granted = hold(step, kind, asked)
      if (Result.isFailure(granted)) return { grants, refusal: granted.failure }
      grants.push(granted.success)
    }
    return { grants, refusal: undefined }
  }

  /** The same, once they can be asked. */
  const ask = <K extends KindName>(step: Step, kind: K, asks: ReadonlyArray<Asked<K>>) =>
    withActors(
      kind,
      asks.map(([id]) => id),
      () => holdAll(step, kind, asks),
      areNew(kind, asks)
    )

  const end = (step: Pick<Transaction, "id" | "fences">, how: "settle" | "release") => {
    for (const { partition, epoch } of step.fences) {
      const owner = owners[partition]
      if (owner?.epoch === epoch) owner[how](step.id)
    }
  }

  /** The fences of now of those that are owned here. */
  const fencesOf = (partitions: ReadonlyArray<PartitionId>): ReadonlyArray<Fence> =>
    partitions.flatMap((partition) => {
      const owner = owners[partition]
      return owner === undefined ? [] : [{ partition, epoch: owner.epoch }]
    })

  /** Until when a transaction that holds something in one of these could hold more. */
  const deadlineOf = (id: TransactionId, partitions: ReadonlyArray<PartitionId>): number =>
    partitions.reduce((last, partition) => Math.max(last, owners[partition]?.deadlineOf(id) ?? last), -Infinity)

  /** Holds whose requester never came back: the journal knows what became of the transaction. */
  const resolveOverdue = Effect.gen(function* () {
    const now = journal.now()
    for (const partition of owned()) {
      const doubts = partition.overdue(now, overduePerSweep)
      if (doubts.length === 0) continue
      const resolutions = yield* journal.resolve(doubts)
      doubts.forEach((doubt, index) => {
        if (resolutions[index] === "Committed") partition.settle(doubt.id)
        if (resolutions[index] === "Absent") partition.release(doubt.id)
      })
    }
    yield* Metric.update(
      residentActors,
      owned().reduce((sum, partition) => sum + partition.resident, 0)
    )
    yield* Metric.update(ownedPartitions, owned().length)
  })

  const drop = (fences: ReadonlyArray<Fence>) => {
    for (const { partition, epoch } of fences) {
      if (owners[partition]?.epoch === epoch) owners[partition] = undefined
    }
  }

  /** Whoever claims one partition may have claimed many: better to know at once than one fenced step at a time. */
  const checkEpochs = (asked: ReadonlyArray<"epochs">) => {
    const sentAt = monotonicMs()
    const mine = owned().map(({ id, epoch }): Fence => ({ partition: id, epoch }))
    return Effect.flatMap(journal.epochs(mine.map(({ partition }) => partition)), (epochs) => {
      const fenced = mine.filter(
        ({ partition, epoch }, index) => epochs[index] !== epoch && owners[partition]?.epoch === epoch
      )
      drop(fenced)
      if (fenced.length > 0) ownership.doubt(fenced.map(({ partition }) => partition))
      checkedAt = sentAt
      return Effect.as(Metric.update(fencedPartitions, fenced.length), asked)
    })
  }
  const checker = yield* Batcher.make({ run: checkEpochs, queueSize })
  const dropFenced = checker("epochs").pipe(Effect.asVoid, Effect.catchTag("JournalUnavailable", unavailable))

  yield* Effect.andThen(checker("epochs"), resolveOverdue).pipe(
    Effect.catchCause((cause) => Effect.logDebug("Partitions could not be looked after", cause)),
    Effect.repeat(Schedule.spaced("1 second")),
    Effect.forkScoped
  )

  /** Until the scope closes; then partitions are handed over while everything above still works. */
  const takePart = ownership.start({
    onGain: (ids) =>
      Effect.gen(function* () {
        const begunAt = monotonicMs()
        yield* Effect.forEach(ids, claimer, { concurrency: ids.length, discard: true })
        yield* Metric.update(takeovers, monotonicMs() - begunAt)
      }).pipe(Effect.catchCause((cause) => Effect.logWarning("Partitions could not be claimed", cause))),
    onLose: (ids) => {
      for (const id of ids) {
        losses[id] = (losses[id] ?? 0) + 1
        owners[id] = undefined
      }
    },
    confirm: (ids) =>
      Effect.map(journal.epochs(ids), (epochs) =>
        ids.filter((id, index) => epochs[index] !== undefined && epochs[index] === claimed.get(id))
      ).pipe(one.withPermit)
  })

  return {
    owned,
    placeOf,
    isHere,
    isReady,
    withActors,
    hold,
    holdAll,
    ask,
    read: <K extends KindName>(kind: K, id: Actors[K]["id"]) => {
      const read = withActors(kind, [id], () => ownerOf(kind, id)?.peek(kind, id))
      return Effect.suspend(() =>
        monotonicMs() - checkedAt > unconfirmedMostMs ? Effect.andThen(dropFenced, read) : read
      )
    },
    end,
    fencesOf,
    deadlineOf,
    holds: <K extends KindName>(transaction: TransactionId, kind: K, id: Actors[K]["id"]) =>
      ownerOf(kind, id)?.holds(transaction, kind, id) === true,
    drop,
    owns: ({ partition, epoch }: Fence) => owners[partition]?.epoch === epoch,
    dropFenced,
    takePart
  }
})
