/** I-02, I-03, and what a coupon takes off: counted and computed again, from what was committed. */
import { Option, Schema } from "effect"
import { type CouponId, couponId, UserCouponId, uuidOf } from "../../../src/domain/Ids.ts"
import type { Order } from "../../../src/domain/Order.ts"
import type { Change } from "../../../src/domain/Transaction.ts"
import type { CouponRecord } from "../../../src/persistence/MemoryTables.ts"
import { repeated } from "../Checkers.ts"
import type { Commit, History, Request, Violation } from "../History.ts"
import { answeredAt, askedAt, type Evidence } from "./Evidence.ts"

type Issue = Extract<Change, { readonly _tag: "CouponIssued" }>

const issuesOf = ({ commits }: History): ReadonlyArray<{ readonly commit: Commit; readonly issue: Issue }> =>
  commits.flatMap((commit) =>
    commit.transaction.changes.flatMap((issue) => (issue._tag === "CouponIssued" ? [{ commit, issue }] : []))
  )

/** Orders with a coupon. */
const usesOf = ({ commits }: History): ReadonlyArray<{ readonly commit: Commit; readonly order: Order }> =>
  commits.flatMap((commit) =>
    commit.transaction.changes.flatMap((change) =>
      change._tag === "OrderPlaced" && change.order.userCouponId !== undefined ? [{ commit, order: change.order }] : []
    )
  )

export const quota = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const issues = Map.groupBy(issuesOf(history), ({ issue }) => uuidOf(issue.couponId))
  return Array.from(history.tables.coupons, ([id, { totalQuantity, issued }]) => {
    const found = issues.get(id) ?? []
    if (found.length <= totalQuantity && found.length === issued) return []
    const message = `${history.names.of(id)}: ${found.length} were issued of ${totalQuantity}, counted as ${issued}`
    const seq = found.at(-1)?.commit.seq ?? 0
    return [{ invariant: "I-02 no more coupons are issued than there are", message, about: [couponId(id)], seq }]
  }).flat()
}

/** From 1, in the order of the commits. */
export const ranks = ({ history }: Evidence): ReadonlyArray<Violation> =>
  Array.from(
    Map.groupBy(issuesOf(history), ({ issue }) => issue.couponId),
    ([coupon, issues]) =>
      issues.flatMap(({ commit: { transaction, seq }, issue }, n) => {
        const { rank } = history.tables.userCoupons.get(uuidOf(issue.userCouponId)) ?? {}
        if (rank === n + 1) return []
        const message = `issue ${n + 1} of ${history.names.of(coupon)} has rank ${rank ?? "none"}`
        return [{ invariant: "I-02 ranks have no gaps", message, about: [coupon, transaction.key], seq }]
      })
  ).flat()

/** Of what one user may have of a coupon, each is had once. */
export const slots = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { names, tables } = history
  const issues = issuesOf(history)
  const named = issues.map(({ issue: { userId, couponId: coupon, slot } }) => `${userId} ${coupon} ${slot}`)
  const twice = new Set(repeated(named))
  return issues.flatMap(({ commit: { seq }, issue: { userId, couponId: coupon, slot } }, n) => {
    const most = tables.coupons.get(uuidOf(coupon))?.perUserLimit ?? 0
    if (slot >= 1 && slot <= most && !twice.has(named[n] ?? "")) return []
    const message = `${names.of(userId)} has ${names.of(coupon)} as number ${slot} of ${most}, or once too often`
    return [{ invariant: "I-03 a slot is taken once", message, about: [userId, coupon], seq }]
  })
}

const decodeIssued = Schema.decodeUnknownOption(Schema.Struct({ userCouponId: UserCouponId, rank: Schema.Int }))

/** Whoever is told a rank has it. */
export const answers = ({ history }: Evidence): ReadonlyArray<Violation> =>
  history.requests.flatMap(({ operation, number, attempts }) => {
    if (operation._tag !== "Issue") return []
    return attempts.flatMap(({ outcome, returned: seq = 0 }) => {
      if (outcome?._tag !== "Ok") return []
      const told = Option.getOrUndefined(decodeIssued(outcome.answer))
      const kept = told === undefined ? undefined : history.tables.userCoupons.get(uuidOf(told.userCouponId))
      if (told !== undefined && kept?.rank === told.rank && kept.user === uuidOf(operation.user)) return []
      const message = `request ${number} was told rank ${told?.rank ?? "none"}, and has ${kept?.rank ?? "none"}`
      return [{ invariant: "I-06 a rank that was told stays", message, about: [`request ${number}`], seq }]
    })
  })

/** "Exhausted" is final, and said when it is certain: every one of them has been issued by then. */
export const exhausted = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const issues = Map.groupBy(issuesOf(history), ({ issue }) => issue.couponId)
  return history.requests.flatMap(({ operation, number, attempts }) => {
    if (operation._tag !== "Issue") return []
    const { coupon } = operation
    const { totalQuantity = 0 } = history.tables.coupons.get(uuidOf(coupon)) ?? {}
    return attempts.flatMap(({ outcome, returned: seq = 0 }) => {
      if (outcome?._tag !== "Refused" || outcome.reason !== "CouponExhausted") return []
      const issued = (issues.get(coupon) ?? []).filter(({ commit }) => commit.seq < seq).length
      if (issued >= totalQuantity) return []
      const message = `request ${number} was told that ${history.names.of(coupon)} is exhausted after ${issued} of ${totalQuantity}`
      return [{ invariant: "I-02 what is exhausted stays so", message, about: [coupon, `request ${number}`], seq }]
    })
  })
}

