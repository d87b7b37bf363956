/** What clients ask of the engine: the use cases as data, carried out as the HTTP layer would. */
import { Effect, Exit, Schema } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import { permit } from "../../src/domain/Authority.ts"
import type { ProductId, UserId } from "../../src/domain/Ids.ts"
import { type Money, pieces, Quantity } from "../../src/domain/Money.ts"
import type { ProductEdit } from "../../src/domain/Product.ts"
import { charge } from "../../src/saga/Charge.ts"
import { checkout } from "../../src/saga/Checkout.ts"
import { adjustStock, createProduct, editProduct } from "../../src/saga/Products.ts"
import type { Keyed } from "../../src/saga/Transact.ts"
import { withdraw } from "../../src/saga/Withdrawal.ts"
import type { Engine } from "./Node.ts"

export interface Item {
  readonly product: ProductId
  /** Anything a client may have sent. */
  readonly quantity: number
}

export type Operation =
  | {
      readonly _tag: "Checkout"
      readonly keyed: Keyed
      readonly buyer: UserId
      readonly items: ReadonlyArray<Item>
      readonly expectedTotal: Money | undefined
    }
  | { readonly _tag: "Charge"; readonly keyed: Keyed; readonly user: UserId; readonly amount: number }
  | { readonly _tag: "Adjust"; readonly product: ProductId; readonly version: number; readonly delta: number }
  | { readonly _tag: "Edit"; readonly product: ProductId; readonly version: number; readonly edit: ProductEdit }
  | { readonly _tag: "Create"; readonly seller: UserId; readonly price: Money; readonly stock: number }
  | { readonly _tag: "Withdraw"; readonly user: UserId }
  | { readonly _tag: "ReadProduct"; readonly product: ProductId }
  | { readonly _tag: "ReadWallet"; readonly user: UserId }

export interface Answered {
  readonly answer: unknown
  readonly replayed: boolean
}

/** What HTTP would answer with 400. */
export class Invalid {
  readonly _tag = "Invalid"
}

const fresh = (answer: unknown): Answered => ({ answer, replayed: false })

const decodeItem = Schema.decodeUnknownEffect(Schema.Struct({ quantity: Quantity }))

export const carryOut = (operation: Operation): Effect.Effect<Answered, { readonly _tag: string }, Engine> => {
  switch (operation._tag) {
    case "Checkout": {
      const { keyed, buyer, items, expectedTotal } = operation
      return Effect.forEach(items, ({ product, quantity }) =>
        Effect.map(decodeItem({ quantity }), (item) => ({ productId: product, quantity: item.quantity }))
      ).pipe(
        Effect.mapError(() => new Invalid()),
        Effect.flatMap((decoded) => checkout({ request: keyed, buyer, items: decoded, expectedTotal }))
      )
    }
    case "Charge":
      return charge({ request: operation.keyed, user: permit(operation.user), amount: operation.amount })
    case "Adjust":
      return Effect.map(adjustStock(permit(operation.product), operation.version, operation.delta), fresh)
    case "Edit":
      return Effect.map(editProduct(permit(operation.product), operation.version, operation.edit), fresh)
    case "Create": {
      const { seller, price, stock } = operation
      const product = { name: "New", description: "", category: undefined, saleStatus: "ON_SALE" } as const
      return Effect.map(createProduct({ ...product, seller: permit(seller), price, stock: pieces(stock) }), fresh)
    }
    case "Withdraw":
      return Effect.map(withdraw(permit(operation.user)), fresh)
    case "ReadProduct":
      return Effect.flatMap(Directory, ({ read }) => Effect.map(read("product", operation.product), fresh))
    case "ReadWallet":
      return Effect.flatMap(Directory, ({ read }) => Effect.map(read("wallet", operation.user), fresh))
  }
}

/** What an asker knows after one attempt. */
export type Outcome =
  | { readonly _tag: "Ok"; readonly answer: unknown; readonly replayed: boolean }
  /** No, for a reason of the business. Nothing changed. */
  | { readonly _tag: "Refused"; readonly reason: string; readonly error: unknown }
  /** Not now. This attempt changed nothing. */
  | { readonly _tag: "NotNow"; readonly reason: string }
  /** It may have happened, or happen yet. */
  | { readonly _tag: "Unknown"; readonly reason: string }
  /** A bug. */
  | { readonly _tag: "Defect"; readonly reason: string }

/** Why a request never arrived. */
export const noConnection = "connection refused"

const notNow = new Set(["Unavailable", "Overloaded", "RequestInProgress", "NotReady"])

export const outcomeOf = (exit: Exit.Exit<Answered, { readonly _tag: string }>): Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "Ok", ...exit.value }
  for (const reason of exit.cause.reasons) {
    if (reason._tag === "Die") return { _tag: "Defect", reason: String(reason.defect) }
    if (reason._tag !== "Fail") continue
    const { _tag } = reason.error
    if (_tag === "TimedOut") return { _tag: "Unknown", reason: _tag }
    return notNow.has(_tag) ? { _tag: "NotNow", reason: _tag } : { _tag: "Refused", reason: _tag, error: reason.error }
  }
  return { _tag: "Unknown", reason: "interrupted" }
}
