/**
 * The leases one node holds, and for how long each lets it answer: from the moment a question was sent, never from the
 * moment its answer came. What comes back late finds its lease gone, or another one in its place, and changes nothing.
 */
import type { PartitionId } from "../domain/Ids.ts"

/** A lease held; another one of the same partition is another object. */
export interface Holding {
  readonly id: PartitionId
  validUntil: number
  /** Whether the partition was claimed since, so that its epoch can be asked for. */
  claimed: boolean
  /** Somebody else may have claimed it since we did, and nobody could say yet whether it is ours still. */
  doubtful: boolean
}

export class Holdings {
  readonly #held = new Map<PartitionId, Holding>()

  get ids(): ReadonlyArray<PartitionId> {
    return [...this.#held.keys()]
  }

  get all(): ReadonlyArray<Holding> {
    return [...this.#held.values()]
  }

  has(id: PartitionId): boolean {
    return this.#held.has(id)
  }

  get(id: PartitionId): Holding | undefined {
    return this.#held.get(id)
  }

  isValid(id: PartitionId, now: number): boolean {
    const holding = this.#held.get(id)
    return holding !== undefined && now < holding.validUntil
  }

  /** Whether it is held still, and has been all the time. */
  isCurrent(holding: Holding): boolean {
    return this.#held.get(holding.id) === holding
  }

  /** Returns those that were not held before. */
  add(ids: ReadonlyArray<PartitionId>, validUntil: number): ReadonlyArray<PartitionId> {
    const fresh = ids.filter((id) => !this.#held.has(id))
    for (const id of fresh) this.#held.set(id, { id, validUntil, claimed: false, doubtful: false })
    return fresh
  }

  extend(holdings: ReadonlyArray<Holding>, validUntil: number): void {
    for (const holding of holdings) holding.validUntil = Math.max(holding.validUntil, validUntil)
  }

  /** Not valid until it is known whether they are ours still. */
  doubt(ids: Iterable<PartitionId>): void {
    for (const id of ids) {
      const holding = this.#held.get(id)
      if (holding === undefined) continue
      holding.doubtful = true
      holding.validUntil = -Infinity
    }
  }

  /** Returns those that were held. */
  remove(ids: Iterable<PartitionId>): ReadonlyArray<PartitionId> {
    return [...ids].filter((id) => this.#held.delete(id))
  }
}

/** What a refresh came to. */
export interface Refreshed {
  readonly asked: ReadonlyArray<Holding>
  /** Still ours, as the store says. */
  readonly kept: ReadonlySet<PartitionId>
  /** Not ours any more, but free, and so taken again. */
  readonly retaken: ReadonlySet<PartitionId>
  /** Claimed by nobody else since we did, as the database says; `undefined` if it does not answer. */
  readonly confirmed: ReadonlySet<PartitionId> | undefined
}

export interface Verdict {
  /** Valid for another TTL. */
  readonly keep: ReadonlyArray<Holding>
  /** Ours in the store, unknown in the database: no longer valid than before, and asked again. */
  readonly wait: ReadonlyArray<Holding>
  /** Ours in the store, somebody else's in the database: forgotten, and claimed again. */
  readonly renew: ReadonlyArray<Holding>
  /** Somebody else's. */
  readonly lose: ReadonlyArray<Holding>
}

export const judge = ({ asked, kept, retaken, confirmed }: Refreshed): Verdict => {
  const verdictOf = (holding: Holding): keyof Verdict => {
    if (kept.has(holding.id) && !holding.doubtful) return "keep"
    if (!kept.has(holding.id) && !retaken.has(holding.id)) return "lose"
    // Nobody has read anything of a partition that was not claimed yet.
    if (!holding.claimed || confirmed?.has(holding.id) === true) return "keep"
    return confirmed === undefined ? "wait" : "renew"
  }
  const { keep = [], wait = [], renew = [], lose = [] } = Object.groupBy(asked, verdictOf)
  return { keep, wait, renew, lose }
}
