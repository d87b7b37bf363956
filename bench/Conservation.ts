/**
 * Whether the sale added up: nothing sold twice, paid twice, lost or made up. Read from the database, from the ledger as
 * well as from the rows it explains.
 */
import { PgTypes } from "@effect/sql-pg"
import { Effect, Result } from "effect"
import { SqlClient } from "effect/sql"
import { house } from "../src/persistence/Rows.ts"
import { failed } from "./Failure.ts"
import { couponUuid, productUuid, type Shop } from "./Shop.ts"

export interface Check {
  readonly what: string
  readonly expected: bigint
  readonly found: bigint
}

export const holds = ({ expected, found }: Check): boolean => expected === found

/** What the buyers heard. */
export interface Heard {
  /** The orders acknowledged, as UUIDs; with repetitions, if there were any. */
  readonly orders: ReadonlyArray<string>
  /** How many orders' answers were lost: each may be in the database, or not. */
  readonly lost: number
}

/** Fails with a line for each check that does not hold. */
export const demand = (checks: ReadonlyArray<Check>) => {
  const broken = checks.filter((check) => !holds(check))
  const lines = broken.map(({ what, expected, found }) => `  ${what}: expected ${expected}, found ${found}`)
  return broken.length === 0 ? Effect.void : Effect.fail(failed(["The sale does not add up:", ...lines].join("\n")))
}

/** What the database says of itself: what was sold, against the orders that are paid. */
export const balances = Effect.fnUntraced(function* ({ users, funds, price, stock }: Shop) {
  const sql = yield* SqlClient.SqlClient
  const product = productUuid
  // The tables were empty when they were last looked at, and the plans of what follows would be made for that.
  yield* sql`ANALYZE`
  return yield* sql<Check>`
    WITH
      bought AS (SELECT * FROM orders WHERE status NOT IN ('CREATED', 'CANCELLED')),
      sold AS (SELECT coalesce(sum(quantity), 0)::bigint AS pieces FROM order_lines JOIN bought USING (order_id)),
      placed AS (SELECT count(*) AS orders, coalesce(sum(paid_amount), 0)::bigint AS paid FROM bought),
      accounts AS (SELECT asset, account, sum(amount)::bigint AS amount FROM postings GROUP BY asset, account),
      unexplained AS (
        SELECT FROM wallets FULL JOIN (SELECT * FROM accounts WHERE asset = 'KRW') a ON a.account = user_id
        WHERE balance IS DISTINCT FROM amount AND coalesce(account > '00000000-0000-0000-0000-0000000000ff', true)
      ),
      listed AS (SELECT order_id, count(*) AS lines, sum(amount) AS amount FROM order_lines GROUP BY order_id),
      settled AS (SELECT order_id, count(*) AS payments, sum(amount) AS amount FROM payments GROUP BY order_id),
      written AS (
        SELECT order_id, count(*) AS entries, count(DISTINCT asset) AS assets FROM ledger
        WHERE order_id IS NOT NULL GROUP BY order_id
      ),
      told AS (SELECT entity, count(*) AS events FROM outbox WHERE type = 'OrderConfirmed' GROUP BY entity)
    SELECT 'pieces sold = stock gone' AS what, (SELECT pieces FROM sold) AS expected,
      (SELECT ${stock}::bigint - on_hand FROM products WHERE product_id = ${product}) AS found
    UNION ALL SELECT 'pieces sold = orders', (SELECT orders FROM placed), (SELECT pieces FROM sold)
    UNION ALL SELECT 'money paid = orders × price', (SELECT orders * ${price}::bigint FROM placed), (SELECT paid FROM placed)
    UNION ALL SELECT 'money in wallets = funds − paid', (SELECT ${users}::bigint * ${funds}::bigint - paid FROM placed),
      (SELECT sum(balance)::bigint FROM wallets)
    UNION ALL SELECT 'postings of ' || asset || ' sum to zero', 0, sum(amount)::bigint FROM accounts GROUP BY asset
    UNION ALL SELECT 'sales in the ledger = paid', (SELECT paid FROM placed),
      coalesce((SELECT amount FROM accounts WHERE asset = 'KRW' AND account = ${house.SALES}::uuid), 0)
    UNION ALL SELECT 'stock on hand = its postings', on_hand,
      coalesce((SELECT amount FROM accounts WHERE asset = 'PIECE' AND account = product_id), 0) FROM products
    UNION ALL SELECT 'wallets that are not the sum of their postings', 0, (SELECT count(*) FROM unexplained)
    UNION ALL SELECT 'orders without their line', 0,
      (SELECT count(*) FROM orders LEFT JOIN listed USING (order_id)
        WHERE (lines = 1 AND amount = total_amount) IS NOT TRUE)
    UNION ALL SELECT 'orders without their payment', 0,
      (SELECT count(*) FROM bought LEFT JOIN settled USING (order_id)
        WHERE (payments = 1 AND amount = paid_amount) IS NOT TRUE)
    UNION ALL SELECT 'orders without their two ledger entries', 0,
      (SELECT count(*) FROM bought LEFT JOIN written USING (order_id)
        WHERE (entries = 2 AND assets = 2) IS NOT TRUE)
    UNION ALL SELECT 'orders without their event', 0,
      (SELECT count(*) FROM bought LEFT JOIN told ON entity = 'ord_' || order_id WHERE events IS DISTINCT FROM 1)
    UNION ALL SELECT 'orders without their request key', 0,
      (SELECT count(*) FROM orders LEFT JOIN transactions ON id = order_id WHERE answer IS NULL)`
})

