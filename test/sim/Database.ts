/**
 * The database all nodes share: the rules of `MemoryJournal`, and the time they take on Postgres.
 *
 * A commit compares epochs and deadlines when its locks are granted, and what it writes can be read when it ends. Until
 * then a claim or a resolution of its partitions waits, and a crash undoes it. The tables survive a crash; locks and
 * everything in progress do not.
 */
import { Clock, Context, Effect, Exit, Layer } from "effect"
import type { Actors, KindName } from "../../src/domain/Actors.ts"
import { Epoch, type PartitionId, type RequestKey } from "../../src/domain/Ids.ts"
import type { Fence, Transaction } from "../../src/domain/Transaction.ts"
import {
  type BatchRejected,
  type Doubt,
  Journal,
  JournalUnavailable,
  type Seen
} from "../../src/persistence/Journal.ts"
import * as MemoryAudit from "../../src/persistence/MemoryAudit.ts"
import * as MemoryCatalogue from "../../src/persistence/MemoryCatalogue.ts"
import * as MemoryCoupons from "../../src/persistence/MemoryCoupons.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import * as MemoryManagers from "../../src/persistence/MemoryManagers.ts"
import * as MemoryOrders from "../../src/persistence/MemoryOrders.ts"
import * as MemoryStatements from "../../src/persistence/MemoryStatements.ts"
import { MemoryTables, type Tables } from "../../src/persistence/MemoryTables.ts"
import * as MemoryUsers from "../../src/persistence/MemoryUsers.ts"
import { Locks, type Mode } from "./Locks.ts"
import type { Host } from "./Network.ts"
import type { Options, Statement } from "./Options.ts"
import { epochMs, type Process, type Simulation } from "./Simulation.ts"
import { Rng } from "./Rng.ts"

type Reply<A, E> = (exit: Exit.Exit<A, E>) => void
type Service = Journal["Service"]
type Success<Operation extends (...args: never) => Effect.Effect<unknown, unknown>> = Effect.Success<
  ReturnType<Operation>
>
export type CommitFailure = Effect.Error<ReturnType<Service["commit"]>>
export interface Committed {
  readonly verdicts: Success<Service["commit"]>
  readonly clockMs: number
}
export interface Resolved {
  readonly resolutions: Success<Service["resolve"]>
  readonly clockMs: number
}

const services = Layer.mergeAll(
  MemoryJournal.layer,
  MemoryUsers.layer,
  MemoryManagers.layer,
  MemoryAudit.layer,
  MemoryCatalogue.layer,
  MemoryOrders.layer,
  MemoryCoupons.layer,
  MemoryStatements.layer
).pipe(Layer.provideMerge(MemoryTables.layer))

/** What observers of the database are told, when it happens. */
export interface Observer {
  readonly committed: (transaction: Transaction) => void
  readonly rejected: (batch: ReadonlyArray<Transaction>, why: BatchRejected) => void
  readonly claimed: (fences: ReadonlyArray<Fence>, owner: string) => void
}

/** What waits longer for a lock is told that the database is not available. */
const lockTimeoutMs = 5000

type Speed = Pick<Options, "databaseMs" | "laggard" | "lagging" | "lagMs">

export class Database implements Host {
  readonly name = "database"
  readonly tables: Tables
  /** To be asked by `query`. */
  readonly repositories: Context.Context<Layer.Success<typeof services>>
  process: Process
  /** How far its clock is from the simulation's. */
  clockOffsetMs = 0
  /** What went by in a moment for everybody who goes by its clock: nobody has to wait for half an hour to pass. */
  lapsedMs = 0
  readonly #observer: Observer
  #speed: Speed
  readonly #simulation: Simulation
  readonly #rng: Rng
  readonly #journal: Service
  #locks = new Locks()
  /** The time of the statement that is carried out. */
  #statementMs = 0

