/** The node's metrics, as Prometheus would read them: what each sample grew by between two readings. */

/** Samples by their name and labels, as they stand in the text. */
export type Metrics = ReadonlyMap<string, number>

export const parse = (text: string): Metrics =>
  new Map(Array.from(text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm), ([, name = "", value]) => [name, Number(value)]))

/** By how much all samples of a counter grew; `undefined` if there is no such counter. */
export const growth = (before: Metrics, after: Metrics, name: string): number | undefined => {
  const samples = [...after].filter(([sample]) => sample === name || sample.startsWith(`${name}{`))
  return samples.length === 0
    ? undefined
    : samples.reduce((sum, [sample, value]) => sum + value - (before.get(sample) ?? 0), 0)
}

export interface Distribution {
  readonly count: number
  readonly mean: number
  /** How many were above the bound before and not above this one. */
  readonly buckets: ReadonlyArray<{ readonly bound: string; readonly count: number }>
}

/** What was observed by a histogram; `undefined` if it was nothing. */
export const observed = (before: Metrics, after: Metrics, name: string): Distribution | undefined => {
  const count = growth(before, after, `${name}_count`) ?? 0
  if (count === 0) return undefined
  let below = 0
  const buckets = [...after.keys()].flatMap((sample) => {
    const bound = sample.startsWith(`${name}_bucket{`) ? /le="([^"]+)"/.exec(sample)?.[1] : undefined
    if (bound === undefined) return []
    const upTo = growth(before, after, sample) ?? 0
    const bucket = { bound, count: upTo - below }
    below = upTo
    return [bucket]
  })
  return { count, mean: (growth(before, after, `${name}_sum`) ?? 0) / count, buckets }
}
