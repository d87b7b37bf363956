/** I-07: no stale owner commits. */
import { descents, repeated } from "../Checkers.ts"
import type { Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

export const monotone = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const commits = history.commits.flatMap(({ transaction: { key, fences }, seq }) =>
    fences.map(({ partition, epoch }) => ({ partition, epoch, key, seq }))
  )
  return Array.from(
    Map.groupBy(commits, ({ partition }) => partition),
    ([partition, sequence]) =>
      descents(sequence, ({ epoch }) => epoch).map(([{ epoch, key, seq }, before]) => ({
        invariant: "I-07 no stale owner commits",
        message: `partition ${partition}: a commit of epoch ${epoch} after one of ${before}`,
        about: [key, `partition ${partition}`],
        seq
      }))
  ).flat()
}

export const rising = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const minted = history.claims.map(({ partition, epoch }) => `partition ${partition} at epoch ${epoch}`)
  return repeated(minted).map((claim) => ({
    invariant: "I-07 every claim raises the epoch",
    message: `${claim} was claimed more than once`,
    about: claim.split(" at ").slice(0, 1),
    seq: history.claims[minted.lastIndexOf(claim)]?.seq ?? 0
  }))
}
