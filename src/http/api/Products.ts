import { Effect, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ProductId, UserId } from "../../domain/Ids.ts"
import { between, maxStock, Money, Price, Stock } from "../../domain/Money.ts"
import { Policy } from "../../domain/Policy.ts"
import { SaleStatus, StockStatus } from "../../domain/Product.ts"
import { Sort } from "../../persistence/Catalogue.ts"
import {
  ClaimedProductId,
  ClaimedUserId,
  created,
  example,
  IfMatch,
  Line,
  Lines,
  OptionalIdempotencyKey,
  page,
  PageQuery,
  says,
  Timestamp,
  versioned
} from "./Fields.ts"
import { Authenticated, MaybeAuthenticated } from "./Middleware.ts"
import { asking, changing, keyed, ofVersion, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

const Name = Line(1, Policy.product.nameMax)
const Description = Lines(5000)
const Category = Line(1, 50)

export const Product = Schema.Struct({
  productId: ProductId,
  name: Schema.String,
  description: Schema.String,
  category: Schema.NullOr(Schema.String),
  price: Money,
  stock: Schema.Int.pipe(says("Pieces available now: not sold, not held.")),
  saleStatus: SaleStatus,
  stockStatus: StockStatus,
  sellerId: UserId,
  version: Schema.Int.pipe(says("Counts edits; also the ETag.")),
  createdAt: Timestamp,
  updatedAt: Timestamp
})
  .annotate({ identifier: "Product" })
  .pipe(
    example({
      productId: Samples.product,
      name: "Sneaker",
      description: "A hundred pairs, no more.",
      category: "sneakers",
      price: 129_000,
      stock: 100,
      saleStatus: "ON_SALE",
      stockStatus: "AVAILABLE",
      sellerId: Samples.seller,
      version: 1,
      createdAt: Samples.made,
      updatedAt: Samples.made
    })
  )

export const NewProduct = Schema.Struct({
  name: Name,
  price: Price,
  stock: Stock,
  description: Schema.optionalKey(Description),
  category: Schema.optionalKey(Category),
  saleStatus: Schema.optionalKey(SaleStatus),
  sellerId: Schema.optionalKey(ClaimedUserId.pipe(says("Whose it is: oneself, unless somebody acts for a seller.")))
})
  .annotate({ identifier: "NewProduct" })
  .pipe(
    example({
      name: "Sneaker",
      price: 129_000,
      stock: 100,
      description: "A hundred pairs, no more.",
      category: "sneakers"
    })
  )

export const ProductChange = Schema.Struct({
  name: Schema.optionalKey(Name),
  description: Schema.optionalKey(Description),
  category: Schema.optionalKey(Category),
  price: Schema.optionalKey(Price),
  saleStatus: Schema.optionalKey(SaleStatus)
})
  .annotate({ identifier: "ProductChange" })
  .pipe(example({ price: 119_000 }))

export const StockChange = Schema.Struct({
  delta: between(-maxStock, maxStock).pipe(says("Pieces that came, or, negative, went."))
})
  .annotate({ identifier: "StockChange" })
  .pipe(example({ delta: 20 }))

const params = { productId: ClaimedProductId }

const editing = [...changing, "USER_NOT_FOUND", "PRODUCT_NOT_FOUND", "FORBIDDEN", ...ofVersion] as const

export class ProductsApi extends HttpApiGroup.make("products")
  .add(
    HttpApiEndpoint.post("create", "/products", {
      headers: OptionalIdempotencyKey,
      payload: NewProduct,
      success: created(Product.pipe(HttpApiSchema.status(201))),
      error: problems(...writing, ...keyed, "FORBIDDEN", "USER_NOT_FOUND", "NOT_A_SELLER", "SELLER_REQUIRED")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "A MANAGER of several sellers, and an ADMIN for a seller, say which: sellerId."),
    HttpApiEndpoint.get("list", "/products", {
      query: {
        ...PageQuery,
        category: Schema.optionalKey(Category),
        q: Schema.optionalKey(Line(1, 100)),
        sort: Sort.pipe(Schema.withDecodingDefaultKey(Effect.succeed("newest" as const))),
        minPrice: Schema.optionalKey(Price),
        maxPrice: Schema.optionalKey(Price),
        inStock: Schema.optionalKey(Schema.Boolean),
        sellerId: Schema.optionalKey(ClaimedUserId),
        saleStatus: Schema.optionalKey(SaleStatus)
      },
      success: page(Product),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    })
      .middleware(MaybeAuthenticated)
      .annotate(
        OpenApi.Description,
        "For everybody: what is ON_SALE or SUSPENDED. With `sellerId`, the seller, whoever manages for the seller and an ADMIN are shown what is PREPARING, too, and what is DISCONTINUED if they ask for it by `saleStatus`. Stock is as it was committed last, without what is reserved."
      ),
    HttpApiEndpoint.get("read", "/products/:productId", {
      params,
      query: { fresh: Schema.optionalKey(Schema.Boolean) },
      success: versioned(Product),
      error: problems(...asking, "PRODUCT_NOT_FOUND", "VALIDATION_FAILED")
    })
      .middleware(MaybeAuthenticated)
      .annotate(
        OpenApi.Description,
        "For everybody, unless it is PREPARING: then for who manages it. Its ETag is what an edit names as If-Match."
      ),
    HttpApiEndpoint.patch("edit", "/products/:productId", {
      params,
      headers: IfMatch,
      payload: ProductChange,
      success: versioned(Product),
      error: problems(...writing, ...editing)
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Only what is given changes. Orders that were made before keep their price."),
    HttpApiEndpoint.delete("discontinue", "/products/:productId", {
      params,
      headers: IfMatch,
      success: versioned(Product),
      error: problems(...editing)
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "It becomes DISCONTINUED and stays where orders refer to it."),
    HttpApiEndpoint.post("adjustStock", "/products/:productId/stock", {
      params,
      headers: IfMatch,
      payload: StockChange,
      success: versioned(Product),
      error: problems(...writing, ...editing, "STOCK_SHORTAGE", "STOCK_LIMIT_EXCEEDED")
    })
      .middleware(Authenticated)
      .annotate(OpenApi.Description, "Pieces that are held or reserved cannot be taken away.")
  )
  .annotate(OpenApi.Description, "Products: read by anybody, edited by their seller") {}
