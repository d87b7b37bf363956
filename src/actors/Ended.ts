/**
 * Transactions of other nodes that have ended. Messages overtake each other: an ask that comes after its release would
 * leave a hold behind that nobody gives back. From its deadline on a transaction is refused by the clock, so until then
 * it is remembered, and while there are more of them than can be, nothing new is begun.
 */
import type { TransactionId } from "../domain/Ids.ts"

const most = 200_000

export class Ended {
  readonly #deadlines = new Map<TransactionId, number>()

  get full(): boolean {
    return this.#deadlines.size >= most
  }

  add(id: TransactionId, deadline: number): void {
    if (!this.full) this.#deadlines.set(id, Math.max(deadline, this.#deadlines.get(id) ?? deadline))
  }

  has(id: TransactionId): boolean {
    return this.#deadlines.has(id)
  }

  forget(now: number): void {
    for (const [id, deadline] of this.#deadlines) if (deadline <= now) this.#deadlines.delete(id)
  }
}
