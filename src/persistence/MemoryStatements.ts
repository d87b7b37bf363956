import { Effect, Layer } from "effect"
import { orderId, uuidOf } from "../domain/Ids.ts"
import { MoneyDelta, won } from "../domain/Money.ts"
import type { MoneyReason } from "../domain/Transaction.ts"
import { MemoryTables } from "./MemoryTables.ts"
import { moneyContra } from "./Rows.ts"
import { pages, type Posting, Statements } from "./Statements.ts"

const isMoney = (reason: string): reason is MoneyReason => Object.hasOwn(moneyContra, reason)

export const layer = Layer.effect(
  Statements,
  Effect.gen(function* () {
    const { ledger, wallets } = yield* MemoryTables
    return Statements.of({
      list: Effect.fnUntraced(function* (userId, request) {
        const after = yield* pages.read(request)
        const user = uuidOf(userId)
        const found: Array<Posting> = []
        ledger.forEach(({ debit, credit, amount, reason, order, createdAt }, index) => {
          if (!isMoney(reason) || (debit !== user && credit !== user)) return
          if (after !== undefined && index + 1 >= Number(after.entryId)) return
          found.unshift({
            entryId: String(index + 1),
            type: reason,
            amount: MoneyDelta(credit === user ? amount : -amount),
            orderId: order === null ? undefined : orderId(order),
            createdAt
          })
        })
        return pages.page(found, after?.balance ?? won(wallets.get(user) ?? 0), request)
      })
    })
  })
)
