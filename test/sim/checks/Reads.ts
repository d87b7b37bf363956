/** I-08: a read shows what was committed before it was asked for, and nothing that never was. */
import { Option, Schema } from "effect"
import type { CouponId, ProductId, UserId } from "../../../src/domain/Ids.ts"
import { uuidOf } from "../../../src/domain/Ids.ts"
import type { Attempt, Commit, Request, Violation } from "../History.ts"
import { type Options, storeKeeps } from "../Options.ts"
import type { Process } from "../Simulation.ts"
import { answeredAt, type Evidence, learnedAt } from "./Evidence.ts"

const decodeWallet = Schema.decodeUnknownOption(Schema.Struct({ balance: Schema.Int }))
/** HTTP tells what is available instead of what is on hand. */
const decodeProduct = Schema.decodeUnknownOption(
  Schema.Struct({
    version: Schema.Int,
    onHand: Schema.optionalKey(Schema.Int),
    stock: Schema.optionalKey(Schema.Int)
  })
)
/** And has another name for how many were issued. */
const decodeCoupon = Schema.decodeUnknownOption(
  Schema.Struct({
    version: Schema.Int,
    issued: Schema.optionalKey(Schema.Int),
    issuedQuantity: Schema.optionalKey(Schema.Int)
  })
)

type Id = ProductId | UserId | CouponId

interface Read {
  readonly attempt: Attempt
  readonly id: Id
  readonly value: number
  /** What is held may be missing. */
  readonly atMost?: boolean
}

const readsOf = ({ history }: Evidence, what: "amount" | "version"): ReadonlyArray<Read> =>
  history.requests.flatMap(({ operation, attempts }) =>
    attempts.flatMap((attempt): ReadonlyArray<Read> => {
      if (attempt.outcome?._tag !== "Ok") return []
      const { answer } = attempt.outcome
      if (operation._tag === "ReadWallet" && what === "amount") {
        return Option.toArray(decodeWallet(answer)).map(({ balance }) => ({
          attempt,
          id: operation.user,
          value: balance
        }))
      }
      if (operation._tag === "ReadCoupon")
        return Option.toArray(decodeCoupon(answer)).map(({ issued, issuedQuantity = 0, version }) => ({
          attempt,
          id: operation.coupon,
          value: what === "amount" ? (issued ?? issuedQuantity) : version
        }))
      if (operation._tag !== "ReadProduct") return []
      return Option.toArray(decodeProduct(answer)).map(({ onHand, stock = 0, version }) => ({
        attempt,
        id: operation.product,
        value: what === "amount" ? (onHand ?? stock) : version,
        atMost: onHand === undefined
      }))
    })
  )

/** How much a read may miss. A node may believe for so long that it owns what another one has claimed. */
const staleMostMs = 2000

/** Whether no two nodes ever believe they own the same actor. */
const isOne = (options: Options) => options.nodes === 1 || (options.cluster !== undefined && storeKeeps(options))

/** An actor never gets older: wherever it is read, if it has one owner, and else at one process, or after a while. */
export const monotone = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { options } = evidence.history
  const time = timeIn(evidence)
  const precedes = (one: Attempt, other: Attempt): boolean => {
    const { returned = Infinity } = one
    if (isOne(options)) return returned < other.invoked
    if (options.cluster === undefined) return one.process === other.process && returned < other.invoked
    return time(returned) < time(other.invoked) - staleMostMs
  }
  const reads = readsOf(evidence, "version")
  return Array.from(Map.groupBy(reads, ({ id }) => id).values(), (ofOne) =>
    ofOne.flatMap(({ id, value, attempt }) => {
      const before = ofOne.flatMap((other) => (precedes(other.attempt, attempt) ? [other.value] : []))
      const newest = Math.max(0, ...before)
      if (value >= newest) return []
      const message = `${evidence.history.names.of(id)} was read at version ${value} after ${newest}`
      return [{ invariant: "I-08 reads do not go back", message, about: [id], seq: attempt.returned ?? 0 }]
    })
  ).flat()
}

const editOf = ({ operation }: Request): { readonly id: Id; readonly version: number } | undefined => {
  switch (operation._tag) {
    case "Edit":
    case "Adjust":
      return { id: operation.product, version: operation.version + 1 }
    case "EditCoupon":
      return { id: operation.coupon, version: operation.version + 1 }
    default:
      return undefined
  }
}

/** An edit that somebody was told of is seen. */
export const edited = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  const time = timeIn(evidence)
  const edits = history.requests.flatMap((request) => {
    const edit = editOf(request)
    const answered = answeredAt(request)
    return edit === undefined || answered === Infinity ? [] : [{ ...edit, answered }]
  })
  const editsOf = Map.groupBy(edits, ({ id }) => id)
  return readsOf(evidence, "version").flatMap(({ id, value, attempt: { invoked, returned = 0 } }) => {
    const mustSee = ({ answered }: { readonly answered: number }) =>
      isOne(history.options) ? answered < invoked : time(answered) < time(invoked) - staleMostMs
    const newest = Math.max(0, ...(editsOf.get(id) ?? []).filter(mustSee).map(({ version }) => version))
    if (value >= newest) return []
    const message = `${history.names.of(id)} was read at version ${value}, and had been made ${newest}`
    return [{ invariant: "I-08 a read is up to date", message, about: [id], seq: returned }]
  })
}

const timeIn =
  ({ history }: Evidence) =>
  (seq: number): number =>
    history.trace.events[seq - 1]?.at ?? Infinity

