/** What a cluster owes: each partition is decided for by one node, soon after the faults, and the work is shared. */
import type { History, Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

/** A frozen node's lease has to end, and then somebody who may have just started has to notice. */
const servedWithin = (ttlMs: number) => 2 * ttlMs + 3000

const violation = ({ trace }: History, invariant: string, message: string): Violation => ({
  invariant,
  message,
  about: [],
  seq: trace.events.length
})

export const served = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { cluster, options } = history
  if (cluster === undefined || options.cluster === undefined) return []
  const { servedAfterMs = Infinity } = cluster
  const most = servedWithin(options.cluster.ttlMs)
  if (servedAfterMs <= most) return []
  const message = `it took ${Math.round(servedAfterMs)} ms, and may take ${most}`
  return [violation(history, "every partition is served again once a majority is mended", message)]
}

export const one = ({ history }: Evidence): ReadonlyArray<Violation> =>
  (history.cluster?.owners ?? []).flatMap((owners, partition) =>
    owners.length === 1
      ? []
      : [
          violation(
            history,
            "I-07 a partition has one owner when all is quiet",
            `partition ${partition} has ${owners.join(", ") || "none"}`
          )
        ]
  )

export const shared = ({ history }: Evidence): ReadonlyArray<Violation> => {
  if (history.cluster === undefined) return []
  const shares = new Map(history.cluster.takers.map((node) => [node, 0]))
  for (const [owner] of history.cluster.owners) {
    if (owner !== undefined) shares.set(owner, (shares.get(owner) ?? 0) + 1)
  }
  const counts = [...shares.values()]
  if (Math.max(...counts) - Math.min(...counts) <= 1) return []
  const told = Array.from(shares, ([node, share]) => `${node} ${share}`).join(", ")
  return [violation(history, "partitions are shared evenly when all is quiet", told)]
}
