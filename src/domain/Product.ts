/**
 * A product: price, stock and sale status of one SKU, decided by one actor.
 *
 * `onHand = available + reserved` (C5). Sales take from `available`; edits carry the version the editor saw. An edit
 * keeps out only other edits: a sale held meanwhile was quoted before the edit was answered, so its price stands.
 */
import { Result, Schema } from "effect"
import { ProductId, UserId } from "./Ids.ts"
import type { Held, Kind } from "./Kind.ts"
import { maxStock, pieces, Price, Quantity, Stock } from "./Money.ts"
import { Policy } from "./Policy.ts"

/** Set by people (C24). DISCONTINUED is what deleting a product leaves. */
export const SaleStatus = Schema.Literals(["PREPARING", "ON_SALE", "SUSPENDED", "DISCONTINUED"])
export type SaleStatus = typeof SaleStatus.Type

/** Derived from the numbers (C24). */
export const StockStatus = Schema.Literals(["AVAILABLE", "LOW_STOCK", "RESERVED", "OUT_OF_STOCK", "DISCONTINUED"])
export type StockStatus = typeof StockStatus.Type

export const Product = Schema.Struct({
  productId: ProductId,
  sellerId: UserId,
  name: Schema.String,
  /** What coupons may be limited to (C-12). */
  category: Schema.UndefinedOr(Schema.String),
  price: Price,
  onHand: Stock,
  /** Held by transactions that are not settled, and pieces of orders that are not paid (C5). */
  reserved: Stock,
  /** Given by transactions that are not settled: there has to be room for it. */
  incoming: Stock,
  saleStatus: SaleStatus,
  /** Counts edits, not sales. */
  version: Schema.Int,
  pending: Schema.UndefinedOr(Schema.Literals(["creation", "edit"]))
})
export type Product = typeof Product.Type

/** What an edit may change about a product; absent fields stay. */
export const ProductEdit = Schema.Struct({
  name: Schema.optional(Schema.String),
  description: Schema.optional(Schema.String),
  category: Schema.optional(Schema.String),
  price: Schema.optional(Price),
  saleStatus: Schema.optional(SaleStatus)
})
export type ProductEdit = typeof ProductEdit.Type

export const ProductCommand = Schema.Union([
  Schema.TaggedStruct("Take", { quantity: Quantity }),
  /** For an order that is not paid yet. */
  Schema.TaggedStruct("Reserve", { quantity: Quantity }),
  /** What was reserved is paid, or never will be. */
  Schema.TaggedStruct("Sell", { quantity: Quantity }),
  Schema.TaggedStruct("Free", { quantity: Quantity }),
  /** What was sold comes back. */
  Schema.TaggedStruct("Return", { quantity: Quantity }),
  Schema.TaggedStruct("Create", { product: Product }),
  Schema.TaggedStruct("Edit", { version: Schema.Int, edit: ProductEdit }),
  Schema.TaggedStruct("Adjust", { version: Schema.Int, delta: Schema.Int })
])
export type ProductCommand = typeof ProductCommand.Type

/** The product as the hold found it; for a `Take` or `Reserve`, the quote the order is priced with. */
export const ProductGrant = Product
export type ProductGrant = Product

export class ProductNotFound extends Schema.TaggedError<ProductNotFound>()("ProductNotFound", {
  productId: Schema.String
}) {}

export class StockShortage extends Schema.TaggedError<StockShortage>()("StockShortage", {
  productId: ProductId,
  available: Schema.Int
}) {}

export class ProductNotOnSale extends Schema.TaggedError<ProductNotOnSale>()("ProductNotOnSale", {
  productId: ProductId,
  saleStatus: SaleStatus
}) {}

/** Someone else edited the product since the version was read, or is doing so. */
export class StaleVersion extends Schema.TaggedError<StaleVersion>()("StaleVersion", {
  version: Schema.Int
}) {}

/** More pieces than a product can have. */
export class StockLimitExceeded extends Schema.TaggedError<StockLimitExceeded>()("StockLimitExceeded", {
  maximum: Schema.Int
}) {}

export const ProductRefusal = Schema.Union([
  ProductNotFound,
  StockShortage,
  ProductNotOnSale,
  StaleVersion,
  StockLimitExceeded
])
export type ProductRefusal = typeof ProductRefusal.Type

export const available = (product: Pick<Product, "onHand" | "reserved">): number => product.onHand - product.reserved

