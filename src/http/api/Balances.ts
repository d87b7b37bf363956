import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { OrderId, UserId } from "../../domain/Ids.ts"
import { Money } from "../../domain/Money.ts"
import { Policy } from "../../domain/Policy.ts"
import {
  ClaimedUserId,
  documented,
  example,
  IdempotencyKey,
  page,
  PageQuery,
  replayable,
  says,
  Timestamp
} from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, keyed, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

export const Balance = Schema.Struct({ userId: UserId, balance: Money })
  .annotate({ identifier: "Balance" })
  .pipe(example({ userId: Samples.buyer, balance: 300_000 }))

const { minCharge: minimum, maxCharge: maximum } = Policy.wallet

/** Any number: what may be charged is for the wallet to say. */
const Amount = Schema.Finite.check(documented({ type: "integer", minimum, maximum })).annotate({
  description: "Whole won."
})

export const Charge = Schema.Struct({ userId: Schema.optionalKey(ClaimedUserId), amount: Amount })
  .annotate({ identifier: "Charge" })
  .pipe(example({ amount: 300_000 }))

export const BalanceTransaction = Schema.Struct({
  transactionId: Schema.String,
  type: Schema.Literals(["CHARGE", "PAYMENT", "REFUND"]),
  amount: Schema.Int.pipe(says("Negative when money left.")),
  balanceAfter: Money,
  orderId: Schema.optionalKey(OrderId),
  createdAt: Timestamp
})
  .annotate({ identifier: "BalanceTransaction" })
  .pipe(
    example({
      transactionId: "1024",
      type: "PAYMENT",
      amount: -129_000,
      balanceAfter: 171_000,
      orderId: Samples.order,
      createdAt: Samples.made
    })
  )

const params = { userId: ClaimedUserId }

export class BalancesApi extends HttpApiGroup.make("balances")
  .add(
    HttpApiEndpoint.post("charge", "/balances/charge", {
      headers: IdempotencyKey,
      payload: Charge,
      success: replayable(Balance),
      error: problems(
        ...writing,
        ...keyed,
        "INVALID_AMOUNT",
        "CHARGE_BELOW_MINIMUM",
        "BALANCE_LIMIT_EXCEEDED",
        "USER_NOT_FOUND",
        "FORBIDDEN"
      )
    }).annotate(OpenApi.Description, "One's own wallet; an ADMIN says whose, with userId."),
    HttpApiEndpoint.get("balance", "/balances/:userId", {
      params,
      success: Balance,
      error: problems(...asking, "USER_NOT_FOUND")
    }).annotate(OpenApi.Description, "As of the last commit. One's own, or anybody's for an ADMIN."),
    HttpApiEndpoint.get("transactions", "/balances/:userId/transactions", {
      params,
      query: PageQuery,
      success: page(BalanceTransaction),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(OpenApi.Description, "What moved, why, and what the balance was then, newest first.")
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Wallets") {}
