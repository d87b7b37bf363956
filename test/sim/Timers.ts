/** Timers in virtual time: a binary heap, in the order they are due and, of one instant, in which they were set. */
interface Timer<A> {
  readonly at: number
  readonly order: number
  value: A | undefined
}

export class Timers<A> {
  readonly #heap: Array<Timer<A>> = []
  #set = 0

  /** Returns how to cancel it. */
  add(at: number, value: A): () => void {
    const timer: Timer<A> = { at, order: ++this.#set, value }
    this.#rise(timer)
    return () => void (timer.value = undefined)
  }

  get earliest(): number | undefined {
    this.#discardCancelled()
    return this.#heap[0]?.at
  }

  /** Takes the next timer that is due. */
  next(now: number): A | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    this.#discardCancelled()
    const due = this.#heap[0]
    if (due === undefined || due.at > now) return undefined
    this.#removeFirst()
    return due.value
  }

  #discardCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.value === undefined) this.#removeFirst()
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last !== undefined && this.#heap.length > 0) this.#sink(last)
  }

  /** Finds the place of a new timer, from the end. */
  #rise(timer: Timer<A>): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const up = (index - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || isBefore(parent, timer)) break
      heap[index] = parent
      index = up
    }
    heap[index] = timer
  }

  /** Finds the place of a timer whose own was taken, from the first, which is free. */
  #sink(timer: Timer<A>): void {
    const heap = this.#heap
    let index = 0
    while (true) {
      const left = 2 * index + 1
      const one = heap[left]
      const other = heap[left + 1]
      if (one === undefined) break
      const down = other !== undefined && isBefore(other, one) ? left + 1 : left
      const child = down === left || other === undefined ? one : other
      if (isBefore(timer, child)) break
      heap[index] = child
      index = down
    }
    heap[index] = timer
  }
}

const isBefore = (one: Timer<unknown>, other: Timer<unknown>): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)
