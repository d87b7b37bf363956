/**
 * Orders that are paid later: what each of them has become is told by its history, and everything else (stock, money,
 * coupons, gateways) is as the order says it is. Computed from the orders alone, never by the engine's own movements.
 */
import { Option, Schema } from "effect"
import { orderId, productId, type UserCouponId, uuidOf } from "../../../src/domain/Ids.ts"
import { type Order, type OrderStatus, payable, PaymentStatus } from "../../../src/domain/Order.ts"
import { dueAt } from "../../../src/domain/OrderLife.ts"
import { house } from "../../../src/persistence/Rows.ts"
import { repeated } from "../Checkers.ts"
import type { Commit, History, Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

interface Step {
  readonly commit: Commit
  readonly before: Order | undefined
  readonly after: Order
}

const stepsOf = ({ commits }: History): ReadonlyArray<Step> =>
  commits.flatMap((commit) =>
    commit.transaction.changes.flatMap((change): ReadonlyArray<Step> => {
      if (change._tag === "OrderPlaced") return [{ commit, before: undefined, after: change.order }]
      return change._tag === "OrderChanged" ? [{ commit, before: change.before, after: change.after }] : []
    })
  )

const end = ({ trace }: History) => trace.events.length

const sum = <A>(all: ReadonlyArray<A>, of: (each: A) => number) => all.reduce((total, each) => total + of(each), 0)

const mayFollow: Record<OrderStatus, ReadonlyArray<OrderStatus>> = {
  CREATED: ["CONFIRMED", "CANCELLED"],
  CONFIRMED: ["PREPARING", "CANCELLED"],
  PREPARING: ["SHIPPED", "CANCELLED"],
  SHIPPED: ["DELIVERED"],
  DELIVERED: ["COMPLETED"],
  COMPLETED: [],
  CANCELLED: []
}

/** One version after the other, and from each status only where it can lead. */
export const life = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const known = new Map<string, Order>()
  return stepsOf(history).flatMap(({ commit: { seq }, before, after }) => {
    const was = known.get(after.orderId)
    known.set(after.orderId, after)
    const isNext =
      before === undefined
        ? was === undefined
        : was?.version === before.version && after.version === before.version + 1 && was.status === before.status
    const [last] = after.history.slice(-1)
    const goes =
      before === undefined || before.status === after.status || mayFollow[before.status].includes(after.status)
    if (isNext && goes && last?.status === after.status) return []
    const message = `${history.names.of(after.orderId)} was ${was?.status} ${was?.version}, is ${after.status} ${after.version} after ${before?.status} ${before?.version}`
    return [{ invariant: "an order has one life", message, about: [after.orderId], seq }]
  })
}

/** Why an order ended as it did is somewhere in the history: somebody asked, a gateway declined, or it was time. */
export const reasons = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { requests, names, declined } = history
  const asked =
    (order: string, ...tags: ReadonlyArray<string>) =>
    (seq: number) =>
      requests.some(
        ({ operation, attempts }) =>
          tags.includes(operation._tag) &&
          "order" in operation &&
          operation.order === order &&
          attempts.some(({ invoked }) => invoked < seq)
      )
  return stepsOf(history).flatMap(({ commit: { seq }, before, after }) => {
    if (before === undefined || before.status === after.status) return []
    const { orderId: id, cancelReason, paymentDeadline = 0 } = after
    const at = after.history.at(-1)?.at ?? 0
    const isExplained = () => {
      switch (after.status) {
        case "CREATED":
          return false
        case "CONFIRMED":
          return asked(id, "Pay", "Confirm")(seq)
        case "PREPARING":
        case "SHIPPED":
        case "DELIVERED":
          return asked(id, "Progress")(seq)
        case "COMPLETED":
          return dueAt(before) !== undefined && at >= (dueAt(before) ?? 0)
        case "CANCELLED":
          switch (cancelReason) {
            case "BUYER":
              return asked(id, "Cancel")(seq)
            case "INSUFFICIENT_BALANCE":
              return before.status === "CREATED" && asked(id, "Pay")(seq)
            case "PAYMENT_FAILED":
              return before.status === "CREATED" && declined.has(id)
            case "PAYMENT_TIMEOUT":
              return before.status === "CREATED" && at >= paymentDeadline
            default:
              return false
          }
      }
    }
    if (isExplained()) return []
    const message = `nothing explains that ${names.of(id)} is ${after.status}, ${cancelReason ?? "for no reason"}`
    return [{ invariant: "an order's end has a reason", message, about: [id], seq }]
  })
}

