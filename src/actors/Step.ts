/** One attempt at a business step: the transaction it may become, and the partitions it holds something in. */
import type { Actors, KindName } from "../domain/Actors.ts"
import type { Epoch, PartitionId, RequestKey, TransactionId } from "../domain/Ids.ts"
import type { Fence } from "../domain/Transaction.ts"
import type { Doubt } from "../persistence/Journal.ts"

export interface Step extends Doubt {
  readonly id: TransactionId
  readonly key: RequestKey
  readonly deadline: number
  /** Grows with every partition held in; an owner that resolves the step needs its own. */
  readonly fences: Array<Fence>
  /** Where else it was asked, for which partitions, and under which epochs it was answered: whoever must hear of its end. */
  asked?: Map<string, Map<PartitionId, Epoch | undefined>>
}

/** An actor of a kind, and what it is asked for. */
export type Asked<K extends KindName> = readonly [id: Actors[K]["id"], command: Actors[K]["command"]]
