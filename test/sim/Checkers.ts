/** What histories are judged by, for any history: the simulator's own checks are made of these, and so can yours be. */

/** What was acknowledged and is not there. */
export const lost = <A>(acknowledged: Iterable<A>, found: Iterable<A>): ReadonlyArray<A> => {
  const there = new Set(found)
  return Array.from(acknowledged).filter((each) => !there.has(each))
}

/** What is there more than once. */
export const repeated = <A>(found: Iterable<A>): ReadonlyArray<A> => {
  const once = new Set<A>()
  const twice = new Set<A>()
  for (const each of found) (once.has(each) ? twice : once).add(each)
  return [...twice]
}

/** Where a sequence goes back: pairs of a value and the greatest one before it. */
export const descents = <A>(
  sequence: Iterable<A>,
  valueOf: (element: A) => number
): ReadonlyArray<readonly [element: A, before: number]> => {
  const found: Array<readonly [A, number]> = []
  let greatest = -Infinity
  for (const element of sequence) {
    if (valueOf(element) < greatest) found.push([element, greatest])
    greatest = Math.max(greatest, valueOf(element))
  }
  return found
}

/** Accounts that do not have what the movements leave them with: what they opened with, and everything since. */
export const unbalanced = (
  opening: Iterable<readonly [account: string, amount: number]>,
  movements: Iterable<readonly [account: string, delta: number]>,
  found: Iterable<readonly [account: string, amount: number]>
): ReadonlyArray<{ readonly account: string; readonly found: number; readonly expected: number }> => {
  const expected = new Map(opening)
  for (const [account, delta] of movements) expected.set(account, (expected.get(account) ?? 0) + delta)
  return Array.from(found)
    .map(([account, amount]) => ({ account, found: amount, expected: expected.get(account) ?? 0 }))
    .filter((each) => each.found !== each.expected)
}
