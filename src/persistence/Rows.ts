/**
 * The rows a batch of transactions writes, table by table. Pure; `PgJournal` sends them as columns, `MemoryJournal`
 * applies them as they are, so both write the same.
 */
import type { Audited } from "../domain/Authority.ts"
import type { CouponCondition } from "../domain/Coupon.ts"
import { uuidOf } from "../domain/Ids.ts"
import type { CancelReason, OrderStatus, Payment, Refund } from "../domain/Order.ts"
import { dueAt } from "../domain/OrderLife.ts"
import type { SaleStatus } from "../domain/Product.ts"
import type { Change, DomainEvent, MoneyReason, StockReason, Transaction } from "../domain/Transaction.ts"
import type { HeldStatus } from "../domain/UserCoupon.ts"

/** The accounts of the house, the other side of every posting. */
export const house = {
  /** Money that came from outside. */
  FUNDING: "00000000-0000-0000-0000-000000000001",
  /** Money earned. */
  SALES: "00000000-0000-0000-0000-000000000002",
  /** Pieces that came from outside. */
  SUPPLY: "00000000-0000-0000-0000-000000000003",
  /** Pieces sold. */
  SOLD: "00000000-0000-0000-0000-000000000004",
  /** Money that payment gateways have for us. */
  GATEWAYS: "00000000-0000-0000-0000-000000000005"
} as const

export const moneyContra: Record<MoneyReason, string> = {
  CHARGE: house.FUNDING,
  PAYMENT: house.SALES,
  REFUND: house.SALES
}
const stockContra: Record<StockReason, string> = {
  INITIAL: house.SUPPLY,
  ADJUSTMENT: house.SUPPLY,
  SALE: house.SOLD,
  RETURN: house.SOLD
}

/** `t` is the ordinal, from 1, of the row's transaction in the batch. Ids are bare UUIDs. */
interface Row {
  readonly t: number
}
export interface FenceRow extends Row {
  readonly partition: number
  readonly epoch: number
}
export interface ProductRow extends Row {
  readonly product: string
  readonly seller: string
  readonly name: string
  readonly description: string
  readonly category: string | null
  readonly price: number
  readonly status: SaleStatus
}
export interface OrderRow extends Row {
  readonly order: string
  readonly user: string
  readonly status: OrderStatus
  readonly total: number
  readonly discount: number
  readonly paid: number
  readonly created: number
  readonly userCoupon: string | null
  readonly deadline: number | null
  readonly due: number | null
  readonly address: string | null
}
/** An order of version `version` that becomes what comes after. */
export interface OrderChangeRow extends Row {
  readonly order: string
  readonly version: number
  readonly status: OrderStatus
  readonly paid: number
  readonly reason: CancelReason | null
  readonly paidAt: number | null
  readonly due: number | null
}
/** The `n`-th status of an order; the first and CONFIRMED are its row's own. */
export interface HistoryRow extends Row {
  readonly order: string
  readonly n: number
  readonly status: OrderStatus
  readonly at: number
  readonly note: string | null
}
export interface LineRow extends Row {
  readonly order: string
  readonly line: number
  readonly product: string
  readonly name: string
  readonly price: number
  readonly quantity: number
  readonly discount: number
}
export interface CancelledRow extends Row {
  readonly order: string
  readonly line: number
  readonly cancelled: number
}
/** One tender; its key is order, payment and method. */
export interface PaymentRow extends Row {
  readonly order: string
  readonly payment: string
  readonly method: Payment["method"]
  readonly amount: number
  readonly status: Payment["status"]
  readonly refunded: number
  readonly gateway: string | null
  readonly key: string | null
  readonly transaction: string | null
  readonly due: number | null
}
export interface RefundRow extends Row {
  readonly order: string
  readonly refund: string
  readonly amount: number
  readonly viaGateway: number
  readonly status: Refund["status"]
  readonly attempts: number
  readonly due: number | null
  readonly reason: string | null
  /** As JSON. */
  readonly items: string
  readonly requested: number
}
export interface LedgerRow extends Row {
  readonly asset: "KRW" | "PIECE"
  readonly debit: string
  readonly credit: string
  readonly amount: number
  readonly reason: MoneyReason | StockReason
  readonly order: string | null
}
export interface EventRow extends Row {
  readonly type: string
  readonly entity: string
  readonly payload: string
}
export interface WithdrawalRow extends Row {
  readonly user: string
}
export interface WalletRow extends Row {
  readonly user: string
  readonly delta: number
}
export interface StockRow extends Row {
  readonly product: string
  /** What `on_hand` and `reserved` change by. */
  readonly delta: number
  readonly reserved: number
}
export interface EditRow extends Row {
  readonly product: string
  readonly name: string | null
  readonly description: string | null
  readonly category: string | null
  readonly price: number | null
  readonly status: SaleStatus | null
}

