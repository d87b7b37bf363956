/**
 * A partition: a fixed slice of all actors, owned under one epoch. It keeps the resident actors and their holds.
 *
 * - An actor's state changes here only: by a hold, and by that hold's settlement or release.
 * - Holds are keyed by transaction; settling or releasing a transaction twice is settling it once.
 * - An actor is forgotten one at a time only while it has no holds and nobody who is about to ask it (passivation): an
 *   order of several actors may be more than its partition has room for, and needs all of them at once. In doubt the whole partition is
 *   dropped and claimed again: only a higher epoch makes it sure that no commit in flight lands unseen.
 */
import { Result } from "effect"
import { type Actors, type KindName, kinds } from "../domain/Actors.ts"
import type { Epoch, PartitionId, TransactionId } from "../domain/Ids.ts"
import type { Doubt } from "../persistence/Journal.ts"
import { Passing } from "./Passing.ts"

interface Cell<State> {
  state: State
  /** Holds outstanding; while there are any the actor stays. */
  holds: number
  /** Used since the last sweep for actors to passivate. */
  recent: boolean
}

interface Hold<K extends KindName> {
  readonly kind: K
  readonly id: Actors[K]["id"]
  readonly command: Actors[K]["command"]
}

/** What one transaction holds in this partition. */
interface Group {
  readonly doubt: Doubt
  readonly holds: Array<Hold<KindName>>
}

type Cells = { readonly [K in KindName]: Map<Actors[K]["id"], Cell<Actors[K]["state"]>> }

/** How many actors a full partition looks at to find one to passivate. */
const sweepLength = 8

export class Partition {
  readonly id: PartitionId
  readonly epoch: Epoch

  readonly #capacity: number
  readonly #cells: Cells = { product: new Map(), wallet: new Map(), coupon: new Map(), order: new Map() }
  readonly #groups = new Passing<TransactionId, Group>()
  /** How many are about to ask an actor that is, or is to be, loaded for them. */
  readonly #awaited = new Map<string, number>()

  constructor(id: PartitionId, epoch: Epoch, capacity: number) {
    this.id = id
    this.epoch = epoch
    this.#capacity = capacity
  }

  /** The actors in memory. */
  get resident(): number {
    const { product, wallet, coupon, order } = this.#cells
    return product.size + wallet.size + coupon.size + order.size
  }

  has<K extends KindName>(kind: K, id: Actors[K]["id"]): boolean {
    return this.#cells[kind].has(id)
  }

  /** The state of a resident actor. */
  peek<K extends KindName>(kind: K, id: Actors[K]["id"]): Actors[K]["state"] | undefined {
    const cell = this.#cells[kind].get(id)
    if (cell !== undefined) cell.recent = true
    return cell?.state
  }

  /** Keeps an actor, once it is resident, for somebody who is about to ask it; returns how to let go of it. */
  await(id: Actors[KindName]["id"]): () => void {
    this.#awaited.set(id, (this.#awaited.get(id) ?? 0) + 1)
    return () => {
      const others = (this.#awaited.get(id) ?? 0) - 1
      if (others > 0) this.#awaited.set(id, others)
      else this.#awaited.delete(id)
    }
  }

  /** Makes a loaded actor resident, unless it is. */
  install<K extends KindName>(kind: K, id: Actors[K]["id"], state: Actors[K]["state"]): void {
    if (!this.#cells[kind].has(id)) this.#add(kind, id, state)
  }

  /** Asks one actor for a hold. An actor that is not resident does not exist. */
  hold<K extends KindName>(
    doubt: Doubt,
    kind: K,
    id: Actors[K]["id"],
    command: Actors[K]["command"]
  ): Result.Result<Actors[K]["grant"], Actors[K]["refusal"]> {
    const cell = this.#cells[kind].get(id)
    const held = kinds[kind].hold(id, cell?.state, command)
    if (Result.isFailure(held)) return Result.fail(held.failure)
    this.#record(doubt, { kind, id, command })
    if (cell === undefined) {
      this.#add(kind, id, held.success.state).holds = 1
    } else {
      cell.state = held.success.state
      cell.holds++
      cell.recent = true
    }
    return Result.succeed(held.success.grant)
  }

  /** Whether a transaction holds something in this actor. */
  holds<K extends KindName>(transaction: TransactionId, kind: K, id: Actors[K]["id"]): boolean {
    return this.#groups.get(transaction)?.holds.some((hold) => hold.kind === kind && hold.id === id) === true
  }

  /** Until when a transaction that holds something here may ask for more. */
  deadlineOf(transaction: TransactionId): number | undefined {
    return this.#groups.get(transaction)?.doubt.deadline
  }

  /** Turns the holds of a committed transaction into committed state. */
  settle(transaction: TransactionId): void {
    this.#end(transaction, "settle")
  }

  /** Gives back what a transaction that is not and will not be committed had held. */
  release(transaction: TransactionId): void {
    this.#end(transaction, "release")
  }

  /**
   * The transactions whose deadline passed without a word from their requester, oldest first. What they hold here they
   * hold under this epoch: a commit that relied on another one is in what was loaded since.
   */
  overdue(now: number, most: number): ReadonlyArray<Doubt> {
    const doubts: Array<Doubt> = []
    for (const { doubt } of this.#groups.values()) {
      if (doubts.length === most) break
      if (doubt.deadline <= now) doubts.push({ ...doubt, fences: [{ partition: this.id, epoch: this.epoch }] })
    }
    return doubts
  }

  #record(doubt: Doubt, hold: Hold<KindName>): void {
    const group = this.#groups.get(doubt.id)
    if (group === undefined) this.#groups.set(doubt.id, { doubt, holds: [hold] })
    else group.holds.push(hold)
  }

  #end(transaction: TransactionId, how: "settle" | "release"): void {
    const group = this.#groups.get(transaction)
    if (group === undefined) return
    this.#groups.delete(transaction)
    for (const hold of group.holds) this.#endHold(hold, how)
  }

  #endHold<K extends KindName>({ kind, id, command }: Hold<K>, how: "settle" | "release"): void {
    const cells = this.#cells[kind]
    const cell = cells.get(id)
    if (cell === undefined) return
    const state = kinds[kind][how](cell.state, command)
    cell.holds--
    if (state === undefined) cells.delete(id)
    else cell.state = state
  }

  #add<K extends KindName>(kind: K, id: Actors[K]["id"], state: Actors[K]["state"]): Cell<Actors[K]["state"]> {
    const cell = { state, holds: 0, recent: true }
    if (this.resident >= this.#capacity) this.#passivate()
    this.#cells[kind].set(id, cell)
    return cell
  }

  /** Second chance: an actor of the commonest kind goes when it was not used since it was last looked at. */
  #passivate(): void {
    const all: ReadonlyArray<Map<string, Cell<unknown>>> = Object.values(this.#cells)
    const cells = all.reduce((most, each) => (each.size > most.size ? each : most))
    let looked = 0
    for (const [id, cell] of cells) {
      if (this.resident < this.#capacity || ++looked > sweepLength) return
      cells.delete(id)
      if (cell.recent || cell.holds > 0 || this.#awaited.has(id)) {
        cell.recent = false
        cells.set(id, cell)
      }
    }
  }
}
