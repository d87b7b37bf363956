/**
 * I-01, I-04, I-09, I-10: the books, kept twice. Once by the model, from what was asked and that it was committed; once
 * by the engine, in its tables. They agree, or something was lost, made up, or done by half.
 */
import { type ProductId, type UserId, uuidOf } from "../../../src/domain/Ids.ts"
import type { Change } from "../../../src/domain/Transaction.ts"
import { unbalanced } from "../Checkers.ts"
import type { Commit, History, Violation } from "../History.ts"
import type { Operation } from "../Operation.ts"
import type { Evidence } from "./Evidence.ts"

/** What a committed transaction should have moved, as far as the request says; `undefined` if nobody asked for it. */
interface Effects {
  readonly money: ReadonlyArray<readonly [UserId, number]>
  readonly stock: ReadonlyArray<readonly [ProductId, number]>
}

const nothing: Effects = { money: [], stock: [] }

const effectsOf = (evidence: Evidence, commit: Commit): Effects | undefined => {
  const { changes } = commit.transaction
  const request = evidence.requestOf(commit)
  if (request === undefined)
    return commit.transaction.answered === undefined ? unkeyed(evidence.history, changes) : undefined
  const { operation } = request
  if (operation._tag === "Charge") return { money: [[operation.user, operation.amount]], stock: [] }
  if (operation._tag !== "Issue" && operation._tag !== "Checkout") return ofOrder(operation, changes)
  if (operation._tag === "Issue") {
    const { coupon, user, grantedBy } = operation
    const audited = changes.filter(({ _tag }) => _tag === "Audited").length
    const issued = changes.some(
      (change) => change._tag === "CouponIssued" && change.couponId === coupon && change.userId === user
    )
    // Who gives it to somebody else leaves a row in the audit.
    return issued && audited === (grantedBy === undefined ? 0 : 1) && changes.length === 1 + audited
      ? nothing
      : undefined
  }
  const order = changes.find((change) => change._tag === "OrderPlaced")?.order
  if (order === undefined) return undefined
  const { items, buyer, coupon, expectedTotal } = operation
  const priceOf = (product: ProductId) => order.lines.find((line) => line.productId === product)?.unitPrice ?? NaN
  // Whether it is the right discount, `Coupons` judges.
  const discount = coupon === undefined ? 0 : order.discountAmount
  const total = items.reduce((sum, { product, quantity }) => sum + priceOf(product) * quantity, 0) - discount
  if (coupon !== order.userCouponId) return undefined
  if (expectedTotal !== undefined && expectedTotal !== total) return undefined
  return { money: [[buyer, -total]], stock: items.map(({ product, quantity }) => [product, -quantity]) }
}

/**
 * An order that is paid later: what was moved in its name. Whether that is right, `Orders` judges by the order; here it
 * must be the order that was asked for.
 */
const ofOrder = (operation: Operation | undefined, changes: ReadonlyArray<Change>): Effects | undefined => {
  const money: Array<readonly [UserId, number]> = []
  const stock: Array<readonly [ProductId, number]> = []
  for (const change of changes) {
    switch (change._tag) {
      case "OrderPlaced": {
        const { lines, userId, userCouponId } = change.order
        if (operation?._tag !== "Order" || userId !== operation.buyer) return undefined
        const isWhole =
          lines.length === operation.items.length &&
          lines.every(({ productId, quantity }, n) => {
            const { product, quantity: wanted } = operation.items[n] ?? {}
            return productId === product && quantity === wanted
          })
        const isCoupon =
          userCouponId === operation.coupon || (userCouponId === undefined && operation.policy !== "reject")
        if (!isWhole || !isCoupon) return undefined
        break
      }
      case "OrderChanged":
        if (operation !== undefined && !("order" in operation && operation.order === change.after.orderId))
          return undefined
        break
      case "MoneyMoved":
        money.push([change.userId, change.delta])
        break
      case "StockMoved":
        stock.push([change.productId, change.delta])
        break
      case "StockReserved":
      case "GatewayMoved":
      case "CouponUsed":
        break
      default:
        return undefined
    }
  }
  return { money, stock }
}

/** A change without a key: one of those somebody asked for. */
const unkeyed = ({ requests }: History, changes: ReadonlyArray<Change>): Effects | undefined => {
  const [first] = changes
  switch (first?._tag) {
    case "UserWithdrew":
      return requests.some(({ operation }) => operation._tag === "Withdraw" && operation.user === first.userId)
        ? nothing
        : undefined
    case "ProductCreated": {
      const { price, onHand, productId } = first.product
      return requests.some(
        ({ operation }) => operation._tag === "Create" && operation.price === price && operation.stock === onHand
      )
        ? { money: [], stock: [[productId, onHand]] }
        : undefined
    }
    // Which edit it may be, `Edits` and `Coupons` judge.
    case "ProductEdited":
    case "CouponEdited":
      return nothing
    // What an order does by itself, or its seller with it: `Orders` asks why.
    case "OrderChanged":
      return ofOrder(undefined, changes)
    case "StockMoved":
      return { money: [], stock: [[first.productId, first.delta]] }
    default:
      return undefined
  }
}

