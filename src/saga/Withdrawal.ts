/**
 * A user leaves: the wallet must be empty, nothing on sale, and all orders, bought or sold, completed or cancelled (G12);
 * name, login, password and the addresses of the orders go at once (RX3). Once the wallet is closing there is no order of
 * the user's that is not on disk, and no new one.
 */
import { Effect, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import type { OrderId, UserId } from "../domain/Ids.ts"
import { OrderRefusal, OrderUndecided } from "../domain/OrderLife.ts"
import { OrdersOpen, type WalletRefusal } from "../domain/Wallet.ts"
import { Catalogue } from "../persistence/Catalogue.ts"
import { Orders } from "../persistence/Orders.ts"
import { Users } from "../persistence/Users.ts"
import { type Attempt, type Failure, Transact } from "./Transact.ts"
import { whenDecided } from "./Waiters.ts"

/** Whoever sells ends that first: somebody has to send what is bought. */
export class ProductsOnSale extends Schema.TaggedError<ProductsOnSale>()("ProductsOnSale", {}) {}

/** Another ADMIN takes the role away first: so one is always left. */
export class AdminCannotWithdraw extends Schema.TaggedError<AdminCannotWithdraw>()("AdminCannotWithdraw", {}) {}

const isUndecided = (error: unknown): error is OrderUndecided => error instanceof OrderUndecided
/** To be forgotten is nothing that an order refuses. */
const isImpossible = Schema.is(OrderRefusal)

const page = 100

/** Has every order that has an address of the user's forget it. */
const forgetAddresses = Effect.fnUntraced(function* (
  { hold, waiters }: Attempt,
  { list }: Orders["Service"],
  user: UserId
) {
  const forget = (id: OrderId) =>
    Effect.catchIf(waiters.ask(id, hold("order", id, { _tag: "Forget" }), isUndecided), isImpossible, Effect.die)
  let cursor: string | undefined
  do {
    const found = yield* Effect.catchTag(list(user, { limit: page, cursor }), "InvalidCursor", Effect.die)
    const withAddress = found.items.filter(({ shippingAddress }) => shippingAddress !== undefined)
    yield* Effect.forEach(withAddress, ({ orderId }) => forget(orderId), { concurrency: page, discard: true })
    cursor = found.nextCursor ?? undefined
  } while (cursor !== undefined)
})

export const withdraw = ({
  of: userId,
  by
}: Permitted<UserId>): Effect.Effect<
  void,
  WalletRefusal | ProductsOnSale | AdminCannotWithdraw | Failure,
  Transact | Users | Catalogue | Orders
> =>
  Effect.flatMap(Effect.all([Transact, Users, Catalogue, Orders]), ([transact, users, catalogue, orders]) =>
    transact.run({
      by,
      answer: Schema.Null,
      plan: Effect.fnUntraced(function* (attempt) {
        yield* whenDecided(attempt.hold("wallet", userId, { _tag: "Close" }))
        if ((yield* users.get(userId))?.role === "ADMIN") return yield* new AdminCannotWithdraw()
        // In this order: what is not on sale is bought no more. The disk asks again.
        if (yield* catalogue.isSelling(userId)) return yield* new ProductsOnSale()
        if (yield* orders.hasOpen(userId)) return yield* new OrdersOpen()
        yield* forgetAddresses(attempt, orders, userId)
        return {
          changes: [{ _tag: "UserWithdrew", userId }],
          events: [{ type: "UserWithdrew", entity: userId, payload: {} }],
          answer: null
        }
      })
    })
  ).pipe(Effect.asVoid)