export interface UseRow extends Row {
  readonly userCoupon: string
  readonly user: string
  readonly order: string
  readonly to: HeldStatus
}
export interface RevocationRow extends Row {
  readonly userCoupon: string
  readonly user: string
  readonly reason: string
}
export interface IssueRow extends Row {
  readonly userCoupon: string
  readonly coupon: string
  readonly user: string
  readonly slot: number
  readonly issued: number
}
export interface CouponEditRow extends Row {
  readonly coupon: string
  readonly condition: CouponCondition
}

export interface AuditRow extends Row, AuditText {
  readonly audited: Audited
}

/** In the order they are written. */
export interface Rows {
  readonly fences: Array<FenceRow>
  readonly products: Array<ProductRow>
  readonly orders: Array<OrderRow>
  readonly lines: Array<LineRow>
  readonly payments: Array<PaymentRow>
  readonly orderChanges: Array<OrderChangeRow>
  readonly history: Array<HistoryRow>
  readonly cancelled: Array<CancelledRow>
  readonly paymentChanges: Array<PaymentRow>
  readonly refunds: Array<RefundRow>
  readonly uses: Array<UseRow>
  readonly revocations: Array<RevocationRow>
  readonly ledger: Array<LedgerRow>
  readonly events: Array<EventRow>
  readonly wallets: Array<WalletRow>
  readonly withdrawals: Array<WithdrawalRow>
  readonly issues: Array<IssueRow>
  readonly couponEdits: Array<CouponEditRow>
  readonly stock: Array<StockRow>
  readonly edits: Array<EditRow>
  readonly audits: Array<AuditRow>
}

export const make = (batch: ReadonlyArray<Transaction>): Rows => {
  const rows: Rows = {
    fences: [],
    products: [],
    orders: [],
    lines: [],
    payments: [],
    orderChanges: [],
    history: [],
    cancelled: [],
    paymentChanges: [],
    refunds: [],
    uses: [],
    revocations: [],
    ledger: [],
    events: [],
    wallets: [],
    withdrawals: [],
    issues: [],
    couponEdits: [],
    stock: [],
    edits: [],
    audits: []
  }
  let t = 0
  for (const transaction of batch) {
    t++
    for (const { partition, epoch } of transaction.fences) rows.fences.push({ t, partition, epoch })
    for (const change of transaction.changes) addChange(rows, t, change)
    for (const event of transaction.events) rows.events.push(eventRow(t, event))
  }
  return rows
}

const eventRow = (t: number, { type, entity, payload }: DomainEvent): EventRow => ({
  t,
  type,
  entity,
  payload: JSON.stringify(payload)
})

/** Moves `delta` onto `account` (off it, when negative), against an account of the house. */
const transfer = (account: string, contra: string, delta: number) =>
  delta > 0 ? { debit: contra, credit: account, amount: delta } : { debit: account, credit: contra, amount: -delta }

const paymentRow = (t: number, order: string, payment: Payment): PaymentRow => ({
  t,
  order,
  payment: uuidOf(payment.paymentId),
  method: payment.method,
  amount: payment.amount,
  status: payment.status,
  refunded: payment.refunded,
  gateway: payment.gateway ?? null,
  key: payment.paymentKey ?? null,
  transaction: payment.gatewayId ?? null,
  due: payment.dueAt ?? null
})

/** What is not as it was. */
const addOrderChange = (rows: Rows, t: number, { before, after }: Change & { readonly _tag: "OrderChanged" }): void => {
  const order = uuidOf(after.orderId)
  rows.orderChanges.push({
    t,
    order,
    version: before.version,
    status: after.status,
    paid: after.paidAmount,
    reason: after.cancelReason ?? null,
    paidAt: after.paidAt ?? null,
    due: dueAt(after) ?? null
  })
  after.history.forEach(({ status, at, note = null }, n) => {
    // When it was paid, its row tells.
    if (n >= before.history.length && status !== "CONFIRMED")
      rows.history.push({ t, order, n: n + 1, status, at, note })
  })
  after.lines.forEach(({ cancelled }, n) => {
    if (cancelled !== before.lines[n]?.cancelled) rows.cancelled.push({ t, order, line: n + 1, cancelled })
  })
  after.payments.forEach((payment, n) => {
    if (payment === before.payments[n]) return
    const rowsOf = before.payments[n] === undefined ? rows.payments : rows.paymentChanges
    rowsOf.push(paymentRow(t, order, payment))
  })
  after.refunds.forEach((refund, n) => {
    if (refund === before.refunds[n]) return
    const { refundId, amount, viaGateway, status, attempts, items, requestedAt: requested } = refund
    rows.refunds.push({
      t,
      order,
      refund: uuidOf(refundId),
      amount,
      viaGateway,
      status,
      attempts,
      due: refund.dueAt ?? null,
      reason: refund.reason ?? null,
      items: JSON.stringify(items),
      requested
    })
  })
}