const about = ({ transaction: { id, key } }: Commit) => [id, key]

export const asked = (evidence: Evidence): ReadonlyArray<Violation> =>
  evidence.history.commits
    .filter((commit) => effectsOf(evidence, commit) === undefined)
    .map((commit) => ({
      invariant: "I-09 what is committed was asked for",
      message: `nobody asked for ${evidence.history.names.of(commit.transaction.id)}`,
      about: about(commit),
      seq: commit.seq
    }))

type Movement = readonly [account: string, delta: number]

const unequal = (
  { names, trace }: History,
  invariant: string,
  of: string,
  books: Parameters<typeof unbalanced>
): ReadonlyArray<Violation> =>
  unbalanced(...books).map(({ account, found, expected }) => ({
    invariant,
    message: `${names.of(account)} has ${found} ${of}, and should have ${expected}`,
    about: [account],
    seq: trace.events.length
  }))

const onHand = ({ tables }: History): ReadonlyArray<Movement> =>
  Array.from(tables.products, ([id, record]) => [id, record.onHand])

export const stock = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  const opening = Array.from(history.opening.products, ([id, product]): Movement => [id, product.stock])
  const moved = history.commits.flatMap((commit) =>
    (effectsOf(evidence, commit)?.stock ?? []).map(([product, delta]): Movement => [uuidOf(product), delta])
  )
  return unequal(history, "I-01 stock is conserved", "pieces", [opening, moved, onHand(history)])
}

export const money = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  const moved = history.commits.flatMap((commit) =>
    (effectsOf(evidence, commit)?.money ?? []).map(([user, delta]): Movement => [uuidOf(user), delta])
  )
  return unequal(history, "I-04 money is conserved", "won", [history.opening.balances, moved, history.tables.wallets])
}

/** Every balance is the sum of its postings. */
export const ledger = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const postings = (of: "KRW" | "PIECE") =>
    history.tables.ledger.flatMap(({ asset, debit, credit, amount }): ReadonlyArray<Movement> =>
      asset === of
        ? [
            [debit, -amount],
            [credit, amount]
          ]
        : []
    )
  const invariant = "I-04 a balance is the sum of its postings"
  return [
    ...unequal(history, invariant, "won", [[], postings("KRW"), history.tables.wallets]),
    ...unequal(history, invariant, "pieces", [[], postings("PIECE"), onHand(history)])
  ]
}

/** An order is all there, paid and posted, or not there at all. */
export const orders = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  const { tables, names } = history
  return history.commits.flatMap((commit) => {
    const request = evidence.requestOf(commit)
    if (request?.operation._tag !== "Checkout") return []
    const record = tables.orders.get(commit.transaction.id)
    const posted = tables.ledger.filter(({ order }) => order === commit.transaction.id)
    const sum = (asset: string) =>
      posted.reduce((total, entry) => total + (entry.asset === asset ? entry.amount : 0), 0)
    const pieces = request.operation.items.reduce((total, { quantity }) => total + quantity, 0)
    const paid = record?.payments.reduce((total, { amount }) => total + amount, 0)
    const isWhole =
      record?.lines.length === request.operation.items.length &&
      paid === record.paidAmount &&
      sum("KRW") === paid &&
      sum("PIECE") === pieces
    if (isWhole) return []
    const message = `the order of ${names.of(commit.transaction.key)} is not whole`
    return [{ invariant: "I-09 an order is whole", message, about: about(commit), seq: commit.seq }]
  })
}

/** Others are told of every transaction, and of everything in it once. */
export const outbox = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const told = Map.groupBy(history.tables.outbox, ({ transactionId }) => transactionId)
  return history.commits.flatMap((commit) => {
    const { id, events } = commit.transaction
    const found = told.get(id)?.length ?? 0
    if (found > 0 && found === events.length) return []
    const message = `${history.names.of(id)} has ${found} events of ${events.length}`
    return [{ invariant: "I-10 every transaction has its events", message, about: about(commit), seq: commit.seq }]
  })
}

/** Who left has left with nothing, and does nothing more. */
export const left = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const gone = new Set<UserId>()
  return history.commits.flatMap((commit) =>
    commit.transaction.changes.flatMap((change) => {
      if (change._tag === "UserWithdrew") gone.add(change.userId)
      const user =
        change._tag === "OrderPlaced"
          ? change.order.userId
          : change._tag === "MoneyMoved" || change._tag === "CouponIssued"
            ? change.userId
            : undefined
      if (user === undefined || !gone.has(user)) return []
      const message = `${history.names.of(user)} had left`
      return [{ invariant: "who left buys nothing", message, about: [user, ...about(commit)], seq: commit.seq }]
    })
  )
}
