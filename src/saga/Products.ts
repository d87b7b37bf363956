/** What sellers do with products. Edits need the version the editor saw and answer with the next one. */
import { Effect, Schema } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import { ProductId, productId, type UserId } from "../domain/Ids.ts"
import type { Money, Quantity } from "../domain/Money.ts"
import { make, type ProductEdit, type ProductRefusal, type SaleStatus } from "../domain/Product.ts"
import { type Answer, type Failure, type Keyed, Transact } from "./Transact.ts"

export interface NewProduct {
  readonly seller: Permitted<UserId>
  readonly name: string
  readonly description: string
  readonly category: string | undefined
  readonly price: Money
  readonly stock: Quantity
  readonly saleStatus: SaleStatus
  /** `undefined`: whoever asks again makes another one. */
  readonly request?: Keyed | undefined
}

export const ProductAnswer = Schema.Struct({ productId: ProductId, version: Schema.Int })
export type ProductAnswer = typeof ProductAnswer.Type

type Edited = Effect.Effect<ProductAnswer, ProductRefusal | Failure, Transact>

export const createProduct = ({
  request,
  seller,
  stock,
  description,
  category,
  ...texts
}: NewProduct): Effect.Effect<Answer<ProductAnswer>, ProductRefusal | Failure, Transact> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      request,
      by: seller.by,
      answer: ProductAnswer,
      plan: Effect.fnUntraced(function* ({ id, hold }) {
        const fields = { ...texts, sellerId: seller.of }
        const product = make({ ...fields, productId: productId(id), onHand: stock }, category)
        const { productId: created, version } = yield* hold("product", product.productId, { _tag: "Create", product })
        return {
          changes: [
            { _tag: "ProductCreated", product, description, category },
            { _tag: "StockMoved", productId: created, delta: stock, reason: "INITIAL" }
          ],
          events: [{ type: "ProductCreated", entity: created, payload: { ...fields, stock } }],
          answer: { productId: created, version }
        }
      })
    })
  )

export const editProduct = ({ of: product, by }: Permitted<ProductId>, version: number, edit: ProductEdit): Edited =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      by,
      answer: ProductAnswer,
      plan: Effect.fnUntraced(function* ({ hold }) {
        yield* hold("product", product, { _tag: "Edit", version, edit })
        return {
          changes: [{ _tag: "ProductEdited", productId: product, edit }],
          events: [{ type: "ProductEdited", entity: product, payload: edit }],
          answer: { productId: product, version: version + 1 }
        }
      })
    })
  ).pipe(Effect.map(({ answer }) => answer))

/** Adds `delta` pieces, or takes away as many as are not held. */
export const adjustStock = ({ of: product, by }: Permitted<ProductId>, version: number, delta: number): Edited =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      by,
      answer: ProductAnswer,
      plan: Effect.fnUntraced(function* ({ hold }) {
        yield* hold("product", product, { _tag: "Adjust", version, delta })
        return {
          changes: [
            { _tag: "StockMoved", productId: product, delta, reason: "ADJUSTMENT" },
            { _tag: "ProductEdited", productId: product, edit: {} }
          ],
          events: [{ type: "StockAdjusted", entity: product, payload: { delta } }],
          answer: { productId: product, version: version + 1 }
        }
      })
    })
  ).pipe(Effect.map(({ answer }) => answer))
