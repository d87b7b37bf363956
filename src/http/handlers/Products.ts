import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Directory } from "../../actors/Directory.ts"
import { TimedOut } from "../../actors/Errors.ts"
import type { Permitted } from "../../domain/Authority.ts"
import type { ProductId } from "../../domain/Ids.ts"
import { pieces } from "../../domain/Money.ts"
import { available, type ProductEdit, ProductNotFound, type SaleStatus, stockStatus } from "../../domain/Product.ts"
import { Catalogue, type CatalogueEntry } from "../../persistence/Catalogue.ts"
import { adjustStock, createProduct, editProduct } from "../../saga/Products.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import { asCreated, withEtag } from "../api/Fields.ts"
import { keyedIf } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"

/** A product as the catalogue has it. */
const listed = ({ category, onHand, reserved, createdAt, updatedAt, ...entry }: CatalogueEntry) => ({
  ...entry,
  category: category ?? null,
  stock: available({ onHand, reserved }),
  stockStatus: stockStatus({ onHand, reserved, saleStatus: entry.saleStatus }),
  createdAt: iso(createdAt),
  updatedAt: iso(updatedAt)
})

const everybodys = ["ON_SALE", "SUSPENDED"] as const

/** What a list shows: to those who manage the products what is prepared, too, and what is discontinued if asked for. */
const shownStatuses = (isManaged: boolean, wanted: SaleStatus | undefined): ReadonlyArray<SaleStatus> => {
  if (wanted === undefined) return isManaged ? ["PREPARING", ...everybodys] : everybodys
  return isManaged || everybodys.some((status) => status === wanted) ? [wanted] : []
}

/** What the engine's types allow, and a change without a key rules out. */
const impossible = ["RequestInProgress", "KeyReused", "ProductNotOnSale"] as const

/** And what only a change of stock can meet. */
const stockless = ["StockShortage", "StockLimitExceeded"] as const

const edited = (productId: Permitted<ProductId>, version: number, edit: ProductEdit) =>
  Effect.catchTag(editProduct(productId, version, edit), [...impossible, ...stockless], Effect.die)

export const layer = HttpApiBuilder.group(
  Api,
  "products",
  Effect.fnUntraced(function* (handlers) {
    const directory = yield* Directory
    const catalogue = yield* Catalogue

    /** Numbers from the actor, texts from the catalogue, in this order: so the texts are no older than the version. */
    const current = Effect.fnUntraced(function* (productId: ProductId) {
      const product = yield* directory.read("product", productId)
      const entry = product === undefined ? undefined : yield* catalogue.get(productId)
      if (product === undefined || entry === undefined) return yield* new ProductNotFound({ productId })
      const { price, saleStatus, version } = product
      const numbers = { price, saleStatus, version, stock: available(product), stockStatus: stockStatus(product) }
      return withEtag({ ...listed(entry), ...numbers })
    })

    /** After a change: whoever cannot be told what became of it must not think that nothing did. */
    const changed = (productId: ProductId) =>
      Effect.catchTag(current(productId), ["Overloaded", "Unavailable"], () => Effect.fail(new TimedOut()))

    return handlers.handleAll({
      create: Effect.fnUntraced(function* ({ headers, payload }) {
        const who = yield* Policy.self
        const seller = yield* Policy.actingSeller(payload.sellerId)
        const { name, price, stock, description = "", category, saleStatus = "ON_SALE" } = payload
        const product = { name, price, description, category, saleStatus }
        const request = keyedIf(who, "POST /products", headers["idempotency-key"], payload)
        const { answer, replayed } = yield* Effect.catchTag(
          createProduct({ ...product, stock, seller, request }),
          ["ProductNotOnSale", ...stockless, "ProductNotFound", "StaleVersion"],
          Effect.die
        )
        // Whoever cannot be told what became of it must not think that nothing did.
        const entry = yield* Effect.mapError(catalogue.get(answer.productId), () => new TimedOut())
        if (entry === undefined) return yield* Effect.die("A product that was made and is not there")
        // As it was when it was made, whatever became of it: whoever repeats the request hears the same.
        const { version } = answer
        const numbers = { version, onHand: stock, reserved: pieces(0), updatedAt: entry.createdAt }
        return asCreated(listed({ ...entry, ...product, ...numbers }), replayed)
      }),

      list: Effect.fnUntraced(function* ({ query }) {
        const { category, q, minPrice, maxPrice, cursor, inStock = false } = query
        const { sellerId, withPrepared } = yield* Policy.listedSeller(query.sellerId)
        const saleStatuses = shownStatuses(withPrepared, query.saleStatus)
        const wanted = { ...query, category, q, minPrice, maxPrice, cursor, inStock, sellerId, saleStatuses }
        const { items, nextCursor } = yield* catalogue.list(wanted)
        return { items: items.map(listed), nextCursor }
      }),

      read: Effect.fnUntraced(function* ({ params, query }) {
        const product = yield* Policy.anyProduct(params.productId)
        // Whoever claimed the product since is asked instead of this node's memory.
        if (query.fresh === true) yield* directory.dropFenced
        const shown = yield* current(product)
        const { saleStatus, sellerId } = shown.body
        if (saleStatus === "PREPARING" && !(yield* Policy.seesPrepared(sellerId))) {
          return yield* new ProductNotFound({ productId: product })
        }
        return shown
      }),

      edit: Effect.fnUntraced(function* ({ params, headers, payload }) {
        const product = yield* Policy.managedProduct(params.productId)
        yield* edited(product, headers["if-match"], payload)
        return yield* changed(product.of)
      }),

      discontinue: Effect.fnUntraced(function* ({ params, headers }) {
        const product = yield* Policy.managedProduct(params.productId)
        yield* edited(product, headers["if-match"], { saleStatus: "DISCONTINUED" })
        return yield* changed(product.of)
      }),

      adjustStock: Effect.fnUntraced(function* ({ params, headers, payload }) {
        const product = yield* Policy.managedProduct(params.productId)
        const adjusted = adjustStock(product, headers["if-match"], payload.delta)
        yield* Effect.catchTag(adjusted, impossible, Effect.die)
        return yield* changed(product.of)
      })
    })
  })
)
