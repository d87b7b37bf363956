/** One attempt at a business step: the transaction it may become, and the partitions it holds something in. */
import type { RequestKey, TransactionId } from "../domain/Ids.ts"
import type { Fence } from "../domain/Transaction.ts"
import type { Doubt } from "../persistence/Journal.ts"

export interface Step extends Doubt {
  readonly id: TransactionId
  readonly key: RequestKey
  readonly deadline: number
  /** Grows with every partition held in; an owner that resolves the step needs them all. */
  readonly fences: Array<Fence>
}
