/**
 * The rows a batch of transactions writes, table by table. Pure; `PgJournal` sends them as columns, `MemoryJournal`
 * applies them as they are, so both write the same.
 */
import type { Audited } from "../domain/Authority.ts"
import type { CouponCondition } from "../domain/Coupon.ts"
import { uuidOf } from "../domain/Ids.ts"
import type { OrderStatus, Payment } from "../domain/Order.ts"
import type { SaleStatus } from "../domain/Product.ts"
import type { Change, DomainEvent, MoneyReason, StockReason, Transaction } from "../domain/Transaction.ts"

/** The accounts of the house, the other side of every posting. */
export const house = {
  /** Money that came from outside. */
  FUNDING: "00000000-0000-0000-0000-000000000001",
  /** Money earned. */
  SALES: "00000000-0000-0000-0000-000000000002",
  /** Pieces that came from outside. */
  SUPPLY: "00000000-0000-0000-0000-000000000003",
  /** Pieces sold. */
  SOLD: "00000000-0000-0000-0000-000000000004"
} as const

export const moneyContra: Record<MoneyReason, string> = { CHARGE: house.FUNDING, PAYMENT: house.SALES }
const stockContra: Record<StockReason, string> = { INITIAL: house.SUPPLY, ADJUSTMENT: house.SUPPLY, SALE: house.SOLD }

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
export interface PaymentRow extends Row {
  readonly order: string
  readonly payment: string
  readonly method: Payment["method"]
  readonly amount: number
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
  readonly delta: number
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
  readonly uses: Array<UseRow>
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
    uses: [],
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
      rows.stock.push({ t, product, delta: change.delta })
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
        userCoupon: order.userCouponId === undefined ? null : uuidOf(order.userCouponId)
      })
      order.lines.forEach(({ productId, name, unitPrice: price, quantity, discount }, index) =>
        rows.lines.push({ t, order: id, line: index + 1, product: uuidOf(productId), name, price, quantity, discount })
      )
      for (const { paymentId, method, amount } of order.payments) {
        rows.payments.push({ t, order: id, payment: uuidOf(paymentId), method, amount })
      }
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
      const { userCouponId, userId, orderId } = change
      rows.uses.push({ t, userCoupon: uuidOf(userCouponId), user: uuidOf(userId), order: uuidOf(orderId) })
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
