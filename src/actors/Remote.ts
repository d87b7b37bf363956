/**
 * The actors of other nodes.
 *
 * - An ask goes to the node that seems to own the actor's partition. When that does not own it, or cannot be reached,
 *   nothing was held: the ask waits a moment and goes where the partition is by then, until its time is up. So a step
 *   waits for a partition that is being taken over.
 * - When an answer gets lost, nobody knows what the step holds. It is over: its end is told to all it asked, and the next
 *   attempt is another transaction.
 * - The end of a step is told. What was committed is answered only when all its owners have heard it, or own it no more:
 *   else whoever was told of his charge could be refused for want of money. Whether they do, only the epochs say: one
 *   that seems to be gone may come back with what it remembers. What was not committed is told once. Should that get
 *   lost, the owner asks the journal when the step's deadline has passed, as for its own.
 * - A hold is settled only under the epoch the commit relied on: who claimed since has read what was committed.
 * - Tells and asks overtake each other, so an owner remembers which steps have ended.
 */
import { Array as Arr, Effect, Latch, Result, Schedule } from "effect"
import { Ownership } from "../cluster/Ownership.ts"
import { Peers, type PeerUnavailable } from "../cluster/Peers.ts"
import { type Actors, areNew, type KindName } from "../domain/Actors.ts"
import type { Epoch, PartitionId } from "../domain/Ids.ts"
import type { Fence, Transaction } from "../domain/Transaction.ts"
import * as Batcher from "../persistence/Batcher.ts"
import { Journal } from "../persistence/Journal.ts"
import { Ended } from "./Ended.ts"
import { Elsewhere, Fenced, Overloaded, TimedOut, Unavailable } from "./Errors.ts"
import type { Granted, Local } from "./Local.ts"
import type { Asked, Step } from "./Step.ts"
import * as Wire from "./Wire.ts"

export type Remote = Effect.Success<ReturnType<typeof make>>

/** One of several asks; grants come back in their order. */
interface Numbered<K extends KindName> {
  readonly n: number
  readonly asked: Asked<K>
}

/** What one node said to its part of them. */
interface Part<K extends KindName> {
  readonly granted: ReadonlyArray<readonly [n: number, grant: Actors[K]["grant"]]>
  readonly refused: ReadonlyArray<{ readonly n: number; readonly refusal: Actors[K]["refusal"] | Fenced }>
  /** Nothing was held. */
  readonly waiting: ReadonlyArray<Numbered<K>>
}

type Ending = Pick<Step, "id" | "deadline">

/** Who granted what a transaction relied on. */
interface Grantor {
  readonly address: string
  readonly fences: ReadonlyArray<Fence>
}

type Done = (heard: boolean) => void

/** How long until an ask that found nobody goes out again: soon at first, and not too often when there are thousands. */
const againMs = (tries: number) => Math.min(10 * 1.5 ** tries, 100)
/** How long a state may be asked for; a step has a deadline. */
const readWithinMs = 8000
/** How long the database may take to say an epoch to whoever will ask again. */
const epochWithinMs = 500

