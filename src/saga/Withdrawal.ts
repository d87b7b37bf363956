/** A user leaves: the wallet must be empty (G12); name, login and password go at once (RX3). */
import { Effect, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import type { UserId } from "../domain/Ids.ts"
import type { WalletRefusal } from "../domain/Wallet.ts"
import { type Failure, Transact } from "./Transact.ts"

export const withdraw = ({
  of: userId,
  by
}: Permitted<UserId>): Effect.Effect<void, WalletRefusal | Failure, Transact> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      by,
      answer: Schema.Null,
      plan: Effect.fnUntraced(function* ({ hold }) {
        yield* hold("wallet", userId, { _tag: "Close" })
        return {
          changes: [{ _tag: "UserWithdrew", userId }],
          events: [{ type: "UserWithdrew", entity: userId, payload: {} }],
          answer: null
        }
      })
    })
  ).pipe(Effect.asVoid)