/** A payment that was asked of a gateway is over when it is known that it came to nothing, and no sooner. */
export const overs = ({ history }: Evidence): ReadonlyArray<Violation> =>
  stepsOf(history).flatMap(({ commit: { seq }, before, after }) => {
    const { orderId: id, paymentDeadline = 0 } = after
    const given = before?.payments.some(
      ({ paymentId, status }) =>
        status === "GATEWAY_REQUESTED" &&
        after.payments.some((payment) => payment.paymentId === paymentId && payment.status === "FAILED")
    )
    // Nothing else of an order that waits says when it happened.
    const isLate = after.cancelReason === "PAYMENT_TIMEOUT" && (after.history.at(-1)?.at ?? 0) >= paymentDeadline
    if (given !== true || isLate || history.declined.has(id) || history.unavailable.has(id)) return []
    const message = `nothing explains that a payment of ${history.names.of(id)} came to nothing`
    return [{ invariant: "an order's end has a reason", message, about: [id], seq }]
  })

/** When all is quiet nothing is due by itself any more, and no payment is under way. */
export const settled = ({ history }: Evidence): ReadonlyArray<Violation> =>
  history.ending !== "finished" || history.options.orders !== true
    ? []
    : Array.from(history.tables.orders.values()).flatMap((order) => {
        const open = order.payments.filter(({ status }) => status !== "COMPLETED" && status !== "FAILED")
        if (order.status !== "CREATED" && open.length === 0 && dueAt(order) === undefined) return []
        const message = `${history.names.of(order.orderId)} is ${order.status}, with ${open.length} payments under way`
        return [{ invariant: "what an order waits for comes", message, about: [order.orderId], seq: end(history) }]
      })

/** What a gateway has taken for an order is what the order says it has, unless it is on its way back. */
export const gateways = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { charges, tables, names } = history
  const invariant = "a gateway has what its orders say"
  const ofOrder = Map.groupBy(
    charges.filter(({ status }) => status === "APPROVED"),
    ({ orderId: id }) => id
  )
  const violation = (id: string, message: string): Violation => ({
    invariant,
    message: `${names.of(id)}: ${message}`,
    about: [id],
    seq: end(history)
  })
  const orders = Array.from(tables.orders.values())
  const strangers = [...ofOrder.keys()].filter((id) => !orders.some((order) => order.orderId === id))
  return [
    ...strangers.map((id) => violation(id, "a gateway was paid for an order that there is not")),
    ...orders.flatMap((order) => {
      const id = order.orderId
      const taken = ofOrder.get(id) ?? []
      if (taken.length > 1) return [violation(id, `charged ${taken.length} times`)]
      const amount = sum(taken, (charge) => charge.amount)
      const back = sum(taken, ({ refunds }) => sum(refunds, (refund) => refund.amount))
      const paid = order.payments.filter(({ method, status }) => method !== "WALLET" && status === "COMPLETED")
      const mayBeCharged = order.payments.some(({ status }) => status === "GATEWAY_REQUESTED")
      const expected = sum(paid, (payment) => payment.amount)
      if (amount !== expected && !mayBeCharged) return [violation(id, `charged ${amount}, paid ${expected}`)]
      const done = sum(paid, (payment) => payment.refunded)
      const inDoubt = sum(
        order.refunds.filter(({ status }) => status === "PROCESSING" || status === "MANUAL"),
        ({ viaGateway }) => viaGateway
      )
      return back >= done && back <= done + inDoubt
        ? []
        : [violation(id, `${back} was given back, and should be ${done}, or up to ${inDoubt} more`)]
    })
  ]
}

/** The part of a line's money that so many of its pieces are, in whole won. */
const worth = ({ amount, discount, quantity }: Order["lines"][number], count: number) =>
  Number((BigInt(amount - discount) * BigInt(count)) / BigInt(quantity))

const isOpenRefund = (status: string) => status === "REFUND_REQUESTED" || status === "FAILED"