export const make = Effect.fnUntraced(function* (local: Local) {
  const peers = yield* Peers
  const ownership = yield* Ownership
  const journal = yield* Journal
  const scope = yield* Effect.scope
  const self = peers.self.address
  const ended = new Ended()

  // Asking.

  const askPeer = <K extends KindName>(
    kind: K,
    address: string,
    ask: unknown
  ): Effect.Effect<Wire.Answer<K>, PeerUnavailable> =>
    Effect.map(peers.ask(address, ask), (answer) =>
      // What we do not understand may have been carried out.
      Result.getOrElse(Wire.readAnswer(kind, answer), (): Wire.Answer<K> => new Fenced())
    )

  /** Where to ask for an actor, if anywhere. */
  const addressOf = (kind: KindName, id: string): string | undefined => {
    const place = local.placeOf(kind, id)
    if (ownership.mine(place)) return self
    const address = ownership.ownerOf(place)
    return address === self ? undefined : address
  }

  const holdThere = <K extends KindName>(step: Step, kind: K, address: string, asks: ReadonlyArray<Asked<K>>) =>
    Effect.suspend(() => {
      step.asked ??= new Map()
      const there = step.asked.get(address) ?? new Map<PartitionId, Epoch | undefined>()
      for (const place of asks.map(([id]) => local.placeOf(kind, id))) there.set(place, there.get(place))
      step.asked.set(address, there)
      return askPeer(kind, address, Wire.holdAsk(step, kind, asks))
    }).pipe(
      Effect.catch(({ reason }): Effect.Effect<never, Elsewhere | Overloaded | Fenced> => {
        if (reason === "NotConnected") return Effect.fail(new Elsewhere())
        return Effect.fail(reason === "Overloaded" ? new Overloaded() : new Fenced())
      }),
      Effect.flatMap((answer): Effect.Effect<Granted<K>, Elsewhere | Fenced | Overloaded | Unavailable> => {
        if (answer._tag === "State") return Effect.fail(new Fenced())
        if (answer._tag !== "Held") return Effect.fail(answer)
        for (const { partition, epoch } of answer.fences) step.asked?.get(address)?.set(partition, epoch)
        return answer.fences.every((fence) => relyOn(step, fence)) ? Effect.succeed(answer) : Effect.fail(new Fenced())
      })
    )

  /** False when the step relies on another epoch of that partition already. */
  const relyOn = (step: Step, fence: Fence): boolean => {
    const known = step.fences.find(({ partition }) => partition === fence.partition)
    if (known === undefined) step.fences.push(fence)
    return known === undefined || known.epoch === fence.epoch
  }

  /** Asks one node, or nobody, for its part. */
  const holdPart = <K extends KindName>(
    step: Step,
    kind: K,
    address: string | undefined,
    part: ReadonlyArray<Numbered<K>>
  ): Effect.Effect<Part<K>, Fenced | Overloaded | Unavailable> => {
    const stays: Part<K> = { granted: [], refused: [], waiting: part }
    if (address === undefined) return Effect.succeed(stays)
    const asks = part.map(({ asked }) => asked)
    const held = address === self ? local.ask(step, kind, asks) : holdThere(step, kind, address, asks)
    return held.pipe(
      Effect.map(({ grants, refusal }): Part<K> => ({
        granted: Arr.zipWith(part, grants, ({ n }, grant) => [n, grant]),
        refused: refusal === undefined ? [] : [{ n: part[grants.length]?.n ?? 0, refusal }],
        waiting: []
      })),
      Effect.catchTag("Elsewhere", () => Effect.succeed(stays))
    )
  }

  /** Holds wherever the actors are; grants in the order of the asks, or the first refusal in that order. */
  const holdAll = Effect.fnUntraced(function* <K extends KindName>(
    step: Step,
    kind: K,
    asks: ReadonlyArray<Asked<K>>
  ): Effect.fn.Return<ReadonlyArray<Actors[K]["grant"]>, Actors[K]["refusal"] | Fenced | Overloaded | Unavailable> {
    const grants = new Map<number, Actors[K]["grant"]>()
    let waiting: ReadonlyArray<Numbered<K>> = asks.map((asked, n) => ({ asked, n }))
    for (let tries = 0; ; tries++) {
      const byAddress = Map.groupBy(waiting, ({ asked: [id] }) => addressOf(kind, id))
      const parts = yield* Effect.forEach(byAddress, ([address, part]) => holdPart(step, kind, address, part), {
        concurrency: byAddress.size
      })
      const [first] = parts.flatMap(({ refused }) => refused).toSorted((one, other) => one.n - other.n)
      if (first !== undefined) return yield* Effect.fail(first.refusal)
      for (const [n, grant] of parts.flatMap(({ granted }) => granted)) grants.set(n, grant)
      waiting = parts.flatMap((part) => part.waiting)
      if (waiting.length === 0) return asks.flatMap((_, n) => grants.get(n) ?? [])
      yield* lookElsewhere(step.deadline, tries)
    }
  })

  const lookElsewhere = (deadline: number, tries: number): Effect.Effect<void, Unavailable> =>
    Effect.suspend(() => (journal.now() >= deadline ? Effect.fail(new Unavailable()) : Effect.void)).pipe(
      Effect.andThen(ownership.lookAgain),
      Effect.andThen(Effect.sleep(againMs(tries)))
    )

  const readThere = <K extends KindName>(kind: K, address: string, id: Actors[K]["id"]) =>
    askPeer(kind, address, Wire.readingAsk(kind, id)).pipe(
      Effect.mapError(({ reason }) => (reason === "Overloaded" ? new Overloaded() : new Elsewhere())),
      Effect.flatMap((answer): Effect.Effect<Actors[K]["state"] | undefined, Elsewhere | Overloaded | Unavailable> => {
        if (answer._tag === "State") return Effect.succeed(answer.state)
        return Effect.fail(answer._tag === "Held" || answer._tag === "Fenced" ? new Unavailable() : answer)
      })
    )

  const read = <K extends KindName>(
    kind: K,
    id: Actors[K]["id"]
  ): Effect.Effect<Actors[K]["state"] | undefined, Overloaded | Unavailable> =>
    Effect.suspend(() => {
      const until = journal.now() + readWithinMs
      const attempt = (tries: number): Effect.Effect<Actors[K]["state"] | undefined, Overloaded | Unavailable> =>
        Effect.suspend(() => {
          const address = addressOf(kind, id)
          if (address === undefined) return Effect.fail(new Elsewhere())
          return address === self ? local.read(kind, id) : readThere(kind, address, id)
        }).pipe(Effect.catchTag("Elsewhere", () => Effect.andThen(lookElsewhere(until, tries), attempt(tries + 1))))
      return attempt(0)
    })

  const settleAt = ({ id, deadline }: Ending, { address, fences }: Grantor, done: Done) =>
    peers.tell(address, Wire.writeTell({ _tag: "Settle", id, deadline, fences }), done)

  const grantorsOf = ({ asked }: Step): ReadonlyArray<Grantor> =>
    asked === undefined
      ? []
      : Array.from(asked, ([address, partitions]) => ({
          address,
          fences: Array.from(partitions).flatMap(([partition, epoch]) =>
            epoch === undefined ? [] : [{ partition, epoch }]
          )
        }))

  const release = ({ id, deadline, asked }: Step) => {
    for (const [address, partitions] of asked ?? []) {
      peers.tell(address, Wire.writeTell({ _tag: "Release", id, deadline, partitions: [...partitions.keys()] }))
    }
  }

  /** Tells all at once; what it returns waits until they have heard it, or the step's time is up. */
  const settle = (step: Step): Effect.Effect<void, TimedOut> => tellAll(step, grantorsOf(step))

  const tellAll = (ending: Ending, grantors: ReadonlyArray<Grantor>): Effect.Effect<void, TimedOut> => {
    if (grantors.length === 0) return Effect.void
    const told = Latch.makeUnsafe()
    const deaf: Array<Grantor> = []
    let left = grantors.length
    for (const grantor of grantors) {
      settleAt(ending, grantor, (heard) => {
        if (!heard) deaf.push(grantor)
        if (--left === 0) told.openUnsafe()
      })
    }
    return Effect.andThen(
      told.await,
      Effect.suspend(() => insist(ending, deaf, 0))
    )
  }

  /**
   * What a step was to do was committed as another transaction: tells all its owners, here and elsewhere. The step may
   * have asked only some of them, or another node than who seems to own a partition now.
   */
  const settleOther = (
    { deadline, asked }: Pick<Step, "deadline" | "asked">,
    { id, fences }: Pick<Transaction, "id" | "fences">
  ): Effect.Effect<void, TimedOut> => {
    const ending = { id, deadline }
    settleHere(ending, fences)
    const elsewhere = fences.flatMap((fence) => {
      const { partition } = fence
      const owner = ownership.mine(partition) ? undefined : ownership.ownerOf(partition)
      const askedThere = Array.from(asked ?? []).flatMap(([address, places]) =>
        places.has(partition) ? [address] : []
      )
      const addresses = new Set(owner === undefined || owner === self ? askedThere : [...askedThere, owner])
      return Array.from(addresses, (address) => ({ address, fence }))
    })
    const grantors = Array.from(
      Map.groupBy(elsewhere, ({ address }) => address),
      ([address, each]): Grantor => ({ address, fences: each.map(({ fence }) => fence) })
    )
    return tellAll(ending, grantors)
  }

  const epochNow = yield* Batcher.make({ run: journal.epochs, queueSize: 20_000 })

  /** Whether a node may be asked for what it granted: until somebody has claimed it, whoever is believed to own it. */
  const mayBeAsked = ({ fences }: Grantor): Effect.Effect<boolean> =>
    Effect.forEach(fences, ({ partition, epoch }) => Effect.map(epochNow(partition), (now) => now === epoch), {
      concurrency: fences.length
    }).pipe(
      Effect.map((each) => each.includes(true)),
      Effect.timeout(epochWithinMs),
      // Nobody says that it may not.
      Effect.orElseSucceed(() => true)
    )

  /** Tells them again for as long as they may be asked. */
  const insist = (ending: Ending, deaf: ReadonlyArray<Grantor>, tries: number): Effect.Effect<void, TimedOut> => {
    const tellAgain = (grantor: Grantor) =>
      Effect.callback<ReadonlyArray<Grantor>>((resume) =>
        settleAt(ending, grantor, (heard) => resume(Effect.succeed(heard ? [] : [grantor])))
      )
    if (deaf.length === 0) return Effect.void
    return Effect.filter(deaf, mayBeAsked, { concurrency: deaf.length }).pipe(
      Effect.flatMap((still) => {
        if (still.length === 0) return Effect.void
        return lookElsewhere(ending.deadline, tries).pipe(
          Effect.andThen(Effect.forEach(still, tellAgain, { concurrency: still.length })),
          Effect.flatMap((answers) => insist(ending, answers.flat(), tries + 1))
        )
      }),
      // From now on the owner asks the journal; when it has, nobody here knows.
      Effect.mapError(() => new TimedOut())
    )
  }

  /** Tells the owners of partitions that are not ours. */
  const tellOwners = (_tag: "Drop" | "Check", fences: ReadonlyArray<Fence>) => {
    const elsewhere = fences.filter(({ partition }) => !ownership.mine(partition))
    for (const [address, theirs] of Map.groupBy(elsewhere, ({ partition }) => ownership.ownerOf(partition))) {
      if (address !== undefined && address !== self) peers.tell(address, Wire.writeTell({ _tag, fences: theirs }))
    }
  }

  // Answering.

  /** Whoever tells us may not be who asked, and not know the deadline. */
  const remember = ({ id, deadline }: Ending, partitions: ReadonlyArray<PartitionId>) =>
    ended.add(id, Math.max(deadline, local.deadlineOf(id, partitions)))

  const settleHere = (ending: Ending, fences: ReadonlyArray<Fence>) => {
    remember(
      ending,
      fences.map(({ partition }) => partition)
    )
    local.end({ id: ending.id, fences }, "settle")
  }

  /** Whoever gives up may not know under which epochs it was granted something. */
  const releaseHere = (ending: Ending, partitions: ReadonlyArray<PartitionId>) => {
    remember(ending, partitions)
    local.end({ id: ending.id, fences: local.fencesOf(partitions) }, "release")
  }

  const question = <K extends KindName>(
    kind: K,
    ids: ReadonlyArray<Actors[K]["id"]>,
    decide: () => Wire.Answer<K>,
    isNew = false
  ): Question => ({
    ready: () => ids.every((id) => local.isReady(kind, id, isNew)),
    now: () => Wire.writeAnswer(kind, decide()),
    later: Effect.match(local.withActors(kind, ids, decide, isNew), {
      onSuccess: (answer) => Wire.writeAnswer(kind, answer),
      onFailure: (error) => Wire.writeAnswer(kind, error)
    })
  })

  const holdsAsked = <K extends KindName>(step: Step, kind: K, asks: ReadonlyArray<Asked<K>>): Question => {
    const ids = asks.map(([id]) => id)
    const decide = (): Wire.Answer<K> => {
      if (ended.full) return new Overloaded()
      const over = ended.has(step.id) || step.deadline <= journal.now()
      // Whoever asks again has not heard what it was granted.
      if (over || ids.some((id) => local.holds(step.id, kind, id))) return new Fenced()
      const { grants, refusal } = local.holdAll(step, kind, asks)
      return refusal instanceof Fenced ? refusal : { _tag: "Held", fences: step.fences, grants, refusal }
    }
    return question(kind, ids, decide, areNew(kind, asks))
  }

  const stateAsked = <K extends KindName>(kind: K, id: Actors[K]["id"]): Question => ({
    ...question(kind, [id], () => new Elsewhere()),
    ready: () => false,
    later: Effect.match(local.read(kind, id), {
      onSuccess: (state) => Wire.writeAnswer(kind, { _tag: "State", state }),
      onFailure: (error) => Wire.writeAnswer(kind, error)
    })
  })

  /** What cannot be understood can be asked again, of a node of another version. */
  const notUnderstood = question("product", [], () => new Unavailable())

  const questionOf = (value: unknown): Question => {
    const ask = Wire.readAsk(value)
    if (Result.isFailure(ask)) return notUnderstood
    if (ask.success._tag === "Read") {
      const { kind } = ask.success
      const id = Wire.readId(kind, ask.success.id)
      return Result.isFailure(id) ? notUnderstood : stateAsked(kind, id.success)
    }
    const { kind, id, key, deadline } = ask.success
    const asks = Wire.readAsks(kind, ask.success.asks)
    return Result.isFailure(asks) ? notUnderstood : holdsAsked({ id, key, deadline, fences: [] }, kind, asks.success)
  }

  const hear = (value: unknown): Effect.Effect<void> =>
    Effect.suspend(() => {
      const told = Wire.readTell(value)
      if (Result.isFailure(told)) return Effect.void
      switch (told.success._tag) {
        case "Settle":
          settleHere(told.success, told.success.fences)
          return Effect.void
        case "Release":
          releaseHere(told.success, told.success.partitions)
          return Effect.void
        case "Drop":
          local.drop(told.success.fences)
          return Effect.void
        case "Check":
          return told.success.fences.some(local.owns)
            ? Effect.asVoid(Effect.forkIn(Effect.ignore(local.dropFenced), scope))
            : Effect.void
      }
    })

  peers.serve({
    ask: Effect.fnUntraced(function* (asks) {
      const questions = asks.map(questionOf)
      const answers = questions.map(({ ready, now }) => (ready() ? now() : undefined))
      const late = questions.flatMap(({ later }, n) => (answers[n] === undefined ? [{ n, later }] : []))
      if (late.length > 0) {
        const lateAnswers = yield* Effect.forEach(late, ({ later }) => later, { concurrency: late.length })
        late.forEach(({ n }, index) => (answers[n] = lateAnswers[index]))
      }
      return answers
    }),
    tell: (tells) => Effect.forEach(tells, hear, { discard: true })
  })
  yield* Effect.sync(() => ended.forget(journal.now())).pipe(
    Effect.repeat(Schedule.spaced("1 second")),
    Effect.forkScoped
  )

  return { holdAll, read, settle, settleOther, release, tellOwners }
})

/** What a peer asks. */
interface Question {
  /** Whether it can be answered at this very moment. */
  readonly ready: () => boolean
  readonly now: () => unknown
  readonly later: Effect.Effect<unknown>
}
