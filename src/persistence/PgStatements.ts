import { Effect, Layer, Record, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { OrderId, uuidOf } from "../domain/Ids.ts"
import { Money, MoneyDelta, zero } from "../domain/Money.ts"
import { nullable, query } from "./Queries.ts"
import { moneyContra } from "./Rows.ts"
import { pages, Statements } from "./Statements.ts"

const postings = query(
  Schema.Struct({
    entryId: Schema.String,
    type: Schema.Literals(Record.keys(moneyContra)),
    amount: Schema.Int,
    orderId: nullable(OrderId),
    createdAt: Schema.Int,
    balance: Money
  })
)

/** As high as no entry's. */
const first = "999999999999999999"

export const layer = Layer.effect(
  Statements,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return Statements.of({
      list: Effect.fn("Statements.list")(function* (userId, request) {
        const after = yield* pages.read(request)
        const user = uuidOf(userId)
        // The conditions on the asset and the house are those of the indexes. Entries and balance are of one moment.
        const side = (account: "debit" | "credit", sign: number) => sql`
          SELECT entry_id, reason, ${sign} * amount AS amount, order_id, created_at FROM ledger
          WHERE asset = 'KRW' AND ${sql(account)} = ${user} AND ${sql(account)} > '00000000-0000-0000-0000-0000000000ff'
            AND entry_id < ${after?.entryId ?? first}::bigint`
        const found = yield* postings(sql`
          SELECT entry_id::text AS "entryId", reason AS type, amount::float8 AS amount,
            'ord_' || order_id AS "orderId", round(extract(epoch FROM created_at) * 1000)::float8 AS "createdAt",
            coalesce((SELECT balance FROM wallets WHERE user_id = ${user}), 0)::float8 AS balance
          FROM (${side("debit", -1)} UNION ALL ${side("credit", 1)}) AS posting
          ORDER BY entry_id DESC LIMIT ${request.limit + 1}`)
        return pages.page(
          found.map(({ balance: _, ...posting }) => ({ ...posting, amount: MoneyDelta(posting.amount) })),
          after?.balance ?? found[0]?.balance ?? zero,
          request
        )
      })
    })
  })
)
