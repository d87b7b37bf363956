/**
 * A user leaves: the wallet must be empty, and all orders completed or cancelled (G12); name, login and password go at
 * once (RX3), and the addresses of the orders.
 */
import { Effect, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import type { UserId } from "../domain/Ids.ts"
import { OrdersOpen, type WalletRefusal } from "../domain/Wallet.ts"
import { Orders } from "../persistence/Orders.ts"
import { whenDecided } from "./Coupons.ts"
import { type Failure, Transact } from "./Transact.ts"

export const withdraw = ({
  of: userId,
  by
}: Permitted<UserId>): Effect.Effect<void, WalletRefusal | Failure, Transact | Orders> =>
  Effect.flatMap(Effect.all([Transact, Orders]), ([transact, orders]) =>
    transact.run({
      by,
      answer: Schema.Null,
      plan: Effect.fnUntraced(function* ({ hold }) {
        yield* whenDecided(hold("wallet", userId, { _tag: "Close" }))
        // In this order: a wallet that is being closed makes no more orders, so none can be missed.
        if (yield* orders.hasOpen(userId)) return yield* new OrdersOpen()
        return {
          changes: [{ _tag: "UserWithdrew", userId }],
          events: [{ type: "UserWithdrew", entity: userId, payload: {} }],
          answer: null
        }
      })
    })
  ).pipe(Effect.asVoid)
