/**
 * The database's locks on partitions, shared or exclusive, first come first served. Whoever wants several takes them in
 * the order of their numbers, and waits for each.
 */
export type Mode = "shared" | "exclusive"

interface Waiter {
  readonly mode: Mode
  readonly granted: () => void
}

interface Lock {
  holders: number
  mode: Mode
  readonly waiters: Array<Waiter>
}

export class Locks {
  readonly #locks = new Map<number, Lock>()

  /** Calls `granted` when all are held, with how to release them. Returns how to give up waiting. */
  acquire(partitions: ReadonlyArray<number>, mode: Mode, granted: (release: () => void) => void): () => void {
    const wanted = [...new Set(partitions)].toSorted((a, b) => a - b)
    let held = 0
    let waiting: { readonly partition: number; readonly waiter: Waiter } | undefined
    const release = () => {
      for (const partition of wanted.splice(0, held)) this.#release(partition)
    }
    const next = () => {
      waiting = undefined
      const partition = wanted[held]
      if (partition === undefined) return granted(release)
      const waiter: Waiter = { mode, granted: () => (held++, next()) }
      waiting = { partition, waiter }
      const lock = this.#of(partition)
      lock.waiters.push(waiter)
      this.#grant(lock)
    }
    next()
    return () => {
      if (waiting === undefined) return
      const lock = this.#of(waiting.partition)
      lock.waiters.splice(lock.waiters.indexOf(waiting.waiter), 1)
      release()
      this.#grant(lock)
    }
  }

  #of(partition: number): Lock {
    const lock = this.#locks.get(partition) ?? { holders: 0, mode: "shared", waiters: [] }
    this.#locks.set(partition, lock)
    return lock
  }

  #grant(lock: Lock): void {
    for (let first = lock.waiters[0]; first !== undefined; first = lock.waiters[0]) {
      if (lock.holders > 0 && (lock.mode === "exclusive" || first.mode === "exclusive")) return
      lock.waiters.shift()
      lock.holders++
      lock.mode = first.mode
      first.granted()
    }
  }

  #release(partition: number): void {
    const lock = this.#of(partition)
    lock.holders--
    this.#grant(lock)
  }
}
