/** A wallet's history, read from the ledger. */
import { Context, type Effect, Schema } from "effect"
import type { OrderId, UserId } from "../domain/Ids.ts"
import { Money, type MoneyDelta, won } from "../domain/Money.ts"
import type { MoneyReason } from "../domain/Transaction.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, type InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export interface StatementEntry {
  readonly entryId: string
  readonly type: MoneyReason
  /** Negative when money left the wallet. */
  readonly amount: MoneyDelta
  /** The balance after this entry: the balance after the one before it, plus `amount`. */
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

/** An entry of the ledger, before its balance is known. */
export type Posting = Omit<StatementEntry, "balanceAfter">

const cursor = cursorOf(Schema.Struct({ entryId: Schema.String.check(Schema.isPattern(/^\d{1,18}$/)), balance: Money }))

/**
 * How all implementations make pages. A wallet's entries are in the order they were committed in, so no entry appears
 * later below one that was read: the cursor carries the balance that the next page begins with.
 */
export const pages = {
  read: cursor.read,
  /** `balance` is what the wallet had after the first of `postings`, which are newest first. */
  page: (postings: ReadonlyArray<Posting>, balance: Money, request: PageRequest): Page<StatementEntry> => {
    let balanceAfter = balance
    const entries = postings.map((posting) => {
      const entry = { ...posting, balanceAfter }
      balanceAfter = won(balanceAfter - posting.amount)
      return entry
    })
    return cursor.page(entries, request, (last) => ({
      entryId: last.entryId,
      balance: won(last.balanceAfter - last.amount)
    }))
  }
}