/** What was paid, what came back, and which pieces: an order adds up by itself. */
export const sums = ({ history }: Evidence): ReadonlyArray<Violation> =>
  stepsOf(history).flatMap(({ commit: { seq }, before, after: order }) => {
    const due = payable(order)
    const live = order.payments.filter(({ status }) => status === "COMPLETED")
    const isPaid = order.paidAt !== undefined
    const back = sum(
      order.refunds.filter(({ status }) => !isOpenRefund(status)),
      ({ amount }) => amount
    )
    const off = isPaid ? sum(order.lines, (line) => worth(line, line.cancelled)) : 0
    const refunded = sum(live, (payment) => payment.refunded)
    const underWay = sum(
      order.refunds.filter(({ status }) => status === "PROCESSING" || status === "MANUAL"),
      ({ viaGateway }) => viaGateway
    )
    const wrong = [
      isPaid && sum(live, ({ amount }) => amount) !== due ? `paid ${sum(live, ({ amount }) => amount)} of ${due}` : [],
      !isPaid && live.length > 0 ? "a payment is complete, and the order is not paid" : [],
      back !== off ? `${back} goes back for pieces worth ${off}` : [],
      refunded + underWay !== back ? `${refunded} has gone back, ${underWay} is under way, of ${back}` : [],
      order.status === "CANCELLED" && order.lines.some(({ quantity, cancelled }) => quantity !== cancelled)
        ? "cancelled, but for some pieces"
        : [],
      before?.paidAt !== undefined && before.paidAt !== order.paidAt ? "paid twice" : []
    ].flat()
    return wrong.map((what) => ({
      invariant: "an order adds up",
      message: `${history.names.of(order.orderId)}: ${what}`,
      about: [order.orderId],
      seq
    }))
  })

const isDead = (payment: Order["payments"][number]) => payment.status === "FAILED" || payment.status === "INITIATED"

/** Money and pieces that were moved in an order's name are those it has. */
export const moved = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { tables, commits, names } = history
  const money = new Map<string, number>()
  const gateway = new Map<string, number>()
  const stock = new Map<string, number>()
  const add = (to: Map<string, number>, id: string, delta: number) => void to.set(id, (to.get(id) ?? 0) + delta)
  for (const { transaction } of commits) {
    for (const change of transaction.changes) {
      if (change._tag === "MoneyMoved" && change.orderId !== undefined) add(money, change.orderId, change.delta)
      if (change._tag === "GatewayMoved") add(gateway, change.orderId, change.delta)
      if (change._tag === "StockMoved" && change.orderId !== undefined)
        add(stock, `${change.orderId} ${change.productId}`, change.delta)
    }
  }
  return Array.from(tables.orders.values()).flatMap((order) => {
    const { orderId: id, payments, lines, paidAt } = order
    const wallet = payments.filter((payment) => payment.method === "WALLET" && !isDead(payment))
    const others = payments.filter(({ method, status }) => method !== "WALLET" && status === "COMPLETED")
    const left = ({ amount, refunded }: Order["payments"][number]) => amount - refunded
    const pieces = (line: Order["lines"][number]) => (paidAt === undefined ? 0 : line.quantity - line.cancelled)
    const wrong = [
      -(money.get(id) ?? 0) !== sum(wallet, left)
        ? `its buyer's wallet paid ${-(money.get(id) ?? 0)}, and it has ${sum(wallet, left)}`
        : [],
      (gateway.get(id) ?? 0) !== sum(others, left)
        ? `gateways paid ${gateway.get(id) ?? 0}, and it has ${sum(others, left)}`
        : [],
      lines.flatMap((line) => {
        const sold = -(stock.get(`${id} ${line.productId}`) ?? 0)
        return sold === pieces(line) ? [] : [`${sold} ${names.of(line.productId)} were sold, and are ${pieces(line)}`]
      })
    ].flat()
    return wrong.map((what) => ({
      invariant: "an order has what was moved for it",
      message: `${names.of(id)}: ${what}`,
      about: [id],
      seq: end(history)
    }))
  })
}

/** Pieces are reserved for orders that wait, and for no others. */
export const reserved = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { tables, names } = history
  const waiting = Array.from(tables.orders.values()).filter(({ status }) => status === "CREATED")
  return Array.from(tables.products, ([id, record]) => {
    const expected = sum(waiting, ({ lines }) =>
      sum(lines, (line) => (uuidOf(line.productId) === id ? line.quantity : 0))
    )
    if (expected === record.reserved) return []
    const message = `${record.reserved} of ${names.of(id)} are reserved, and ${expected} are waited for`
    return [{ invariant: "what is reserved is waited for", message, about: [productId(id)], seq: end(history) }]
  }).flat()
}