export const stockStatus = (product: Pick<Product, "onHand" | "reserved" | "saleStatus">): StockStatus => {
  if (product.saleStatus === "DISCONTINUED") return "DISCONTINUED"
  if (product.onHand === 0) return "OUT_OF_STOCK"
  const free = product.onHand - product.reserved
  if (free === 0) return "RESERVED"
  return free <= Policy.product.lowStock ? "LOW_STOCK" : "AVAILABLE"
}

export const make = (
  product: Omit<Product, "category" | "reserved" | "incoming" | "version" | "pending">,
  category?: string
): Product => ({
  ...product,
  category,
  reserved: pieces(0),
  incoming: pieces(0),
  version: 1,
  pending: undefined
})

const shortage = (product: Product) =>
  Result.fail(new StockShortage({ productId: product.productId, available: available(product) }))

const grant = (product: Product, change: Partial<Product>): Result.Result<Held<Product, Product>> =>
  Result.succeed({ state: { ...product, ...change }, grant: product })

const reserve = (product: Product, quantity: number, change?: Partial<Product>) =>
  available(product) < quantity
    ? shortage(product)
    : grant(product, { ...change, reserved: pieces(product.reserved + quantity) })

const receive = (product: Product, quantity: number, change?: Partial<Product>) =>
  product.onHand + product.incoming + quantity > maxStock
    ? Result.fail(new StockLimitExceeded({ maximum: maxStock }))
    : grant(product, { ...change, incoming: pieces(product.incoming + quantity) })

const received = ({ incoming }: Product, quantity: number) => ({ incoming: pieces(incoming - quantity) })

export const ProductKind: Kind<ProductId, Product, ProductCommand, ProductGrant, ProductRefusal> = {
  makes: ({ _tag }) => _tag === "Create",
  hold: (productId, product, command) => {
    if (command._tag === "Create") {
      return Result.succeed({ state: { ...command.product, pending: "creation" }, grant: command.product })
    }
    if (product === undefined || product.pending === "creation") return Result.fail(new ProductNotFound({ productId }))
    if (command._tag === "Sell" || command._tag === "Free") return grant(product, {})
    if (command._tag === "Return") return receive(product, command.quantity)
    if (command._tag === "Take" || command._tag === "Reserve") {
      return product.saleStatus === "ON_SALE"
        ? reserve(product, command.quantity)
        : Result.fail(new ProductNotOnSale({ productId, saleStatus: product.saleStatus }))
    }
    if (product.version !== command.version || product.pending === "edit") {
      return Result.fail(new StaleVersion({ version: product.version }))
    }
    if (command._tag === "Edit") return grant(product, { pending: "edit" })
    return command.delta > 0
      ? receive(product, command.delta, { pending: "edit" })
      : reserve(product, -command.delta, { pending: "edit" })
  },
  settle: (product, command) => {
    switch (command._tag) {
      case "Reserve":
        return product
      case "Free":
        return { ...product, reserved: pieces(product.reserved - command.quantity) }
      case "Return":
        return {
          ...product,
          ...received(product, command.quantity),
          onHand: pieces(product.onHand + command.quantity)
        }
      case "Sell":
      case "Take":
        return {
          ...product,
          onHand: pieces(product.onHand - command.quantity),
          reserved: pieces(product.reserved - command.quantity)
        }
      case "Create":
        return { ...product, pending: undefined }
      case "Edit":
        return {
          ...product,
          name: command.edit.name ?? product.name,
          category: command.edit.category ?? product.category,
          price: command.edit.price ?? product.price,
          saleStatus: command.edit.saleStatus ?? product.saleStatus,
          version: product.version + 1,
          pending: undefined
        }
      case "Adjust":
        return {
          ...product,
          ...received(product, Math.max(0, command.delta)),
          onHand: pieces(product.onHand + command.delta),
          reserved: pieces(product.reserved - Math.max(0, -command.delta)),
          version: product.version + 1,
          pending: undefined
        }
    }
  },
  release: (product, command) => {
    switch (command._tag) {
      case "Take":
      case "Reserve":
        return { ...product, reserved: pieces(product.reserved - command.quantity) }
      case "Sell":
      case "Free":
        return product
      case "Return":
        return { ...product, ...received(product, command.quantity) }
      case "Create":
        return undefined
      case "Edit":
        return { ...product, pending: undefined }
      case "Adjust":
        return {
          ...product,
          ...received(product, Math.max(0, command.delta)),
          reserved: pieces(product.reserved - Math.max(0, -command.delta)),
          pending: undefined
        }
    }
  }
}