export interface Open {
  /** Orders that are not paid, and may still be. */
  readonly orders: number
  /** Orders whose answer was lost: each may be one more. */
  readonly lost?: number
}

/** What the database says of orders that are paid after they are made, and do nothing else. */
export const reservations = Effect.fnUntraced(function* ({ orders, lost = 0 }: Open) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Check>`
    WITH
      waiting AS (SELECT * FROM orders WHERE status = 'CREATED'),
      told AS (
        SELECT entity, count(*) FILTER (WHERE type = 'OrderCreated') AS created,
          count(*) FILTER (WHERE type = 'OrderCancelled') AS cancelled
        FROM outbox GROUP BY entity
      )
    SELECT 'orders not paid yet' AS what, least(greatest(count(*), ${orders}::bigint), ${orders + lost}::bigint) AS expected,
      count(*) AS found FROM waiting
    UNION ALL SELECT 'pieces reserved = pieces of orders not paid yet',
      (SELECT coalesce(sum(quantity), 0)::bigint FROM order_lines JOIN waiting USING (order_id)),
      (SELECT sum(reserved)::bigint FROM products)
    UNION ALL SELECT 'orders without their way to where they are', 0,
      (SELECT count(*) FROM orders o WHERE (status = 'CONFIRMED') <> (paid_at IS NOT NULL)
        OR ARRAY(SELECT o.status WHERE o.status NOT IN ('CREATED', 'CONFIRMED'))
          <> ARRAY(SELECT h.status FROM order_history h WHERE h.order_id = o.order_id ORDER BY n))
    UNION ALL SELECT 'orders without the event of being made', 0,
      (SELECT count(*) FROM orders LEFT JOIN told ON entity = 'ord_' || order_id WHERE created IS DISTINCT FROM 1)
    UNION ALL SELECT 'cancelled orders without the event of it', 0,
      (SELECT count(*) FROM orders LEFT JOIN told ON entity = 'ord_' || order_id
        WHERE coalesce(cancelled, 0) <> (status = 'CANCELLED')::int)
    UNION ALL SELECT 'orders that are not paid, and moved something', 0,
      (SELECT count(*) FROM orders JOIN (SELECT order_id FROM payments UNION SELECT order_id FROM ledger) moved
        USING (order_id) WHERE status IN ('CREATED', 'CANCELLED'))
    UNION ALL SELECT 'payments without their request key', 0,
      (SELECT count(*) FROM payments LEFT JOIN transactions ON id = payment_id WHERE answer IS NULL)`
})

