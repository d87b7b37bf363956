import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ProductId, UserId, uuidOf } from "../domain/Ids.ts"
import { Price, Stock } from "../domain/Money.ts"
import { SaleStatus } from "../domain/Product.ts"
import { Catalogue, pages } from "./Catalogue.ts"
import { nullable, query, storable } from "./Queries.ts"

const entries = query(
  Schema.Struct({
    productId: ProductId,
    sellerId: UserId,
    name: Schema.String,
    description: Schema.String,
    category: nullable(Schema.String),
    price: Price,
    onHand: Stock,
    reserved: Stock,
    saleStatus: SaleStatus,
    version: Schema.Int,
    createdAt: Schema.Int,
    updatedAt: Schema.Int
  })
)

const ids = query(Schema.Struct({ productId: ProductId }))

/** Text as a pattern that finds it anywhere. */
const containing = (text: string) => `%${text.replace(/[\\%_]/g, "\\$&")}%`

export const layer = Layer.effect(
  Catalogue,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const entry = sql`
      'prd_' || product_id AS "productId", 'usr_' || seller_id AS "sellerId", name, description, category,
      price::float8 AS price, on_hand::float8 AS "onHand", reserved::float8 AS reserved, sale_status AS "saleStatus", version,
      round(extract(epoch FROM created_at) * 1000)::float8 AS "createdAt",
      round(extract(epoch FROM updated_at) * 1000)::float8 AS "updatedAt"`
    const orders = {
      price: sql`price, product_id`,
      "-price": sql`price DESC, product_id DESC`,
      newest: sql`product_id DESC`
    }

    return Catalogue.of({
      get: Effect.fn("Catalogue.get")(function* (productId) {
        const [found] = yield* entries(sql`SELECT ${entry} FROM products WHERE product_id = ${uuidOf(productId)}`)
        return found
      }),

      isSelling: Effect.fn("Catalogue.isSelling")(function* (sellerId) {
        const found = yield* ids(sql`
          SELECT 'prd_' || product_id AS "productId" FROM products
          WHERE seller_id = ${uuidOf(sellerId)} AND sale_status = 'ON_SALE' LIMIT 1`)
        return found.length > 0
      }),

      list: Effect.fn("Catalogue.list")(function* (wanted) {
        const { saleStatuses, sellerId, category, q, sort, minPrice, maxPrice, inStock, limit } = wanted
        const after = yield* pages.read(wanted)
        if (![category, q].every((text) => text === undefined || storable(text))) return pages.page([], wanted)
        const conditions = [sql`sale_status IN ${sql.in(saleStatuses)}`]
        if (sellerId !== undefined) conditions.push(sql`seller_id = ${uuidOf(sellerId)}`)
        if (category !== undefined) conditions.push(sql`category = ${category}`)
        if (q !== undefined) {
          const pattern = containing(q)
          conditions.push(sql`(name ILIKE ${pattern} OR description ILIKE ${pattern})`)
        }
        if (minPrice !== undefined) conditions.push(sql`price >= ${minPrice}`)
        if (maxPrice !== undefined) conditions.push(sql`price <= ${maxPrice}`)
        if (inStock) conditions.push(sql`on_hand > reserved`)
        if (after !== undefined) {
          const id = uuidOf(after.productId)
          conditions.push(
            {
              price: sql`(price, product_id) > (${after.price}, ${id})`,
              "-price": sql`(price, product_id) < (${after.price}, ${id})`,
              newest: sql`product_id < ${id}`
            }[sort]
          )
        }
        const found = yield* entries(sql`
          SELECT ${entry} FROM products WHERE ${sql.and(conditions)} ORDER BY ${orders[sort]} LIMIT ${limit + 1}`)
        return pages.page(found, wanted)
      })
    })
  })
)
