/** A wallet's history, read from the ledger. */
import { Context, type Effect } from "effect"
import type { OrderId, UserId } from "../domain/Ids.ts"
import type { Money, MoneyDelta } from "../domain/Money.ts"
import type { MoneyReason } from "../domain/Transaction.ts"
import type { Unavailable } from "./Failures.ts"
import type { InvalidCursor, Page, PageRequest } from "./Page.ts"

export interface StatementEntry {
  readonly entryId: string
  readonly type: MoneyReason
  /** Negative when money left the wallet. */
  readonly amount: MoneyDelta
  /** The balance after this entry, in the ledger's order: the entry before it plus `amount`. */
  readonly balanceAfter: Money
  readonly orderId: OrderId | undefined
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

export class Statements extends Context.Service<
  Statements,
  {
    /** Entries of a user's wallet, newest first. */
    readonly list: (
      userId: UserId,
      page: PageRequest
    ) => Effect.Effect<Page<StatementEntry>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Statements") {}