/** What an order should get off, and which of its lines. */
const expected = ({ discount, productIds }: CouponRecord, { lines }: Order) => {
  const weights = lines.map(({ productId, unitPrice, quantity }) =>
    productIds.length === 0 || productIds.includes(productId) ? unitPrice * quantity : 0
  )
  const whole = weights.reduce((sum, weight) => sum + weight, 0)
  const amount =
    discount._tag === "FIXED"
      ? Math.min(discount.amount, whole)
      : Math.min(Number((BigInt(whole) * BigInt(discount.share)) / 10_000n), discount.most ?? whole)
  return { weights, whole, amount }
}

/** To the won: rounded down as a whole, divided in proportion, and nothing lost on the way. */
export const discounts = ({ history }: Evidence): ReadonlyArray<Violation> =>
  usesOf(history).flatMap(({ commit: { transaction, seq }, order }) => {
    const { coupon: id = "" } = history.tables.userCoupons.get(order.userCouponId?.slice(4) ?? "") ?? {}
    const coupon = history.tables.coupons.get(id)
    if (coupon === undefined) return []
    const { weights, whole, amount } = expected(coupon, order)
    const isDivided = order.lines.every(
      ({ discount }, n) =>
        Number.isInteger(discount) &&
        Math.abs(discount * whole - amount * (weights[n] ?? NaN)) <= (whole > 0 ? whole - 1 : 0)
    )
    const divided = order.lines.reduce((sum, { discount }) => sum + discount, 0)
    if (isDivided && order.discountAmount === amount && divided === amount) return []
    const told = order.lines.map(({ discount }) => discount).join(" + ")
    const message = `${history.names.of(id)} takes off ${order.discountAmount}, as ${told}; right is ${amount}`
    return [{ invariant: "a discount is divided to the won", message, about: [order.userId, transaction.key], seq }]
  })

/** How a coupon was to be treated, from the commit that said so to the answer of the edit that said otherwise. */
interface Era {
  readonly isOpen: boolean
  readonly from: number
  until: number
}

interface Biography {
  version: number
  readonly eras: Array<Era>
  readonly violations: Array<Violation>
}

const biographyOf = ({ commits, requests, names }: History, coupon: CouponId, isOpen: boolean): Biography => {
  const biography: Biography = { version: 1, eras: [{ isOpen, from: 0, until: Infinity }], violations: [] }
  for (const { transaction, seq } of commits) {
    for (const change of transaction.changes) {
      if (change._tag !== "CouponEdited" || change.couponId !== coupon) continue
      const { version } = biography
      const asked = requests.filter(
        ({ operation }) =>
          operation._tag === "EditCoupon" &&
          operation.coupon === coupon &&
          operation.version === version &&
          operation.condition === change.edit.condition
      )
      const answered = asked.filter((request) => answeredAt(request) < Infinity)
      if (asked.length === 0 || answered.length > 1) {
        const message = `version ${version} of ${names.of(coupon)} was edited, and ${answered.length} were told so`
        biography.violations.push({ invariant: "I-08 an edit is of the version it saw", message, about: [coupon], seq })
      }
      biography.version++
      const last = biography.eras.at(-1)
      if (last !== undefined) last.until = Math.min(...asked.map(answeredAt))
      biography.eras.push({ isOpen: change.edit.condition === "OPEN", from: seq, until: Infinity })
    }
  }
  return biography
}

/** Nothing is had of a coupon, and nothing gets cheaper by it, that was suspended before it was asked for. */
export const conditions = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  return Array.from(history.opening.coupons).flatMap(([id, { isOpen: isOpenAtFirst }]) => {
    const coupon = couponId(id)
    const { eras, violations } = biographyOf(history, coupon, isOpenAtFirst)
    const legal = ({ seq }: Commit, request: Request) =>
      eras.some(({ isOpen, from, until }) => isOpen && from < seq && until > askedAt(request))
    const touched = [
      ...issuesOf(history).flatMap(({ commit, issue }) => (issue.couponId === coupon ? [commit] : [])),
      ...usesOf(history).flatMap(({ commit, order }) =>
        history.tables.userCoupons.get(order.userCouponId?.slice(4) ?? "")?.coupon === id ? [commit] : []
      )
    ]
    const outdated = touched.flatMap((commit): ReadonlyArray<Violation> => {
      const request = evidence.requestOf(commit)
      if (request === undefined || legal(commit, request)) return []
      const message = `${history.names.of(coupon)} had been suspended`
      const about = [coupon, commit.transaction.key]
      return [{ invariant: "I-08 an answered edit is seen", message, about, seq: commit.seq }]
    })
    return [...violations, ...outdated]
  })
}
