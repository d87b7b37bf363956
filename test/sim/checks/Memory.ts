/** When all is quiet: memory is what the disk says, nothing is held, and no more is kept than may be. */
import { Equal } from "effect"
import { pieces, won } from "../../../src/domain/Money.ts"
import type { Wallet } from "../../../src/domain/Wallet.ts"
import type { Resident, State, Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

/** An actor as it would be if nothing were held. */
const free = (state: State): State => {
  if ("balance" in state)
    return { ...state, held: won(0), incoming: won(0), purchases: 0, coupons: freeCoupons(state), closing: false }
  return "couponId" in state
    ? { ...state, held: 0, pending: undefined }
    : { ...state, reserved: pieces(0), pending: undefined }
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
    Equal.equals(inOrder(free(memory)), inOrder(disk))
  )

export const nothingHeld = (evidence: Evidence) =>
  disagreements(evidence, "I-09 no hold is left behind", ({ memory }) => Equal.equals(free(memory), memory))

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

/** I-14. What is asked at the same moment may be more than there is room for: of some clients an order of several. */
const together = (clients: number) => Math.max(16, clients + 8)

export const bounded = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { residentActors, partitions, clients } = history.options
  const capacity = Math.ceil(residentActors / partitions)
  return history.memory.partitions
    .filter(({ resident }) => resident > capacity + together(clients))
    .map(({ node, resident }) => ({
      invariant: "I-14 residency is bounded",
      message: `${node} keeps ${resident} actors of a partition that has room for ${capacity}`,
      about: [],
      seq: history.trace.events.length
    }))
}
