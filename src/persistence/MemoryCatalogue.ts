import { Effect, Layer, Order } from "effect"
import { productId, userId, uuidOf } from "../domain/Ids.ts"
import { pieces, won } from "../domain/Money.ts"
import { Catalogue, type CatalogueEntry, type CatalogueQuery, pages, type Sort } from "./Catalogue.ts"
import { MemoryTables, type ProductRecord } from "./MemoryTables.ts"

const entryOf = (id: string, record: ProductRecord): CatalogueEntry => ({
  productId: productId(id),
  sellerId: userId(record.seller),
  name: record.name,
  description: record.description,
  category: record.category ?? undefined,
  price: won(record.price),
  onHand: pieces(record.onHand),
  reserved: pieces(record.reserved),
  saleStatus: record.status,
  version: record.version,
  createdAt: record.createdAt,
  updatedAt: record.updatedAt
})

type Place = Pick<CatalogueEntry, "price" | "productId">

const byId = Order.mapInput(Order.String, (place: Place) => place.productId)
const byPrice = Order.combine(
  Order.mapInput(Order.Number, (place: Place) => place.price),
  byId
)
const orders: Record<Sort, Order.Order<Place>> = {
  price: byPrice,
  "-price": Order.flip(byPrice),
  newest: Order.flip(byId)
}

const matches = (
  { saleStatuses, sellerId, category, q, minPrice, maxPrice, inStock }: CatalogueQuery,
  entry: CatalogueEntry
) =>
  saleStatuses.includes(entry.saleStatus) &&
  (sellerId === undefined || entry.sellerId === sellerId) &&
  (category === undefined || entry.category === category) &&
  (q === undefined || [entry.name, entry.description].some((text) => text.toLowerCase().includes(q.toLowerCase()))) &&
  (minPrice === undefined || entry.price >= minPrice) &&
  (maxPrice === undefined || entry.price <= maxPrice) &&
  (!inStock || entry.onHand > entry.reserved)

export const layer = Layer.effect(
  Catalogue,
  Effect.gen(function* () {
    const { products } = yield* MemoryTables
    return Catalogue.of({
      get: (id) =>
        Effect.sync(() => {
          const record = products.get(uuidOf(id))
          return record === undefined ? undefined : entryOf(uuidOf(id), record)
        }),

      isSelling: (seller) =>
        Effect.sync(() =>
          Array.from(products.values()).some(
            (record) => record.seller === uuidOf(seller) && record.status === "ON_SALE"
          )
        ),

      list: Effect.fnUntraced(function* (wanted) {
        const after = yield* pages.read(wanted)
        const order = orders[wanted.sort]
        const found = Array.from(products, ([id, record]) => entryOf(id, record))
          .filter((entry) => matches(wanted, entry) && (after === undefined || order(entry, after) > 0))
          .toSorted(order)
        return pages.page(found, wanted)
      })
    })
  })
)
