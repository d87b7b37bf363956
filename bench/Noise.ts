/** A figure and its own noise: the median of what was measured, and how far apart it was. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export const spread = (values: ReadonlyArray<number>): Spread | undefined => {
  const sorted = values.toSorted((a, b) => a - b)
  const [min, max] = [sorted.at(0), sorted.at(-1)]
  const [below, above] = [sorted.at((sorted.length - 1) >> 1), sorted.at(sorted.length >> 1)]
  if (min === undefined || max === undefined || below === undefined || above === undefined) return undefined
  return { median: (below + above) / 2, min, max }
}
