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

export interface Waiting {
  /** The number of the first; each has a number of its own. */
  readonly from: number
  readonly orders: number
  /** When the first has to be paid, in seconds from now, and over how many more the others are spread. */
  readonly dueInSeconds: number
  readonly spreadSeconds: number
}

/** Orders of one piece each that wait for their payment, as if the buyers in turn had made them. */
export const openOrders = ({ users, price }: Shop, { from, orders, dueInSeconds, spreadSeconds }: Waiting) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const last = from + orders - 1
    /** Ordered by time, as Sluice's are. */
    const id = sql`lpad(to_hex(n), 32, '0')::uuid`
    const each = sql`generate_series(${from}::int, ${last}::int) n`
    const seconds = sql`${dueInSeconds}::float8 + (n - ${from}::int) * ${spreadSeconds}::float8 / ${orders}::int`
    yield* Effect.all([
      sql`INSERT INTO transactions (key, id, fences, body_hash, answer)
        SELECT md5('order key ' || n)::uuid, ${id}, '', md5('order body ' || n)::uuid, '{}' FROM ${each}`,
      sql`INSERT INTO orders (order_id, user_id, status, total_amount, discount_amount, paid_amount, created_at, pay_until,
          due_at)
        SELECT ${id}, md5('user ' || n % ${users}::int)::uuid, 'CREATED', ${price}::int, 0, 0, now(), due, due
        FROM ${each}, LATERAL (SELECT date_trunc('milliseconds', now() + interval '1 second' * (${seconds})) AS due) d`,
      sql`INSERT INTO order_lines (order_id, line, product_id, name, unit_price, quantity, amount)
        SELECT ${id}, 1, ${productUuid}, 'Flash sale', ${price}::int, 1, ${price}::int FROM ${each}`,
      sql`INSERT INTO outbox (transaction_id, type, entity, payload)
        SELECT ${id}, 'OrderCreated', 'ord_' || ${id}, '{}' FROM ${each}`,
      sql`UPDATE products SET reserved = reserved + ${orders}::int WHERE product_id = ${productUuid}`
    ]).pipe(sql.withTransaction)
    yield* sql`VACUUM ANALYZE transactions, orders, order_lines, outbox, products`
    yield* sql`CHECKPOINT`
  })
