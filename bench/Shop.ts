/**
 * The shop of a flash sale: one product, and buyers with money. Ids are computed from numbers, the same in SQL and here,
 * so nobody has to be told one.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { hash } from "node:crypto"
import { house } from "../src/persistence/Rows.ts"

export interface Shop {
  readonly users: number
  /** What each user has, in won. */
  readonly funds: number
  readonly price: number
  readonly stock: number
}

const uuid = (text: string) => hash("md5", text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")

export const userUuid = (user: number): string => uuid(`user ${user}`)
export const productUuid = uuid("product")
export const couponUuid = uuid("coupon")
const sellerUuid = uuid("seller")

/** Fills an empty, migrated database, as if every user had signed up and charged. */
export const openShop = ({ users, funds, price, stock }: Shop) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const last = users - 1
    yield* Effect.all([
      sql`INSERT INTO users (user_id, login_id, name, password_hash, role)
        VALUES (${sellerUuid}, 'seller', 'Seller', 'none', 'SELLER')`,
      sql`INSERT INTO users (user_id, login_id, name, password_hash, role)
        SELECT md5('user ' || n)::uuid, 'buyer' || n, 'Buyer ' || n, 'none', 'BUYER'
        FROM generate_series(0, ${last}::int) n`,
      sql`INSERT INTO wallets (user_id, balance)
        SELECT md5('user ' || n)::uuid, ${funds}::int FROM generate_series(0, ${last}::int) n`,
      sql`INSERT INTO ledger (transaction_id, asset, debit, credit, amount, reason)
        SELECT md5('charge ' || n)::uuid, 'KRW', ${house.FUNDING}::uuid, md5('user ' || n)::uuid, ${funds}::int, 'CHARGE'
        FROM generate_series(0, ${last}::int) n`,
      sql`INSERT INTO products (product_id, seller_id, name, description, price, on_hand, sale_status)
        VALUES (${productUuid}, ${sellerUuid}, 'Flash sale', 'One to a buyer', ${price}::int, ${stock}::int, 'ON_SALE')`,
      sql`INSERT INTO ledger (transaction_id, asset, debit, credit, amount, reason)
        VALUES (md5('stock')::uuid, 'PIECE', ${house.SUPPLY}::uuid, ${productUuid}, ${stock}::int, 'INITIAL')`
    ]).pipe(sql.withTransaction)
    // Else the database does both while we measure.
    yield* sql`VACUUM ANALYZE users, wallets, ledger, products`
    yield* sql`CHECKPOINT`
  })

export interface Offer {
  readonly quota: number
  readonly perUserLimit: number
}

/** Offers a coupon in it. */
export const openOffer = ({ quota, perUserLimit }: Offer) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO coupons (coupon_id, code, name, discount_type, discount_value, min_order_amount, product_ids,
        categories, total_quantity, per_user_limit, issue_by, created_by)
      VALUES (${couponUuid}, 'RUSH', 'First come, first served', 'FIXED', 1000, 0, '{}', '{}', ${quota}::int,
        ${perUserLimit}::int, '{FIRST_COME}', ${sellerUuid})`
  })