const addChange = (rows: Rows, t: number, change: Change): void => {
  switch (change._tag) {
    case "MoneyMoved": {
      if (change.delta === 0) return
      const user = uuidOf(change.userId)
      const order = change.orderId === undefined ? null : uuidOf(change.orderId)
      const entry = transfer(user, moneyContra[change.reason], change.delta)
      rows.wallets.push({ t, user, delta: change.delta })
      rows.ledger.push({ t, asset: "KRW", ...entry, reason: change.reason, order })
      return
    }
    case "StockMoved": {
      if (change.delta === 0) return
      const product = uuidOf(change.productId)
      const order = change.orderId === undefined ? null : uuidOf(change.orderId)
      const entry = transfer(product, stockContra[change.reason], change.delta)
      rows.stock.push({ t, product, delta: change.delta, reserved: 0 })
      rows.ledger.push({ t, asset: "PIECE", ...entry, reason: change.reason, order })
      return
    }
    case "OrderPlaced": {
      const { order } = change
      const id = uuidOf(order.orderId)
      rows.orders.push({
        t,
        order: id,
        user: uuidOf(order.userId),
        status: order.status,
        total: order.totalAmount,
        discount: order.discountAmount,
        paid: order.paidAmount,
        created: order.createdAt,
        userCoupon: order.userCouponId === undefined ? null : uuidOf(order.userCouponId),
        deadline: order.paymentDeadline ?? null,
        due: dueAt(order) ?? null,
        address: order.shippingAddress ?? null
      })
      order.lines.forEach(({ productId, name, unitPrice: price, quantity, discount }, index) =>
        rows.lines.push({ t, order: id, line: index + 1, product: uuidOf(productId), name, price, quantity, discount })
      )
      for (const payment of order.payments) rows.payments.push(paymentRow(t, id, payment))
      return
    }
    case "OrderChanged":
      addOrderChange(rows, t, change)
      return
    case "StockReserved":
      rows.stock.push({ t, product: uuidOf(change.productId), delta: 0, reserved: change.delta })
      return
    case "GatewayMoved": {
      const entry = transfer(house.SALES, house.GATEWAYS, change.delta)
      const reason = change.delta > 0 ? "PAYMENT" : "REFUND"
      rows.ledger.push({ t, asset: "KRW", ...entry, reason, order: uuidOf(change.orderId) })
      return
    }
    case "ProductCreated": {
      const { product, description, category } = change
      rows.products.push({
        t,
        product: uuidOf(product.productId),
        seller: uuidOf(product.sellerId),
        name: product.name,
        description,
        category: category ?? null,
        price: product.price,
        status: product.saleStatus
      })
      return
    }
    case "ProductEdited": {
      const { name, description, category, price, saleStatus } = change.edit
      rows.edits.push({
        t,
        product: uuidOf(change.productId),
        name: name ?? null,
        description: description ?? null,
        category: category ?? null,
        price: price ?? null,
        status: saleStatus ?? null
      })
      return
    }
    case "UserWithdrew":
      rows.withdrawals.push({ t, user: uuidOf(change.userId) })
      return
    case "CouponIssued": {
      const { userCouponId, couponId, userId, slot, issuedAt } = change
      rows.issues.push({
        t,
        userCoupon: uuidOf(userCouponId),
        coupon: uuidOf(couponId),
        user: uuidOf(userId),
        slot,
        issued: issuedAt
      })
      return
    }
    case "CouponUsed": {
      const { userCouponId, userId, orderId, to } = change
      rows.uses.push({ t, userCoupon: uuidOf(userCouponId), user: uuidOf(userId), order: uuidOf(orderId), to })
      return
    }
    case "CouponRevoked": {
      const { userCouponId, userId, reason } = change
      rows.revocations.push({ t, userCoupon: uuidOf(userCouponId), user: uuidOf(userId), reason })
      return
    }
    case "CouponEdited":
      rows.couponEdits.push({ t, coupon: uuidOf(change.couponId), condition: change.edit.condition })
      return
    case "Audited":
      rows.audits.push({ t, audited: change.record, ...auditText(change.record) })
  }
}

/** A row of the audit as JSON: it is rare, so its columns should cost other commits little. */
export interface AuditText {
  readonly record: string
  readonly details: string
}

export const auditText = ({ actorId, role, act, entity, onBehalfOf, traceId, details }: Audited): AuditText => {
  const owner = onBehalfOf === undefined ? null : uuidOf(onBehalfOf)
  return {
    record: JSON.stringify({ actor: uuidOf(actorId), role, act, entity, owner, trace: traceId }),
    details: JSON.stringify(details)
  }
}