  constructor(simulation: Simulation, speed: Speed, observer: Observer) {
    this.#simulation = simulation
    this.#speed = speed
    this.#observer = observer
    this.#rng = new Rng(simulation.options.seed, "database")
    this.process = simulation.process(this.name)
    this.repositories = Effect.runSync(
      Effect.scoped(Layer.build(services)).pipe(
        Effect.provideService(
          Clock.Clock,
          statementClock(() => this.#statementMs)
        )
      )
    )
    this.#journal = Context.get(this.repositories, Journal)
    this.tables = Context.get(this.repositories, MemoryTables)
  }

  get nowMs(): number {
    return this.#clockMs + this.lapsedMs
  }

  /** Without what has lapsed. */
  get #clockMs(): number {
    return Math.floor(this.#simulation.now + this.clockOffsetMs) + epochMs
  }

  /** Whatever is in progress is undone, and its askers never hear of it. */
  crash(): void {
    this.process.kill()
  }

  /** Up, awake and fast. */
  mend(): void {
    this.#speed = { databaseMs: [0.1, 2], laggard: "none", lagging: 0, lagMs: 0 }
    if (!this.process.alive) this.restart()
    this.process.thaw()
  }

  restart(): void {
    this.#locks = new Locks()
    this.process = this.#simulation.process(this.name)
  }

  clock(reply: Reply<number, never>): void {
    reply(Exit.succeed(this.#clockMs))
  }

  claim(seen: ReadonlyArray<Seen>, owner: string, reply: Reply<Success<Service["claim"]>, JournalUnavailable>) {
    const partitions = seen.map(({ partition }) => partition)
    this.#locked(partitions, "exclusive", reply, (end) =>
      this.#works("claim", () => {
        const exit = this.#run(this.nowMs, this.#journal.claim(seen, owner))
        if (Exit.isSuccess(exit)) {
          this.#observer.claimed(
            partitions.flatMap((partition, n) => {
              const epoch = exit.value[n]
              return epoch === undefined ? [] : [{ partition, epoch }]
            }),
            owner
          )
        }
        end(exit)
      })
    )
  }

  load<K extends KindName>(
    kind: K,
    ids: ReadonlyArray<Actors[K]["id"]>,
    reply: Reply<ReadonlyArray<Actors[K]["state"] | undefined>, JournalUnavailable>
  ) {
    const states = this.#run(this.nowMs, this.#journal.load(kind, ids))
    this.#works("load", () => reply(states))
  }

  commit(batch: ReadonlyArray<Transaction>, reply: Reply<Committed, CommitFailure>) {
    this.#locked<Committed, CommitFailure>(fencesOf(batch), "shared", reply, (end) => {
      const began = this.nowMs
      const compared = batch.map((transaction) => this.#compare(transaction))
      this.#works("commit", () => {
        const isNew = ({ key, id }: Transaction) => this.tables.transactions.get(key)?.id !== id
        const fresh = batch.filter(isNew)
        const exit = this.#run(began, this.#journal.commit(compared.map((judged) => judged())))
        if (Exit.isSuccess(exit)) {
          for (const transaction of fresh) if (!isNew(transaction)) this.#observer.committed(transaction)
        }
        end(
          Exit.mapBoth(exit, {
            onSuccess: (verdicts) => ({ verdicts, clockMs: this.#clockMs }),
            onFailure: (error) => {
              if (error._tag === "BatchRejected") this.#observer.rejected(batch, error)
              return error
            }
          })
        )
      })
    })
  }

  resolve(doubts: ReadonlyArray<Doubt>, reply: Reply<Resolved, JournalUnavailable>) {
    this.#locked<Resolved, JournalUnavailable>(fencesOf(doubts), "exclusive", reply, (end) =>
      this.#works("resolve", () => {
        const clockMs = this.#clockMs
        end(Exit.map(this.#run(this.nowMs, this.#journal.resolve(doubts)), (resolutions) => ({ resolutions, clockMs })))
      })
    )
  }

  find(keys: ReadonlyArray<RequestKey>, reply: Reply<Success<Service["find"]>, JournalUnavailable>) {
    const found = this.#run(this.nowMs, this.#journal.find(keys))
    this.#works("find", () => reply(found))
  }

  /** One statement that reads: all of it at one moment. */
  query<A, E>(asked: Effect.Effect<A, E>, reply: Reply<A, E>) {
    const found = this.#run(this.nowMs, asked)
    this.#works("query", () => reply(found))
  }

  epochs(partitions: ReadonlyArray<PartitionId>, reply: Reply<Success<Service["epochs"]>, JournalUnavailable>) {
    const epochs = this.#run(this.nowMs, this.#journal.epochs(partitions))
    this.#works("epochs", () => reply(epochs))
  }

  /** An actor as it would be loaded now. */
  state<K extends KindName>(kind: K, id: Actors[K]["id"]): Actors[K]["state"] | undefined {
    const states = this.#run(this.nowMs, this.#journal.load(kind, [id]))
    return Exit.isSuccess(states) ? states.value[0] : undefined
  }

  /** Carries out work while locks are held; waits for them only so long. */
  #locked<A, E>(
    partitions: ReadonlyArray<PartitionId>,
    mode: Mode,
    reply: Reply<A, E | JournalUnavailable>,
    work: (end: Reply<A, E>) => void
  ) {
    const impatience = this.process.after(lockTimeoutMs, () => {
      giveUp()
      reply(Exit.fail(new JournalUnavailable({ cause: "lock timeout" })))
    })
    const giveUp = this.#locks.acquire(partitions, mode, (release) => {
      impatience()
      work((exit) => {
        release()
        reply(exit)
      })
    })
  }

  /** Epochs are compared now: what passes has passed, whatever becomes of them until its end. */
  #compare(transaction: Transaction): () => Transaction {
    const epochOf = (partition: PartitionId) => Epoch(this.tables.partitions.get(partition)?.epoch ?? 0)
    const passes = transaction.fences.every(({ partition, epoch }) => epochOf(partition) === epoch)
    return () =>
      passes
        ? {
            ...transaction,
            fences: transaction.fences.map(({ partition }) => ({ partition, epoch: epochOf(partition) }))
          }
        : transaction
  }

  #works(on: Statement | "query", end: () => void) {
    const { databaseMs, laggard, lagging, lagMs } = this.#speed
    const [least, most] = databaseMs
    const lag = on === laggard && this.#rng.chance(lagging) ? lagMs * this.#rng.next() : 0
    this.process.after(least + this.#rng.next() ** 3 * (most - least) + lag, end)
  }

  #run<A, E>(statementMs: number, effect: Effect.Effect<A, E>): Exit.Exit<A, E> {
    this.#statementMs = statementMs
    return Effect.runSyncExit(effect)
  }
}

const fencesOf = (doubts: ReadonlyArray<Doubt>) =>
  doubts.flatMap(({ fences }) => fences.map(({ partition }) => partition))

const statementClock = (nowMs: () => number): Clock.Clock => ({
  currentTimeMillisUnsafe: nowMs,
  currentTimeMillis: Effect.sync(nowMs),
  currentTimeNanosUnsafe: () => BigInt(nowMs()) * 1_000_000n,
  currentTimeNanos: Effect.sync(() => BigInt(nowMs()) * 1_000_000n),
  monotonicTimeNanosUnsafe: () => BigInt(nowMs()) * 1_000_000n,
  monotonicTimeNanos: Effect.sync(() => BigInt(nowMs()) * 1_000_000n),
  sleep: () => Effect.never
})
