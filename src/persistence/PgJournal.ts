/** The journal on Postgres (a server, or PGlite): one function call, one round trip, per operation. */
import { PgTypes } from "@effect/sql-pg"
import { type Cause, Clock, Effect, Layer, Result, Schema, Struct } from "effect"
import type { SqlError } from "effect/sql"
import type { Actors, KindName } from "../domain/Actors.ts"
import type { Coupon } from "../domain/Coupon.ts"
import { Epoch, PartitionId, productId, TransactionId, userId, uuidOf } from "../domain/Ids.ts"
import { pieces, won } from "../domain/Money.ts"
import type { OrderState } from "../domain/OrderLife.ts"
import { Policy } from "../domain/Policy.ts"
import { make as makeProduct, type Product, SaleStatus } from "../domain/Product.ts"
import type { Fence, Transaction } from "../domain/Transaction.ts"
import { UserCoupon } from "../domain/UserCoupon.ts"
import { make as makeWallet, type Wallet } from "../domain/Wallet.ts"
import { JournalClient } from "./Database.ts"
import {
  BatchRejected,
  type Decision,
  type Found,
  Journal,
  JournalUnavailable,
  OutcomeUnknown,
  Rank,
  type Resolution,
  type Verdict
} from "./Journal.ts"
import { columns, couponOf, CouponRow } from "./PgCouponRow.ts"
import { OrderRow, select as selectOrders } from "./PgOrderRow.ts"
import { ask, within } from "./Queries.ts"
import * as Rows from "./Rows.ts"

/** UUIDs and numbers go as text: turning them into the binary format costs us more than it saves Postgres. */
const literal = (values: ReadonlyArray<string | number | null>) =>
  `{${values.map((value) => value ?? "NULL").join(",")}}`
const uuids: (values: ReadonlyArray<string | null>) => string = literal
const numbers: (values: ReadonlyArray<number | null>) => string = literal
const texts = (values: ReadonlyArray<string | null>) => PgTypes.array(values, PgTypes.OID.text).pipe(Result.getOrThrow)

/** A column in which every row says the same is none: the function knows what it is. */
const sparse = <A>(
  values: ReadonlyArray<A>,
  usual: A,
  column: (values: ReadonlyArray<A>) => string | PgTypes.Parameter
): string | PgTypes.Parameter | null => (values.every((value) => value === usual) ? null : column(values))

/** As the table keeps them. */
const fencesText = (fences: ReadonlyArray<Fence>) =>
  fences.reduce((text, { partition, epoch }) => `${text}${partition}:${epoch} `, " ")
const fencesOf = (text: string): ReadonlyArray<Fence> =>
  Array.from(text.matchAll(/(\d+):(\d+)/g), ([, partition, epoch]) => ({
    partition: PartitionId(Number(partition)),
    epoch: Epoch(Number(epoch))
  }))

/** Rows that are few: a function has a hundred parameters at the most. */
const records = (rows: ReadonlyArray<object>) => (rows.length === 0 ? null : JSON.stringify(rows))

type Parameter = string | null | PgTypes.Parameter

