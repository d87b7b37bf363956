/** What an auditor sees of a storage: all accounts, and all that was ever moved between them. */
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"

export interface Entry {
  readonly transaction: string
  readonly asset: string
  readonly debit: string
  readonly credit: string
  readonly amount: number
}

export interface Accounts {
  /** Balances and stock, by bare UUID. */
  readonly wallets: ReadonlyMap<string, number>
  readonly stock: ReadonlyMap<string, number>
  readonly ledger: ReadonlyArray<Entry>
  /** Types of events, in their order, by entity. */
  readonly events: ReadonlyMap<string, ReadonlyArray<string>>
}

const grouped = (events: ReadonlyArray<{ readonly entity: string; readonly type: string }>) =>
  new Map(
    Object.entries(Object.groupBy(events, ({ entity }) => entity)).map(([entity, of = []]) => [
      entity,
      of.map(({ type }) => type)
    ])
  )

export class Books extends Context.Service<Books, { readonly read: Effect.Effect<Accounts> }>()("test/Books") {
  static readonly memory = Layer.effect(
    Books,
    Effect.map(MemoryTables, ({ wallets, products, ledger, outbox }) => ({
      read: Effect.sync(() => ({
        wallets: new Map(wallets),
        stock: new Map(Array.from(products, ([id, { onHand }]) => [id, onHand])),
        ledger: ledger.map(({ transactionId: transaction, asset, debit, credit, amount }) => ({
          transaction,
          asset,
          debit,
          credit,
          amount
        })),
        events: grouped(outbox)
      }))
    }))
  )

  static readonly sql = Layer.effect(
    Books,
    Effect.map(SqlClient.SqlClient, (sql) => ({
      read: Effect.gen(function* () {
        const balances = yield* sql<{ id: string; n: number }>`SELECT user_id AS id, balance::float8 AS n FROM wallets`
        const stock = yield* sql<{ id: string; n: number }>`SELECT product_id AS id, on_hand::float8 AS n FROM products`
        const events = yield* sql<{ entity: string; type: string }>`SELECT entity, type FROM outbox ORDER BY event_id`
        return {
          wallets: new Map(balances.map(({ id, n }) => [id, n])),
          stock: new Map(stock.map(({ id, n }) => [id, n])),
          ledger: yield* sql<Entry>`
            SELECT transaction_id AS transaction, asset, debit, credit, amount::float8 AS amount
            FROM ledger ORDER BY entry_id`,
          events: grouped(events)
        }
      }).pipe(sql.withTransaction, Effect.orDie)
    }))
  )
}

/** The sum of all postings of each account, and of all of them. */
export const balances = (ledger: ReadonlyArray<Entry>, asset: string) => {
  const totals = new Map<string, number>()
  const post = (account: string, amount: number) => totals.set(account, (totals.get(account) ?? 0) + amount)
  for (const entry of ledger) {
    if (entry.asset !== asset) continue
    post(entry.debit, -entry.amount)
    post(entry.credit, entry.amount)
  }
  return totals
}
