/**
 * Latencies in whole microseconds: exact below 128, then 64 buckets to each doubling, so a percentile is at most 1.6 %
 * too high. Recording one is a few integer operations and no allocation.
 */
const buckets = 25 * 64 + 64

export class Histogram {
  readonly #counts = new Uint32Array(buckets)
  #total = 0
  #max = 0

  record(micros: number): void {
    const value = Math.min(Math.max(Math.round(micros), 0), 0x7fff_ffff)
    const shift = value < 128 ? 0 : 25 - Math.clz32(value)
    const bucket = (shift << 6) + (value >> shift)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
    if (value > this.#max) this.#max = value
  }

  get max(): number {
    return this.#max
  }

  /** The least upper bound of a bucket that at least `fraction` of the values do not exceed. */
  percentile(fraction: number): number {
    let left = Math.ceil(this.#total * fraction)
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return Math.min(upperBound(bucket), this.#max)
    }
    return this.#max
  }
}

const upperBound = (bucket: number): number => {
  const shift = Math.max(0, (bucket >> 6) - 1)
  return (bucket - (shift << 6) + 1) * 2 ** shift - 1
}
