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
    this.#heap.push(timer)
    this.#rise(this.#heap.length - 1)
    return () => void (timer.value = undefined)
  }

  get earliest(): number | undefined {
    this.#discardCancelled()
    return this.#heap[0]?.at
  }

  /** Takes the next timer that is due. */
  next(now: number): A | undefined {
    this.#discardCancelled()
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    this.#removeFirst()
    return first.value
  }

  #discardCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.value === undefined) this.#removeFirst()
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a]
    const right = this.#heap[b]
    if (left === undefined || right === undefined) return right === undefined && left !== undefined
    return left.at < right.at || (left.at === right.at && left.order < right.order)
  }

  #swap(a: number, b: number): void {
    const left = this.#heap[a]
    const right = this.#heap[b]
    if (left === undefined || right === undefined) return
    this.#heap[a] = right
    this.#heap[b] = left
  }

  #rise(from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#before(index, parent)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #sink(from: number): void {
    let index = from
    while (true) {
      const left = 2 * index + 1
      const smaller = this.#before(left + 1, left) ? left + 1 : left
      if (!this.#before(smaller, index)) return
      this.#swap(smaller, index)
      index = smaller
    }
  }
}