/** Orders whose deadline has passed ended with it: not before, and less than a second late. */
export const deadlines = Effect.fnUntraced(function* (due: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Check>`
    WITH ended AS (
      SELECT cancel_reason, at - pay_until AS late
      FROM orders JOIN order_history h USING (order_id) WHERE h.status = 'CANCELLED'
    )
    SELECT 'orders cancelled because their deadline passed' AS what, ${due}::bigint AS expected,
      (SELECT count(*) FROM ended WHERE cancel_reason = 'PAYMENT_TIMEOUT') AS found
    UNION ALL SELECT 'orders cancelled before it', 0, (SELECT count(*) FROM ended WHERE late < interval '0')
    UNION ALL SELECT 'orders cancelled a second late or more', 0,
      (SELECT count(*) FROM ended WHERE late >= interval '1 second')`
})

const chunk = 20_000

/** What the buyers heard of, against the rows of a table: all of it is there, once, and nothing else is. */
const heardOf = Effect.fnUntraced(function* (
  { orders: heard, lost }: Heard,
  { what, table, id }: { readonly what: string; readonly table: string; readonly id: string }
) {
  const sql = yield* SqlClient.SqlClient
  let there = 0n
  for (let from = 0; from < heard.length; from += chunk) {
    const ids = PgTypes.array(heard.slice(from, from + chunk), PgTypes.OID.uuid).pipe(Result.getOrThrow)
    const [row] = yield* sql<{ found: bigint }>`
      SELECT count(*) AS found FROM unnest(${ids}::uuid[]) id JOIN ${sql(table)} ON ${sql(id)} = id`
    there += row?.found ?? 0n
  }
  const [row] = yield* sql<{ placed: bigint }>`SELECT count(*) AS placed FROM ${sql(table)}`
  const placed = row?.placed ?? -1n
  const expected = BigInt(heard.length)
  const unheard = placed - expected
  return [
    { what: `${what} ids acknowledged are distinct`, expected, found: BigInt(new Set(heard).size) },
    { what: `${what} ids acknowledged are there`, expected, found: there },
    lost === 0
      ? { what: `${what}s = acknowledgements`, expected, found: placed }
      : {
          what: `${what}s = acknowledgements, and at most ${lost} whose answer was lost`,
          expected: unheard >= 0n && unheard <= BigInt(lost) ? placed : expected,
          found: placed
        }
  ]
})

/** What the buyers heard, against what the database has. */
export const acknowledged = (heard: Heard) => heardOf(heard, { what: "order", table: "orders", id: "order_id" })

/** What the database says of a coupon that many wanted, and whether that is what they heard. */
export const issues = Effect.fnUntraced(function* (heard: Heard) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ANALYZE`
  const [row] = yield* sql<{
    counted: bigint
    issued: bigint
    last: bigint
    ranks: bigint
    twins: bigint
    silent: bigint
  }>`
    SELECT (SELECT issued::bigint FROM coupons WHERE coupon_id = ${couponUuid}) AS counted, count(*) AS issued,
      coalesce(max(rank), 0)::bigint AS last, count(DISTINCT rank) AS ranks,
      count(*) - count(DISTINCT (user_id, slot)) AS twins,
      count(*) - (SELECT count(*) FROM outbox WHERE type = 'CouponIssued') AS silent
    FROM user_coupons`
  const { counted = -1n, issued = -1n, last = -1n, ranks = -1n, twins = -1n, silent = -1n } = row ?? {}
  return [
    { what: "coupons issued = the coupon's count", expected: counted, found: issued },
    { what: "the last rank = coupons issued", expected: issued, found: last },
    { what: "ranks are distinct", expected: issued, found: ranks },
    { what: "users who have a slot twice", expected: 0n, found: twins },
    { what: "issues without their event", expected: 0n, found: silent },
    ...(yield* heardOf(heard, { what: "coupon", table: "user_coupons", id: "user_coupon_id" }))
  ]
})