interface Movement {
  readonly id: Id
  readonly commit: Commit
  readonly delta: number
  /** The process that made it. */
  readonly process: Process | undefined
  /** When that process knew. */
  readonly heard: number
  /** When who asked for it knew. */
  readonly answered: number
}

/** With more movements that a read may or may not have seen, any value could be right. */
const openMost = 12

/**
 * A read sees all that anybody was told of before it was asked for; and of the rest, what was committed before it
 * returned. Where two nodes may believe they own an actor, a read may miss what another one did, but not for long.
 */
export const current = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  const { options } = history
  const movements = movementsOf(evidence)
  const time = timeIn(evidence)
  return readsOf(evidence, "amount").flatMap(
    ({ id, value, atMost = false, attempt: { invoked, returned = 0, process } }) => {
      const opening = history.opening.balances.get(uuidOf(id)) ?? history.opening.products.get(uuidOf(id))?.stock ?? 0
      const longAgo = (seq: number) => time(seq) < time(invoked) - staleMostMs
      const mustSee = ({ commit, heard, answered, ...movement }: Movement): boolean => {
        if (options.nodes === 1) return Math.min(heard, answered) < invoked
        if (options.cluster !== undefined) return isOne(options) ? answered < invoked : longAgo(answered)
        return movement.process === process ? heard < invoked : longAgo(commit.seq)
      }
      const all = (movements.get(id) ?? []).filter(({ commit }) => commit.seq < returned)
      const open = all.filter((movement) => !mustSee(movement)).map(({ delta }) => delta)
      const least = all.filter(mustSee).reduce((sum, { delta }) => sum + delta, opening)
      if (open.length > openMost) return []
      const reached = sums(open)
      if (atMost ? value - least <= Math.max(...reached) : reached.has(value - least)) return []
      const message = `${history.names.of(id)} was read as ${value}: right was ${least}, with any of ${open.join(", ") || 0}`
      return [{ invariant: "I-08 a read is up to date", message, about: [id], seq: returned }]
    }
  )
}

const sums = (deltas: ReadonlyArray<number>): ReadonlySet<number> => {
  let reached = new Set([0])
  for (const delta of deltas) reached = new Set([...reached, ...Array.from(reached, (sum) => sum + delta)])
  return reached
}

const movementsOf = (evidence: Evidence): ReadonlyMap<Id, ReadonlyArray<Movement>> => {
  const { history } = evidence
  const movements = history.commits.flatMap((commit) => {
    const request = evidence.requestOf(commit)
    const { process, verdicts: [verdict] = [] } = history.submissions.get(commit.transaction.id) ?? {}
    const heard = verdict?.seq ?? Infinity
    const answered = request === undefined ? Infinity : learnedAt(request, commit)
    return commit.transaction.changes.flatMap((change): ReadonlyArray<Movement> => {
      if (change._tag === "MoneyMoved")
        return [{ id: change.userId, commit, delta: change.delta, process, heard, answered }]
      if (change._tag === "StockMoved")
        return [{ id: change.productId, commit, delta: change.delta, process, heard, answered }]
      if (change._tag === "CouponIssued") return [{ id: change.couponId, commit, delta: 1, process, heard, answered }]
      return []
    })
  })
  return Map.groupBy(movements, ({ id }) => id)
}

/** Who asks for something that is there is not told that it does not exist. */
export const found = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const leaving = new Set(
    history.requests.flatMap(({ operation }) => (operation._tag === "Withdraw" ? [operation.user] : []))
  )
  const since = new Map<string, number>([
    ...Array.from(history.opening.products.keys(), (id) => [id, 0] as const),
    ...Array.from(history.opening.coupons.keys(), (id) => [id, 0] as const),
    ...Array.from(history.opening.balances.keys()).flatMap((id) => [[id, 0] as const]),
    ...history.commits.flatMap(({ transaction, seq }) =>
      transaction.changes.flatMap((change) =>
        change._tag === "ProductCreated" ? [[uuidOf(change.product.productId), seq] as const] : []
      )
    )
  ])
  for (const user of leaving) since.delete(uuidOf(user))
  return history.requests.flatMap(({ number, attempts }) =>
    attempts.flatMap(({ invoked, returned = 0, outcome }) => {
      const id = outcome?._tag === "Refused" ? missing(outcome.error) : undefined
      if (id === undefined || !((since.get(id) ?? Infinity) < invoked)) return []
      const message = `${history.names.of(id)} exists, and request ${number} was told that it does not`
      return [{ invariant: "I-08 what exists is found", message, about: [id, `request ${number}`], seq: returned }]
    })
  )
}

const decodeMissing = Schema.decodeUnknownOption(
  Schema.Union([
    Schema.Struct({ _tag: Schema.Literal("ProductNotFound"), productId: Schema.String }),
    Schema.Struct({ _tag: Schema.Literal("CouponNotFound"), couponId: Schema.String }),
    Schema.Struct({ _tag: Schema.Literal("UserNotFound"), userId: Schema.String })
  ])
)

const missing = (error: unknown): string | undefined =>
  Option.getOrUndefined(
    Option.map(decodeMissing(error), (each) => {
      switch (each._tag) {
        case "ProductNotFound":
          return each.productId.slice(4)
        case "CouponNotFound":
          return each.couponId.slice(4)
        case "UserNotFound":
          return each.userId.slice(4)
      }
    })
  )