/** The arguments of `journal_commit`, by name. */
const parameters = (batch: ReadonlyArray<Transaction>): Record<string, Parameter> => {
  const rows = Rows.make(batch)
  return {
    t_key: uuids(batch.map((transaction) => transaction.key)),
    t_id: uuids(batch.map((transaction) => transaction.id)),
    t_fences: texts(batch.map((transaction) => fencesText(transaction.fences))),
    t_body: uuids(batch.map((transaction) => transaction.answered?.bodyHash ?? null)),
    t_answer: texts(batch.map((transaction) => transaction.answered?.answer ?? null)),
    t_deadline: numbers(batch.map((transaction) => transaction.deadline)),
    f_t: numbers(rows.fences.map((row) => row.t)),
    f_partition: numbers(rows.fences.map((row) => row.partition)),
    f_epoch: numbers(rows.fences.map((row) => row.epoch)),
    n_t: numbers(rows.products.map((row) => row.t)),
    n_product: uuids(rows.products.map((row) => row.product)),
    n_seller: uuids(rows.products.map((row) => row.seller)),
    n_name: texts(rows.products.map((row) => row.name)),
    n_description: texts(rows.products.map((row) => row.description)),
    n_category: texts(rows.products.map((row) => row.category)),
    n_price: numbers(rows.products.map((row) => row.price)),
    n_status: texts(rows.products.map((row) => row.status)),
    o_t: numbers(rows.orders.map((row) => row.t)),
    o_order: uuids(rows.orders.map((row) => row.order)),
    o_user: uuids(rows.orders.map((row) => row.user)),
    o_status: texts(rows.orders.map((row) => row.status)),
    o_total: numbers(rows.orders.map((row) => row.total)),
    o_discount: numbers(rows.orders.map((row) => row.discount)),
    o_paid: numbers(rows.orders.map((row) => row.paid)),
    o_created: numbers(rows.orders.map((row) => row.created)),
    o_coupon: sparse(
      rows.orders.map((row) => row.userCoupon),
      null,
      uuids
    ),
    o_deadline: sparse(
      rows.orders.map((row) => row.deadline),
      null,
      numbers
    ),
    o_due: sparse(
      rows.orders.map((row) => row.due),
      null,
      numbers
    ),
    o_address: sparse(
      rows.orders.map((row) => row.address),
      null,
      texts
    ),
    order_changes: records(rows.orderChanges),
    order_statuses: records(rows.history),
    lines_cancelled: records(rows.cancelled),
    l_t: numbers(rows.lines.map((row) => row.t)),
    l_order: uuids(rows.lines.map((row) => row.order)),
    l_line: numbers(rows.lines.map((row) => row.line)),
    l_product: uuids(rows.lines.map((row) => row.product)),
    l_name: texts(rows.lines.map((row) => row.name)),
    l_price: numbers(rows.lines.map((row) => row.price)),
    l_quantity: numbers(rows.lines.map((row) => row.quantity)),
    l_discount: numbers(rows.lines.map((row) => row.discount)),
    p_t: numbers(rows.payments.map((row) => row.t)),
    p_order: uuids(rows.payments.map((row) => row.order)),
    p_payment: uuids(rows.payments.map((row) => row.payment)),
    p_method: texts(rows.payments.map((row) => row.method)),
    p_amount: numbers(rows.payments.map((row) => row.amount)),
    p_status: sparse(
      rows.payments.map((row): string => row.status),
      "COMPLETED",
      texts
    ),
    p_gateway: sparse(
      rows.payments.map((row) => row.gateway),
      null,
      texts
    ),
    p_key: sparse(
      rows.payments.map((row) => row.key),
      null,
      texts
    ),
    p_due: sparse(
      rows.payments.map((row) => row.due),
      null,
      numbers
    ),
    payment_changes: records(rows.paymentChanges),
    refunds_changed: records(rows.refunds),
    g_t: numbers(rows.ledger.map((row) => row.t)),
    g_asset: texts(rows.ledger.map((row) => row.asset)),
    g_debit: uuids(rows.ledger.map((row) => row.debit)),
    g_credit: uuids(rows.ledger.map((row) => row.credit)),
    g_amount: numbers(rows.ledger.map((row) => row.amount)),
    g_reason: texts(rows.ledger.map((row) => row.reason)),
    g_order: uuids(rows.ledger.map((row) => row.order)),
    e_t: numbers(rows.events.map((row) => row.t)),
    e_type: texts(rows.events.map((row) => row.type)),
    e_entity: texts(rows.events.map((row) => row.entity)),
    e_payload: texts(rows.events.map((row) => row.payload)),
    x_t: numbers(rows.withdrawals.map((row) => row.t)),
    x_user: uuids(rows.withdrawals.map((row) => row.user)),
    w_t: numbers(rows.wallets.map((row) => row.t)),
    w_user: uuids(rows.wallets.map((row) => row.user)),
    w_delta: numbers(rows.wallets.map((row) => row.delta)),
    s_t: numbers(rows.stock.map((row) => row.t)),
    s_product: uuids(rows.stock.map((row) => row.product)),
    s_delta: numbers(rows.stock.map((row) => row.delta)),
    s_reserved: sparse(
      rows.stock.map((row) => row.reserved),
      0,
      numbers
    ),
    c_t: numbers(rows.edits.map((row) => row.t)),
    c_product: uuids(rows.edits.map((row) => row.product)),
    c_name: texts(rows.edits.map((row) => row.name)),
    c_description: texts(rows.edits.map((row) => row.description)),
    c_category: texts(rows.edits.map((row) => row.category)),
    c_price: numbers(rows.edits.map((row) => row.price)),
    c_status: texts(rows.edits.map((row) => row.status)),
    u_t: numbers(rows.uses.map((row) => row.t)),
    u_coupon: uuids(rows.uses.map((row) => row.userCoupon)),
    u_user: uuids(rows.uses.map((row) => row.user)),
    u_order: uuids(rows.uses.map((row) => row.order)),
    u_to: texts(rows.uses.map((row) => row.to)),
    v_rows: JSON.stringify(rows.revocations),
    i_t: numbers(rows.issues.map((row) => row.t)),
    i_id: uuids(rows.issues.map((row) => row.userCoupon)),
    i_coupon: uuids(rows.issues.map((row) => row.coupon)),
    i_user: uuids(rows.issues.map((row) => row.user)),
    i_slot: numbers(rows.issues.map((row) => row.slot)),
    i_issued: numbers(rows.issues.map((row) => row.issued)),
    m_t: numbers(rows.couponEdits.map((row) => row.t)),
    m_coupon: uuids(rows.couponEdits.map((row) => row.coupon)),
    m_condition: texts(rows.couponEdits.map((row) => row.condition)),
    a_t: numbers(rows.audits.map((row) => row.t)),
    a_record: texts(rows.audits.map((row) => row.record)),
    a_details: texts(rows.audits.map((row) => row.details))
  }
}

