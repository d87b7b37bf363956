import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Directory } from "../../actors/Directory.ts"
import type { UserId } from "../../domain/Ids.ts"
import { couponRefusals } from "../../domain/UserCoupon.ts"
import { UserNotFound } from "../../domain/Wallet.ts"
import { type StatementEntry, Statements } from "../../persistence/Statements.ts"
import { charge } from "../../saga/Charge.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import { replay } from "../api/Fields.ts"
import { keyed } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"

const transaction = ({ entryId, createdAt, orderId, type, amount, balanceAfter }: StatementEntry) => ({
  transactionId: entryId,
  type,
  amount,
  balanceAfter,
  ...(orderId === undefined ? {} : { orderId }),
  createdAt: iso(createdAt)
})

export const layer = HttpApiBuilder.group(
  Api,
  "balances",
  Effect.fnUntraced(function* (handlers) {
    const directory = yield* Directory
    const statements = yield* Statements

    const walletOf = Effect.fnUntraced(function* (userId: UserId) {
      return (yield* directory.read("wallet", userId)) ?? (yield* new UserNotFound({ userId }))
    })

    return handlers.handleAll({
      charge: Effect.fnUntraced(function* ({ headers, payload }) {
        const who = yield* Policy.self
        const user = yield* Policy.actingFor(payload.userId)
        const request = keyed(who, "POST /balances/charge", headers["idempotency-key"], payload)
        const charged = charge({ request, user, amount: payload.amount })
        const impossible = [
          "InsufficientBalance",
          "WalletUndecided",
          "TooManyUnpaid",
          "BalanceRemaining",
          "OrdersOpen",
          ...couponRefusals
        ] as const
        return replay(yield* Effect.catchTag(charged, impossible, Effect.die))
      }),

      balance: Effect.fnUntraced(function* ({ params }) {
        const { userId, balance } = yield* walletOf(yield* Policy.visibleUser(params.userId))
        return { userId, balance }
      }),

      transactions: Effect.fnUntraced(function* ({ params, query: { limit, cursor } }) {
        const { userId } = yield* walletOf(yield* Policy.visibleUser(params.userId))
        const { items, nextCursor } = yield* statements.list(userId, { limit, cursor })
        return { items: items.map(transaction), nextCursor }
      })
    })
  })
)
