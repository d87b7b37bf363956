/** Products as people read them: what is committed, with the texts no actor keeps. */
import { Context, Effect, Schema } from "effect"
import { ProductId, type UserId } from "../domain/Ids.ts"
import { Money, type Quantity } from "../domain/Money.ts"
import type { SaleStatus } from "../domain/Product.ts"
import type { Unavailable } from "./Failures.ts"
import { cursorOf, InvalidCursor, type Page, type PageRequest } from "./Page.ts"

export interface CatalogueEntry {
  readonly productId: ProductId
  readonly sellerId: UserId
  readonly name: string
  readonly description: string
  readonly category: string | undefined
  readonly price: Money
  readonly onHand: Quantity
  /** Of them, pieces of orders that are not paid. */
  readonly reserved: Quantity
  readonly saleStatus: SaleStatus
  readonly version: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** `-price` is dearest first. Ties are broken by id, which grows with time, so every order is stable. */
export const Sort = Schema.Literals(["price", "-price", "newest"])
export type Sort = typeof Sort.Type

export interface CatalogueQuery extends PageRequest {
  /** What is in one of these; nothing is in none. */
  readonly saleStatuses: ReadonlyArray<SaleStatus>
  readonly sellerId: UserId | undefined
  readonly category: string | undefined
  /** Part of the name or the description, whatever its case. */
  readonly q: string | undefined
  readonly sort: Sort
  readonly minPrice: Money | undefined
  readonly maxPrice: Money | undefined
  readonly inStock: boolean
}

export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** A product in any status. */
    readonly get: (productId: ProductId) => Effect.Effect<CatalogueEntry | undefined, Unavailable>
    /** Whether any of a seller's products is on sale. */
    readonly isSelling: (sellerId: UserId) => Effect.Effect<boolean, Unavailable>
    readonly list: (query: CatalogueQuery) => Effect.Effect<Page<CatalogueEntry>, InvalidCursor | Unavailable>
  }
>()("sluice/persistence/Catalogue") {}

const cursor = cursorOf(Schema.Struct({ sort: Sort, price: Money, productId: ProductId }))

/** How all implementations make pages. A cursor is good for the order it was given out for. */
export const pages = {
  read: (query: CatalogueQuery) =>
    Effect.filterOrFail(
      cursor.read(query),
      (after) => after === undefined || after.sort === query.sort,
      () => new InvalidCursor()
    ),
  page: (found: ReadonlyArray<CatalogueEntry>, query: CatalogueQuery) =>
    cursor.page(found, query, ({ price, productId }) => ({ sort: query.sort, price, productId }))
}
