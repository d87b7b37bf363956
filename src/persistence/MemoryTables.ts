/** What Postgres would keep, in memory: one database for the memory journals and repositories that share it. */
import { Context, Layer } from "effect"
import type { Audited, Role } from "../domain/Authority.ts"
import type { Order } from "../domain/Order.ts"
import type { Tier } from "../domain/Tier.ts"
import type { Fence } from "../domain/Transaction.ts"
import type { UserCouponStatus } from "../domain/UserCoupon.ts"
import type { NewCoupon } from "./Coupons.ts"
import type { EventRow, IssueRow, LedgerRow, ProductRow } from "./Rows.ts"

type Stored<Row> = Omit<Row, "t">

export interface UserRecord {
  readonly loginId: string | undefined
  readonly name: string
  readonly role: Role
  readonly tier: Tier
  readonly passwordHash: string | undefined
  readonly withdrawn: boolean
}

export interface ProductRecord extends Omit<Stored<ProductRow>, "product"> {
  readonly onHand: number
  readonly reserved: number
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

export interface CouponRecord extends Omit<NewCoupon, "couponId" | "held" | "pending"> {
  readonly createdAt: number
}

export interface UserCouponRecord extends Omit<Stored<IssueRow>, "userCoupon"> {
  readonly rank: number
  readonly status: UserCouponStatus
  readonly revokeReason: string | null
  readonly order: string | null
}

export interface OwedRecord {
  readonly user: string
  readonly coupon: string
  readonly due: number
}

export interface TransactionRecord {
  readonly id: string
  readonly fences: ReadonlyArray<Fence>
  readonly bodyHash: string | undefined
  readonly answer: string | undefined
  readonly createdAt: number
}

/** An entry of the ledger or the outbox; its number is its place, from 1. */
export type Entry<Row> = Stored<Row> & { readonly transactionId: string; readonly createdAt: number }

/** Keys are bare UUIDs. */
export interface Tables {
  readonly partitions: Map<number, { readonly epoch: number; readonly owner: string }>
  readonly users: Map<string, UserRecord>
  /** Since when, by the ids of a seller and of a manager, with a space between. */
  readonly managers: Map<string, number>
  readonly wallets: Map<string, number>
  readonly products: Map<string, ProductRecord>
  readonly coupons: Map<string, CouponRecord>
  readonly userCoupons: Map<string, UserCouponRecord>
  /** By user and coupon. */
  readonly owedCoupons: Map<string, OwedRecord>
  readonly transactions: Map<string, TransactionRecord>
  /** Transactions that were called absent, and when. */
  readonly absent: Map<string, number>
  readonly orders: Map<string, Order>
  readonly ledger: Array<Entry<LedgerRow>>
  readonly outbox: Array<Entry<EventRow>>
  readonly audit: Array<Audited & { readonly at: number }>
}

export class MemoryTables extends Context.Service<MemoryTables, Tables>()("sluice/persistence/MemoryTables") {
  static readonly layer = Layer.sync(MemoryTables, () => ({
    partitions: new Map(),
    users: new Map(),
    managers: new Map(),
    wallets: new Map(),
    products: new Map(),
    coupons: new Map(),
    userCoupons: new Map(),
    owedCoupons: new Map(),
    transactions: new Map(),
    absent: new Map(),
    orders: new Map(),
    ledger: [],
    outbox: [],
    audit: []
  }))
}
