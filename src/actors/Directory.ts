/**
 * The directory: finds the actor that decides, wherever it lives, and asks it.
 *
 * Claim, then load, then ask: a partition is owned once it is claimed, and an actor is loaded into the very partition
 * object that was owned when its query began, or not at all. On one node every partition is this node's; epochs guard
 * against a second process all the same.
 */
import { Clock, Context, Effect, Layer, Metric, Result, Schedule } from "effect"
import type { Actors, KindName } from "../domain/Actors.ts"
import type { PartitionId } from "../domain/Ids.ts"
import type { Fence } from "../domain/Transaction.ts"
import * as Batcher from "../persistence/Batcher.ts"
import { Journal, type JournalUnavailable, unavailable } from "../persistence/Journal.ts"
import { Fenced, type Overloaded, type Unavailable } from "./Errors.ts"
import { Partition } from "./Partition.ts"
import { partitionOf } from "./Placement.ts"
import type { Step } from "./Step.ts"

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
/** Memory is not read on the word of epochs older than this: somebody may have claimed it without telling. */
const unconfirmedMostMs = 2000

const claims = Metric.counter("sluice_partition_claims", { description: "Partitions claimed", incremental: true })
const ownedPartitions = Metric.gauge("sluice_partitions_owned", { description: "Partitions this node may commit for" })
const residentActors = Metric.gauge("sluice_actors_resident", { description: "Actors in memory" })

export type Asked<K extends KindName> = readonly [id: Actors[K]["id"], command: Actors[K]["command"]]

export class Directory extends Context.Service<
  Directory,
  {
    /** Asks an actor for a hold. */
    readonly hold: <K extends KindName>(
      step: Step,
      kind: K,
      id: Actors[K]["id"],
      command: Actors[K]["command"]
    ) => Effect.Effect<Actors[K]["grant"], Actors[K]["refusal"] | Fenced | Overloaded | Unavailable>
    /**
     * Asks actors of one kind for a hold each, in order. The first refusal ends it; what was held until then stays
     * with the step, to be released with it.
     */
    readonly holdAll: <K extends KindName>(
      step: Step,
      kind: K,
      asks: ReadonlyArray<Asked<K>>
    ) => Effect.Effect<ReadonlyArray<Actors[K]["grant"]>, Actors[K]["refusal"] | Fenced | Overloaded | Unavailable>
    /** The state of an actor, `undefined` if there is none. */
    readonly read: <K extends KindName>(
      kind: K,
      id: Actors[K]["id"]
    ) => Effect.Effect<Actors[K]["state"] | undefined, Overloaded | Unavailable>
    /** The step was committed. Settling twice is settling once. */
    readonly settle: (step: Step) => void
    /** The step was not and will not be committed. */
    readonly release: (step: Step) => void
    /** Gives up partitions in doubt; the next ask claims them again. */
    readonly drop: (fences: ReadonlyArray<Fence>) => void
    /** Gives up every partition somebody else has claimed since: what to do when a step was fenced. */
    readonly dropFenced: Effect.Effect<void, Overloaded | Unavailable>
    /** The partitions this node may commit for. */
    readonly owned: () => ReadonlyArray<Partition>
  }
>()("sluice/actors/Directory") {
  static readonly layer = (options: Options) => Layer.effect(Directory, make(options))
}