const commitStatement = `SELECT journal_commit(${Object.keys(parameters([]))
  .map((name, index) => `${name} => $${index + 1}`)
  .join(", ")}) AS verdicts, clock_ms() AS now`

const verdicts: ReadonlyArray<Verdict> = ["Committed", "Fenced", "Expired", "Duplicate"]
/** What the function says of a transaction: below 0, it is a rank. */
const decisionOf = (said: number): Decision | undefined => (said < 0 ? Rank(-said) : verdicts[said])
const resolutions: ReadonlyArray<Resolution> = ["Committed", "Absent", "Pending"]

/** Above every limit the sessions have themselves, so that silence means that nobody is there. */
const longestCommit = "10 seconds"

const bounded = <A>(asked: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, JournalUnavailable> =>
  asked.pipe(
    ask,
    Effect.mapError((cause) => new JournalUnavailable({ cause }))
  )

/**
 * What a failed commit means. An answer of the database's is final: nothing was written, and whether to try again is in
 * its SQLSTATE. Without an answer nobody knows, unless the connection was never made.
 */
const commitFailure = (error: SqlError.SqlError | Cause.TimeoutError) => {
  if (error._tag === "TimeoutError") return new OutcomeUnknown({ cause: error })
  const { operation, cause } = error.reason
  if (operation === "connect") return new JournalUnavailable({ cause: error })
  if (!isAnswer(cause)) return new OutcomeUnknown({ cause: error })
  return ofTheMoment.test(cause.code) ? new JournalUnavailable({ cause: error }) : new BatchRejected({ cause: error })
}

/** An error that ended the transaction, not the session. */
const isAnswer = Schema.is(Schema.Struct({ severityUnlocalized: Schema.Literal("ERROR"), code: Schema.String }))

/**
 * The classes of SQLSTATE that say nothing about the data: read-only, deadlock, privileges and schema, resources, locks,
 * shutdown, system.
 */
const ofTheMoment = /^(25|40|42|53|55|57|58)/

const LoadedProduct = Schema.Struct({
  product_id: Schema.String,
  seller_id: Schema.String,
  name: Schema.String,
  category: Schema.NullOr(Schema.String),
  price: Schema.BigInt,
  on_hand: Schema.BigInt,
  reserved: Schema.BigInt,
  sale_status: SaleStatus,
  version: Schema.Int
})
const LoadedWallet = Schema.Struct({
  user_id: Schema.String,
  balance: Schema.BigInt,
  purchases: Schema.Int,
  orders: Schema.Int,
  coupons: Schema.NullOr(Schema.Array(Schema.Struct(Struct.omit(UserCoupon.fields, ["pending"]))))
})
const decodeWallets = Schema.decodeUnknownEffect(Schema.Array(LoadedWallet))
const decodeCoupons = Schema.decodeUnknownEffect(Schema.Array(CouponRow))
const decodeOrders = Schema.decodeUnknownEffect(Schema.Array(OrderRow))
const decodeProducts = Schema.decodeUnknownEffect(Schema.Array(LoadedProduct))

export const layer = Layer.effect(
  Journal,
  Effect.gen(function* () {
    const sql = yield* JournalClient
    const clock = yield* Clock.Clock
    const monotonicMs = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    // The database's clock is heard with every commit, and runs on by the monotonic one in between.
    let offsetMs = clock.currentTimeMillisUnsafe() - monotonicMs()
    const heard = (now: bigint | undefined) => {
      if (now !== undefined) offsetMs = Number(now) - monotonicMs()
    }
    const [first] = yield* sql<{ now: bigint }>`SELECT clock_ms() AS now`.pipe(bounded)
    heard(first?.now)

    const loadProducts = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
      const rows = yield* sql`
        SELECT product_id, seller_id, name, category, price, on_hand, reserved, sale_status, version
        FROM products WHERE product_id = ANY (${uuids(ids)})`.pipe(bounded)
      const products = yield* decodeProducts(rows).pipe(Effect.orDie)
      return new Map(
        products.map((row): [string, Product] => [
          row.product_id,
          {
            ...makeProduct(
              {
                productId: productId(row.product_id),
                sellerId: userId(row.seller_id),
                name: row.name,
                price: won(Number(row.price)),
                onHand: pieces(Number(row.on_hand)),
                saleStatus: row.sale_status
              },
              row.category ?? undefined
            ),
            reserved: pieces(Number(row.reserved)),
            version: row.version
          }
        ])
      )
    })

    /** Coupons as the actor has them, and orders counted: one look into an index for each. */
    const loadWallets = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
      const rows = yield* sql`
        SELECT user_id, balance, purchases, orders, (
          SELECT json_agg(json_build_object('userCouponId', 'uco_' || user_coupon_id, 'couponId', 'cpn_' || coupon_id,
            'slot', slot, 'status', status)) FROM user_coupons u WHERE u.user_id = w.user_id
        ) AS coupons
        FROM wallets w, LATERAL (
          SELECT count(*) FILTER (WHERE status = 'CREATED')::int AS purchases,
            count(*) FILTER (WHERE status <> 'CANCELLED')::int AS orders
          FROM orders o WHERE o.user_id = w.user_id
        ) made WHERE user_id = ANY (${uuids(ids)})`.pipe(bounded)
      const wallets = yield* decodeWallets(rows).pipe(Effect.orDie)
      return new Map(
        wallets.map(({ user_id, balance, purchases, orders, coupons }): [string, Wallet] => [
          user_id,
          makeWallet(
            userId(user_id),
            won(Number(balance)),
            coupons?.map((coupon) => ({ ...coupon, pending: undefined })),
            orders,
            purchases
          )
        ])
      )
    })

    const loadCoupons = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
      const rows = yield* sql`SELECT ${columns(sql)} FROM coupons c WHERE coupon_id = ANY (${uuids(ids)})`.pipe(bounded)
      const coupons = yield* decodeCoupons(rows).pipe(Effect.orDie)
      return new Map(coupons.map((row): [string, Coupon] => [uuidOf(row.couponId), couponOf(row)]))
    })

    const loadOrders = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
      const rows = yield* sql`${selectOrders(sql)} WHERE order_id = ANY (${uuids(ids)})`.pipe(bounded)
      const orders = yield* decodeOrders(rows).pipe(Effect.orDie)
      return new Map(
        orders.map((order): [string, OrderState] => [uuidOf(order.orderId), { order, pending: undefined }])
      )
    })

    const loaders: {
      readonly [K in KindName]: (
        ids: ReadonlyArray<string>
      ) => Effect.Effect<ReadonlyMap<string, Actors[K]["state"]>, JournalUnavailable>
    } = { product: loadProducts, wallet: loadWallets, coupon: loadCoupons, order: loadOrders }

    return Journal.of({
      now: () => monotonicMs() + offsetMs,

      claim: (seen, owner) =>
        sql<{ partition_id: number; new_epoch: bigint }>`
          SELECT * FROM journal_claim(
            ${numbers(seen.map(({ partition }) => partition))},
            ${numbers(seen.map(({ epoch }) => epoch ?? 0))},
            ${owner}
          )`.pipe(
          bounded,
          Effect.map((rows) => {
            const epochs = new Map(rows.map((row) => [row.partition_id, Epoch(Number(row.new_epoch))]))
            return seen.map(({ partition }) => epochs.get(partition))
          })
        ),

      load: (kind, ids) => {
        const bare = ids.map(uuidOf)
        return Effect.map(loaders[kind](bare), (found) => bare.map((id) => found.get(id)))
      },

      commit: (batch) =>
        sql
          .unsafe<{ verdicts: ReadonlyArray<number>; now: bigint }>(commitStatement, Object.values(parameters(batch)))
          .pipe(
            within(longestCommit),
            Effect.mapError(commitFailure),
            Effect.flatMap(([row]) => {
              heard(row?.now)
              const given = row?.verdicts.map(decisionOf).filter((decision) => decision !== undefined)
              return given?.length === batch.length
                ? Effect.succeed(given)
                : Effect.fail(new OutcomeUnknown({ cause: "The database did not answer for each transaction" }))
            })
          ),

      resolve: (doubts) => {
        const fenced = doubts.flatMap(({ fences }, index) => fences.map((fence) => ({ ...fence, n: index + 1 })))
        return sql<{ resolutions: ReadonlyArray<number> | null; now: bigint }>`
          SELECT journal_resolve(
            ${numbers(fenced.map(({ n }) => n))},
            ${numbers(fenced.map(({ partition }) => partition))},
            ${numbers(fenced.map(({ epoch }) => epoch))},
            ${uuids(doubts.map(({ key }) => key))},
            ${uuids(doubts.map(({ id }) => id))},
            ${numbers(doubts.map(({ deadline }) => deadline))}
          ) AS resolutions, clock_ms() AS now`.pipe(
          Effect.map(([row]) => {
            // Also asked when there is nothing to resolve: so an idle node hears the clock.
            heard(row?.now)
            return doubts.map((_, index) => resolutions[row?.resolutions?.[index] ?? -1] ?? "Pending")
          }),
          bounded
        )
      },

      find: (keys) =>
        sql<{ key: string; id: string; fences: string; body_hash: string; answer: string; rank: number | null }>`
          SELECT key, id, fences, body_hash, answer,
            (SELECT rank FROM user_coupons WHERE user_coupon_id = transactions.id) AS rank
          FROM transactions WHERE key = ANY (${uuids(keys)}) AND answer IS NOT NULL`.pipe(
          Effect.map((rows) => {
            const found = new Map(
              rows.map(({ key, id, fences, body_hash: bodyHash, answer, rank }): [string, Found] => [
                key,
                {
                  id: TransactionId(id),
                  fences: fencesOf(fences),
                  bodyHash,
                  answer,
                  ...(rank === null ? {} : { rank: Rank(rank) })
                }
              ])
            )
            return keys.map((key) => found.get(key))
          }),
          bounded
        ),

      epochs: (partitions) =>
        sql<{ partition: number; epoch: bigint }>`SELECT partition, epoch FROM partitions`.pipe(
          Effect.map((rows) => {
            const epochs = new Map(rows.map((row) => [row.partition, Epoch(Number(row.epoch))]))
            return partitions.map((partition) => epochs.get(partition))
          }),
          bounded
        ),

      forget: sql`
        WITH absent AS (DELETE FROM absent WHERE created_at < now() - interval '1 day')
        DELETE FROM transactions WHERE key IN (
          SELECT key FROM transactions WHERE created_at < now() - ${Policy.idempotency.keptHours} * interval '1 hour'
          LIMIT 10000
        ) RETURNING id`.pipe(
        Effect.map((rows) => rows.length),
        bounded
      )
    })
  })
)
