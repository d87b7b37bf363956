/** What happened in a world: all that the checks look at. */
import type { Actors, KindName } from "../../src/domain/Actors.ts"
import type { PartitionId, TransactionId, UserId } from "../../src/domain/Ids.ts"
import type { Transaction } from "../../src/domain/Transaction.ts"
import type { Verdict } from "../../src/persistence/Journal.ts"
import type { Keyed } from "../../src/saga/Transact.ts"
import type { Charge } from "../../src/saga/gateways/simulator/Charges.ts"
import type { Tables } from "../../src/persistence/MemoryTables.ts"
import type { Names } from "./Names.ts"
import type { Operation, Outcome } from "./Operation.ts"
import type { Options } from "./Options.ts"
import type { Process } from "./Simulation.ts"
import type { Trace } from "./Trace.ts"

/** One thing a client wants, however often it asks for it. */
export interface Request {
  readonly number: number
  readonly shape: string
  readonly operation: Operation
  /** What makes it happen once, if anything does. */
  readonly keyed: Keyed | undefined
  readonly attempts: Array<Attempt>
}

export interface Attempt {
  readonly request: Request
  readonly node: string
  /** The process that was asked, if it was reached: its memory is what answered. */
  process: Process | undefined
  /** How often the request arrived. */
  served: number
  /** Places in the trace. */
  readonly invoked: number
  returned: number | undefined
  outcome: Outcome | undefined
}

/** A transaction that was written. */
export interface Commit {
  readonly seq: number
  readonly transaction: Transaction
}

/** A transaction a node's engine handed to group commit, and what it was told. */
export interface Submission {
  readonly process: Process
  readonly transaction: Transaction
  readonly verdicts: Array<{ readonly seq: number; readonly verdict: Verdict }>
}

/** A partition that was taken over. */
export interface Claim {
  readonly seq: number
  readonly partition: number
  readonly epoch: number
}

/** A batch that a constraint refused. */
export interface Rejection {
  readonly seq: number
  readonly batch: ReadonlyArray<Transaction>
  readonly why: string
}

/** An actor in a node's memory when all is quiet, and on disk. */
export interface Resident {
  readonly node: string
  readonly kind: KindName
  readonly id: string
  readonly memory: State
  readonly disk: State | undefined
}

export type State = Actors[KindName]["state"]

/** What is in the memory of the nodes when all is quiet. */
export interface Memory {
  /** Of partitions that the node may still commit for. */
  readonly actors: ReadonlyArray<Resident>
  readonly partitions: ReadonlyArray<{ readonly node: string; readonly id: PartitionId; readonly resident: number }>
}

export interface History {
  readonly options: Options
  readonly trace: Trace
  readonly names: Names
  readonly requests: ReadonlyArray<Request>
  readonly commits: ReadonlyArray<Commit>
  readonly submissions: ReadonlyMap<TransactionId, Submission>
  readonly rejections: ReadonlyArray<Rejection>
  readonly claims: ReadonlyArray<Claim>
  /** The most transactions one node had waiting for a verdict. */
  readonly waitingMost: number
  /** A user there is not. */
  readonly nobody: UserId
  /** What the shop began with. */
  readonly opening: Opening
  readonly tables: Tables
  /** What the payment gateways took and gave back, and the orders they declined to. */
  readonly charges: ReadonlyArray<Charge>
  readonly declined: ReadonlySet<string>
  /** And those of which a node was told that it did not happen. */
  readonly unavailable: ReadonlySet<string>
  readonly memory: Memory
  /** How the run ended, and what was not decided by then. */
  readonly ending: "finished" | "stuck" | "exhausted"
  readonly unanswered: ReadonlyArray<Request>
  /** Of nodes that are one cluster. */
  readonly cluster: Cluster | undefined
}

/** How a cluster came to rest. */
export interface Cluster {
  /** How long after the faults every partition was decided for by one node; `undefined` if that never was. */
  readonly servedAfterMs: number | undefined
  /** Who decides for each partition when all is quiet. */
  readonly owners: ReadonlyArray<ReadonlyArray<string>>
  /** The nodes that should have some. */
  readonly takers: ReadonlyArray<string>
}

/** By bare UUID. */
export interface Opening {
  readonly balances: ReadonlyMap<string, number>
  readonly products: ReadonlyMap<string, { readonly stock: number; readonly price: number; readonly onSale: boolean }>
  readonly coupons: ReadonlyMap<string, { readonly isOpen: boolean }>
}

/** An invariant that does not hold. */
export interface Violation {
  readonly invariant: string
  readonly message: string
  /** Ids of what it is about. */
  readonly about: ReadonlyArray<string>
  /** The place in the trace where it came to light. */
  readonly seq: number
}
