/** When all is quiet: memory is what the disk says, nothing is held, and no more is kept than may be. */
import { Equal } from "effect"
import { partitionOf } from "../../../src/actors/Placement.ts"
import type { KindName } from "../../../src/domain/Actors.ts"
import type { PartitionId } from "../../../src/domain/Ids.ts"
import { pieces, won } from "../../../src/domain/Money.ts"
import type { Wallet } from "../../../src/domain/Wallet.ts"
import * as Describe from "../Describe.ts"
import type { History, Resident, State, Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

/** An actor as it would be if nothing were held, but for what is on disk. */
const free = (state: State, disk: State | undefined): State => {
  if ("balance" in state) {
    const purchases = disk !== undefined && "purchases" in disk ? disk.purchases : 0
    return { ...state, held: won(0), incoming: won(0), purchases, coupons: freeCoupons(state), closing: false }
  }
  if ("order" in state) return { ...state, pending: undefined }
  const reserved = disk !== undefined && "reserved" in disk ? disk.reserved : pieces(0)
  return "couponId" in state ? { ...state, held: 0, pending: undefined } : { ...state, reserved, pending: undefined }
}

const freeCoupons = ({ coupons }: Wallet): Wallet["coupons"] =>
  coupons.flatMap((coupon) => (coupon.pending === "issue" ? [] : [{ ...coupon, pending: undefined }]))

/** In which order a user's coupons are is nobody's business. */
const inOrder = (state: State | undefined): State | undefined =>
  state !== undefined && "balance" in state
    ? { ...state, coupons: state.coupons.toSorted((a, b) => (a.userCouponId < b.userCouponId ? -1 : 1)) }
    : state

export const equalsDisk = (evidence: Evidence) =>
  disagreements(evidence, "I-12 memory equals disk", ({ memory, disk }) =>
    Equal.equals(inOrder(free(memory, disk)), inOrder(disk))
  )

export const nothingHeld = (evidence: Evidence) =>
  disagreements(evidence, "I-09 no hold is left behind", ({ memory, disk }) => Equal.equals(free(memory, disk), memory))

const disagreements = (
  { history }: Evidence,
  invariant: string,
  agrees: (resident: Resident) => boolean
): ReadonlyArray<Violation> =>
  history.ending !== "finished"
    ? []
    : history.memory.actors
        .filter((resident) => !agrees(resident))
        .map(({ node, id, memory, disk }) => ({
          invariant,
          message: `${history.names.of(id)} is ${JSON.stringify(memory)} at ${node}, on disk ${JSON.stringify(disk)}`,
          about: [id],
          seq: history.trace.events.length
        }))

/** When nobody has heard how a step ended, its holds stay until its deadline, and the next sweep after that. */
const sweepsWithinMs = 2000

const kindOf: { readonly [prefix: string]: KindName } = { usr: "wallet", prd: "product", cpn: "coupon" }

/**
 * The most actors of a partition that were asked at once since the world was mended. Whatever is asked stays, whether or
 * not there is room; and since then every actor was asked, which made room again.
 */
const askedAtOnce = ({ requests, options, trace }: History, partition: PartitionId): number => {
  const isThere = (id: string) => {
    const kind = kindOf[id.slice(0, 3)]
    // Of which kind a user's coupon is, the request does not say.
    return kind === undefined || partitionOf(kind, id, options.partitions) === partition
  }
  const time = (seq: number | undefined) => trace.events[(seq ?? Infinity) - 1]?.at ?? Infinity
  const mendedAt = trace.events.find(({ what }) => what.startsWith("mended"))?.at ?? 0
  const moments = requests.flatMap(({ operation, attempts }) => {
    const actors = Describe.actorsOf(operation).filter(isThere)
    return attempts.flatMap(({ invoked, returned, outcome }) => {
      // Until it is mended, a release may get lost between two nodes, and no asker hears of that.
      const isCertain = options.cluster === undefined || time(invoked) >= mendedAt
      const lingers = isCertain && outcome?._tag !== "Unknown" ? 0 : options.requestTimeoutMs + sweepsWithinMs
      const endsAt = time(returned) + lingers
      if (endsAt < mendedAt) return []
      return [
        { at: time(invoked), change: 1, actors },
        { at: endsAt, change: -1, actors }
      ]
    })
  })
  const asked = new Map<string, number>()
  let most = 0
  for (const { change, actors } of moments.toSorted((a, b) => a.at - b.at || b.change - a.change)) {
    for (const actor of actors) {
      const times = (asked.get(actor) ?? 0) + change
      if (times > 0) asked.set(actor, times)
      else asked.delete(actor)
    }
    most = Math.max(most, asked.size)
  }
  return most
}

/** I-14. Once it is full, a partition makes room for each actor that comes, or looks at so many in vain. */
const lookedAt = 8

export const bounded = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { residentActors, partitions, orders = false } = history.options
  // Of what orders do by themselves, and what they move, no request says whom it asked.
  if (orders) return []
  const capacity = Math.ceil(residentActors / partitions)
  const full = history.memory.partitions.filter(({ resident }) => resident > capacity + lookedAt)
  return full.flatMap(({ node, id, resident }) => {
    const asked = askedAtOnce(history, id)
    if (resident <= capacity + lookedAt + asked) return []
    const message = `${node} keeps ${resident} actors of a partition with room for ${capacity}; ${asked} were asked at once`
    return [{ invariant: "I-14 residency is bounded", message, about: [], seq: history.trace.events.length }]
  })
}