/** What came through gateways is on their account. */
export const ledger = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { tables } = history
  const onAccount = sum(tables.ledger, ({ asset, debit, credit, amount }) =>
    asset !== "KRW" ? 0 : debit === house.GATEWAYS ? amount : credit === house.GATEWAYS ? -amount : 0
  )
  const expected = sum([...tables.orders.values()], ({ payments }) =>
    sum(payments, ({ method, status, amount, refunded }) =>
      method !== "WALLET" && status === "COMPLETED" ? amount - refunded : 0
    )
  )
  if (onAccount === expected) return []
  const message = `gateways owe ${onAccount}, and orders were paid ${expected} through them`
  return [{ invariant: "I-04 a balance is the sum of its postings", message, about: [], seq: end(history) }]
}

/** An order has a coupon from when it was made until it is given up: nobody else has it meanwhile. */
export const coupons = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { tables, names } = history
  const invariant = "I-03 a coupon is used once, by whom it belongs to"
  const holders = new Map<UserCouponId, Order>()
  const stolen = stepsOf(history).flatMap(({ commit: { seq }, before, after }) => {
    const { userCouponId: coupon } = after
    // It may have gone on to another one since.
    if (coupon === undefined || (before?.status === "CANCELLED" && after.status === "CANCELLED")) return []
    const holder = holders.get(coupon)
    holders.set(coupon, after)
    if (holder === undefined || holder.orderId === after.orderId || holder.status === "CANCELLED") return []
    const message = `${names.of(coupon)} is of ${names.of(after.orderId)}, and was of ${names.of(holder.orderId)}`
    return [{ invariant, message, about: [coupon, after.orderId, holder.orderId], seq }]
  })
  const wrong = Array.from(holders).flatMap(([coupon, { status, paidAt, orderId: id, userId }]) => {
    const kept = tables.userCoupons.get(uuidOf(coupon))
    const given = paidAt === undefined ? "ISSUED" : "REFUNDED"
    const expected = status === "CREATED" ? "HELD" : status === "CANCELLED" ? given : "USED"
    const isOf = given === "ISSUED" && expected === given ? null : uuidOf(id)
    if (kept?.status === expected && kept.order === isOf && kept.user === uuidOf(userId)) return []
    const message = `${names.of(coupon)} of ${names.of(id)}, which is ${status}, is ${JSON.stringify(kept)}`
    return [{ invariant, message, about: [coupon, id], seq: end(history) }]
  })
  return [...stolen, ...wrong]
}

const decodePaid = Schema.decodeUnknownOption(Schema.Struct({ status: PaymentStatus, paidAmount: Schema.Int }))

/** Whoever was told what became of a payment was told the truth, and it stays. */
export const answers = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { requests, names, tables } = history
  const steps = Map.groupBy(stepsOf(history), ({ after }) => after.orderId)
  return requests.flatMap(({ operation, number, attempts }) => {
    if (operation._tag !== "Pay" && operation._tag !== "Confirm") return []
    const { order: id } = operation
    const known = steps.get(id) ?? []
    const paid = known.find(({ after }) => after.status === "CONFIRMED")?.commit.seq ?? Infinity
    const final = tables.orders.get(uuidOf(id))
    return attempts.flatMap(({ outcome, returned: seq = 0 }) => {
      const told = outcome?._tag === "Ok" ? Option.getOrUndefined(decodePaid(outcome.answer)) : undefined
      const reason = outcome?._tag === "Refused" ? outcome.reason : undefined
      const isTrue =
        told?.status === "COMPLETED"
          ? paid < seq && told.paidAmount === (final?.paidAmount ?? NaN)
          : reason !== "PaymentDeclined" || final?.cancelReason === "PAYMENT_FAILED"
      if (isTrue) return []
      const message = `request ${number} was told ${told?.status ?? reason} of ${names.of(id)}, which is ${final?.status}`
      return [{ invariant: "I-06 an answer is durable", message, about: [id, `request ${number}`], seq }]
    })
  })
}

/** Nobody is charged twice for one key: every payment that was begun is of one order. */
export const keys = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const live = Array.from(history.tables.orders).flatMap(([id, { payments }]) =>
    payments.flatMap(({ paymentKey, status }) =>
      paymentKey === undefined || status === "FAILED" ? [] : [{ id, paymentKey }]
    )
  )
  return repeated(live.map(({ paymentKey }) => paymentKey)).map((key) => ({
    invariant: "a key of a gateway's pays one order",
    message: `${key} pays more than one`,
    about: live.flatMap(({ id, paymentKey }) => (paymentKey === key ? [orderId(id)] : [])),
    seq: end(history)
  }))
}
