/**
 * A map of what soon goes again: steps under way, and what they hold.
 *
 * V8 links the table that a `Map` grows out of to the one it grows into. Once a table has become old, dead or not, minor
 * collections keep alive whatever is in the tables after it, until the next major one: of a map that thousands pass
 * through each second that is all of them. So this one moves to a new `Map` now and then, which nothing old leads to.
 */
export class Passing<K, V> {
  #map = new Map<K, V>()
  #added = 0

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  set(key: K, value: V): void {
    this.#map.set(key, value)
    // Rarely enough that an entry is moved less than once on average.
    if (++this.#added > 64 + 4 * this.#map.size) {
      this.#map = new Map(this.#map)
      this.#added = 0
    }
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    return this.#map.delete(key)
  }

  /** Those of now, whatever comes or goes meanwhile. */
  entries(): ReadonlyArray<readonly [K, V]> {
    return Array.from(this.#map)
  }

  /** Of a map that nothing is added to meanwhile. */
  values(): Iterable<V> {
    return this.#map.values()
  }
}