const make = Effect.fnUntraced(function* (options: Options) {
  const journal = yield* Journal
  const clock = yield* Clock.Clock
  const monotonicMs = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  /** When the last check that found our epochs to be those of now was sent. */
  let checkedAt = monotonicMs()
  const owners: Array<Partition | undefined> = Array.from({ length: options.partitions }, () => undefined)
  const capacity = Math.ceil(options.residentActors / options.partitions)
  const ownerOf = (kind: KindName, id: string) => owners[partitionOf(kind, id, options.partitions)]
  const owned = () => owners.filter((partition) => partition !== undefined)

  const claim = Effect.fnUntraced(function* (wanted: ReadonlyArray<PartitionId>) {
    // Whoever waited while another claim was under way finds the partition owned: claiming it again would fence us.
    const missing = wanted.filter((id) => owners[id] === undefined)
    if (missing.length > 0) {
      const epochs = yield* journal.claim(missing, options.owner)
      missing.forEach((id, index) => {
        const epoch = epochs[index]
        if (epoch !== undefined) owners[id] = new Partition(id, epoch, capacity)
      })
      yield* Metric.update(claims, missing.length)
    }
    return wanted
  })

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
    wallet: yield* Batcher.make({ run: load("wallet"), linger: loadLinger, queueSize })
  }

  /**
   * Runs `decide` in one go, with no other fiber between, once every actor is resident or known to be absent from the
   * partition owned now.
   */
  const withActors = <K extends KindName, A>(
    kind: K,
    ids: ReadonlyArray<Actors[K]["id"]>,
    decide: () => A
  ): Effect.Effect<A, Overloaded | Unavailable> => {
    const absent = new Map<string, Partition>()
    const awaited: Array<() => void> = []
    const ready = (id: Actors[K]["id"]) => {
      const partition = ownerOf(kind, id)
      return partition !== undefined && (partition.has(kind, id) || absent.get(id) === partition)
    }
    const prepare = (id: Actors[K]["id"]) =>
      Effect.gen(function* () {
        if (ownerOf(kind, id) === undefined) yield* claimer(partitionOf(kind, id, options.partitions))
        const owner = ownerOf(kind, id)
        if (owner !== undefined) awaited.push(owner.await(id))
        const partition = yield* loaders[kind](id)
        if (partition !== undefined) absent.set(id, partition)
      })
    const attempt: Effect.Effect<A, Overloaded | JournalUnavailable> = Effect.suspend(() => {
      const missing = ids.filter((id) => !ready(id))
      return missing.length === 0
        ? Effect.succeed(decide())
        : Effect.andThen(Effect.forEach(missing, prepare, { concurrency: missing.length, discard: true }), attempt)
    })
    return Effect.suspend(() =>
      ids.every(ready)
        ? Effect.succeed(decide())
        : attempt.pipe(
            Effect.ensuring(Effect.sync(() => awaited.forEach((letGo) => letGo()))),
            Effect.catchTag("JournalUnavailable", unavailable)
          )
    )
  }

  const holdOne = <K extends KindName>(
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

  const holdAll = <K extends KindName>(
    step: Step,
    kind: K,
    asks: ReadonlyArray<Asked<K>>
  ): Result.Result<ReadonlyArray<Actors[K]["grant"]>, Actors[K]["refusal"] | Fenced> => {
    const grants: Array<Actors[K]["grant"]> = []
    for (const asked of asks) {
      const granted = holdOne(step, kind, asked)
      if (Result.isFailure(granted)) return Result.fail(granted.failure)
      grants.push(granted.success)
    }
    return Result.succeed(grants)
  }

  const end = (step: Step, how: "settle" | "release") => {
    for (const { partition, epoch } of step.fences) {
      const owner = owners[partition]
      if (owner?.epoch === epoch) owner[how](step.id)
    }
  }

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
    return Effect.map(journal.epochs(mine.map(({ partition }) => partition)), (epochs) => {
      drop(mine.filter(({ epoch }, index) => epochs[index] !== epoch))
      checkedAt = sentAt
      return asked
    })
  }
  const checker = yield* Batcher.make({ run: checkEpochs, queueSize })
  const dropFenced = checker("epochs").pipe(Effect.asVoid, Effect.catchTag("JournalUnavailable", unavailable))

  yield* Effect.andThen(checker("epochs"), resolveOverdue).pipe(
    Effect.catchCause((cause) => Effect.logDebug("Partitions could not be looked after", cause)),
    Effect.repeat(Schedule.spaced("1 second")),
    Effect.forkScoped
  )

  return Directory.of({
    hold: (step, kind, id, command) =>
      Effect.flatMap(
        withActors(kind, [id], () => holdOne(step, kind, [id, command])),
        Effect.fromResult
      ),
    holdAll: (step, kind, asks) =>
      withActors(
        kind,
        asks.map(([id]) => id),
        () => holdAll(step, kind, asks)
      ).pipe(Effect.flatMap(Effect.fromResult)),
    read: (kind, id) => {
      const read = withActors(kind, [id], () => ownerOf(kind, id)?.peek(kind, id))
      return Effect.suspend(() =>
        monotonicMs() - checkedAt > unconfirmedMostMs ? Effect.andThen(dropFenced, read) : read
      )
    },
    settle: (step) => end(step, "settle"),
    release: (step) => end(step, "release"),
    drop,
    dropFenced,
    owned
  })
})
