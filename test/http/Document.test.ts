import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import manifest from "../../package.json" with { type: "json" }
import { ProductId } from "../../src/domain/Ids.ts"
import { pieces } from "../../src/domain/Money.ts"
import { StockShortage } from "../../src/domain/Product.ts"
import { Api } from "../../src/http/api/Api.ts"
import { catalogue } from "../../src/http/api/Problems.ts"
import * as Shop from "./Shop.ts"
import { call, outcome, person, product } from "./Shop.ts"

const Reference = Schema.Struct({ $ref: Schema.optionalKey(Schema.String) })
const Body = Schema.Struct({ ...Reference.fields, examples: Schema.optionalKey(Schema.Array(Schema.Unknown)) })
const Operation = Schema.Struct({
  summary: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  security: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
  parameters: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      in: Schema.String,
      required: Schema.Boolean,
      description: Schema.optionalKey(Schema.String)
    })
  ),
  requestBody: Schema.optionalKey(
    Schema.Struct({ content: Schema.Struct({ "application/json": Schema.Struct({ schema: Body }) }) })
  ),
  responses: Schema.Record(
    Schema.String,
    Schema.Struct({
      content: Schema.optionalKey(
        Schema.Record(
          Schema.String,
          Schema.Struct({
            schema: Schema.Struct({ ...Body.fields, anyOf: Schema.optionalKey(Schema.Array(Reference)) })
          })
        )
      ),
      headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
    })
  )
})
const Document = Schema.Struct({
  openapi: Schema.Literal("3.1.0"),
  info: Schema.Struct({ version: Schema.String }),
  servers: Schema.Array(Schema.Struct({ url: Schema.String })),
  paths: Schema.Record(Schema.String, Schema.Record(Schema.String, Operation)),
  components: Schema.Struct({
    schemas: Schema.Record(Schema.String, Schema.Unknown),
    securitySchemes: Schema.Struct({ bearer: Schema.Struct({ type: Schema.String, scheme: Schema.String }) })
  })
})

const document = Effect.flatMap(call("GET", "/openapi.json"), ({ text }) =>
  Schema.decodeUnknownEffect(Schema.fromJsonString(Document))(text)
)

const operations = Effect.map(document, ({ paths }) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation }))
  )
)

/** The codes of an operation's problems. */
const codesOf = ({ responses }: typeof Operation.Type) =>
  Object.values(responses).flatMap(({ content }) => {
    const { anyOf, $ref } = content?.["application/problem+json"]?.schema ?? {}
    return (anyOf ?? [{ $ref }]).flatMap((one) => one.$ref?.split("/").at(-1) ?? [])
  })

const authOf = ({ security }: typeof Operation.Type) =>
  security.length === 0 ? "public" : security.length === 1 ? "token" : "token or none"

/** Codes that go with a token, a body, a key, an edit, or any call at all. */
const common = new Set([
  "INTERNAL",
  "OVERLOADED",
  "UNAVAILABLE",
  "TIMED_OUT",
  "UNAUTHENTICATED",
  "MALFORMED_JSON",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "VALIDATION_FAILED",
  "IDEMPOTENCY_KEY_REQUIRED",
  "IDEMPOTENCY_KEY_REUSED",
  "REQUEST_IN_PROGRESS",
  "PRECONDITION_REQUIRED",
  "MALFORMED_IF_MATCH",
  "STALE_VERSION"
])

const routes = [
  ["POST /api/v1/users", "token or none", "FORBIDDEN LOGIN_ID_TAKEN"],
  ["POST /api/v1/auth/login", "public", "BAD_CREDENTIALS LOGIN_DISABLED RATE_LIMITED"],
  ["GET /api/v1/users/{userId}", "token", "USER_NOT_FOUND"],
  ["PATCH /api/v1/users/{userId}", "token", "FORBIDDEN USER_NOT_FOUND"],
  [
    "DELETE /api/v1/users/{userId}",
    "token",
    "USER_NOT_FOUND BALANCE_REMAINING ORDERS_OPEN PRODUCTS_ON_SALE ADMIN_CANNOT_WITHDRAW"
  ],
  ["PUT /api/v1/users/{sellerId}/managers/{managerId}", "token", "FORBIDDEN USER_NOT_FOUND NOT_A_SELLER NOT_A_MANAGER"],
  ["DELETE /api/v1/users/{sellerId}/managers/{managerId}", "token", "FORBIDDEN USER_NOT_FOUND NOT_A_SELLER"],
  ["GET /api/v1/users/{sellerId}/managers", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  [
    "POST /api/v1/balances/charge",
    "token",
    "FORBIDDEN USER_NOT_FOUND INVALID_AMOUNT CHARGE_BELOW_MINIMUM BALANCE_LIMIT_EXCEEDED"
  ],
  ["GET /api/v1/balances/{userId}", "token", "USER_NOT_FOUND"],
  ["GET /api/v1/balances/{userId}/transactions", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  ["POST /api/v1/products", "token", "FORBIDDEN USER_NOT_FOUND NOT_A_SELLER SELLER_REQUIRED"],
  ["GET /api/v1/products", "token or none", "USER_NOT_FOUND INVALID_CURSOR"],
  ["GET /api/v1/products/{productId}", "token or none", "PRODUCT_NOT_FOUND"],
  ["PATCH /api/v1/products/{productId}", "token", "FORBIDDEN USER_NOT_FOUND PRODUCT_NOT_FOUND"],
  ["DELETE /api/v1/products/{productId}", "token", "FORBIDDEN USER_NOT_FOUND PRODUCT_NOT_FOUND"],
  [
    "POST /api/v1/products/{productId}/stock",
    "token",
    "STOCK_SHORTAGE FORBIDDEN USER_NOT_FOUND PRODUCT_NOT_FOUND STOCK_LIMIT_EXCEEDED"
  ],
  [
    "POST /api/v1/coupons",
    "token",
    "COUPON_PERMISSION_DENIED USER_NOT_FOUND PRODUCT_NOT_FOUND COUPON_CODE_TAKEN NOT_A_SELLER SELLER_REQUIRED RATE_LIMITED"
  ],
  ["GET /api/v1/coupons", "public", "INVALID_CURSOR"],
  ["GET /api/v1/coupons/{couponId}", "public", "COUPON_NOT_FOUND"],
  [
    "PATCH /api/v1/coupons/{couponId}",
    "token",
    "COUPON_PERMISSION_DENIED USER_NOT_FOUND COUPON_NOT_FOUND COUPON_NOT_ISSUABLE"
  ],
  ["GET /api/v1/coupons/{couponId}/statistics", "token", "COUPON_PERMISSION_DENIED USER_NOT_FOUND COUPON_NOT_FOUND"],
  [
    "POST /api/v1/coupons/issue/limited",
    "token",
    "FORBIDDEN USER_NOT_FOUND COUPON_NOT_FOUND COUPON_EXHAUSTED COUPON_ALREADY_ISSUED WALLET_FULL COUPON_NOT_ISSUABLE"
  ],
  [
    "POST /api/v1/coupons/claim",
    "token",
    "USER_NOT_FOUND COUPON_NOT_FOUND COUPON_EXHAUSTED COUPON_ALREADY_ISSUED WALLET_FULL RATE_LIMITED"
  ],
  [
    "POST /api/v1/coupons/issue",
    "token",
    "COUPON_PERMISSION_DENIED USER_NOT_FOUND COUPON_NOT_FOUND COUPON_EXHAUSTED COUPON_ALREADY_ISSUED WALLET_FULL COUPON_NOT_ISSUABLE"
  ],
  [
    "POST /api/v1/coupons/revoke",
    "token",
    "COUPON_PERMISSION_DENIED USER_NOT_FOUND COUPON_NOT_FOUND COUPON_NOT_REVOCABLE"
  ],
  ["GET /api/v1/sellers/{sellerId}/coupons", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  ["GET /api/v1/coupons/user/{userId}", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  [
    "POST /api/v1/checkout",
    "token",
    "STOCK_SHORTAGE PRODUCT_NOT_ON_SALE USER_NOT_FOUND PRODUCT_NOT_FOUND INSUFFICIENT_BALANCE COUPON_NOT_USABLE PRICE_CHANGED"
  ],
  [
    "POST /api/v1/orders",
    "token",
    "STOCK_SHORTAGE PRODUCT_NOT_ON_SALE USER_NOT_FOUND PRODUCT_NOT_FOUND TOO_MANY_UNPAID_ORDERS COUPON_NOT_USABLE PRICE_CHANGED"
  ],
  ["GET /api/v1/orders", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  [
    "PUT /api/v1/orders/{orderId}/cancel",
    "token",
    "FORBIDDEN USER_NOT_FOUND ORDER_NOT_FOUND PAYMENT_IN_PROGRESS REFUND_IN_PROGRESS ORDER_NOT_CANCELLABLE CANCEL_WINDOW_CLOSED STOCK_LIMIT_EXCEEDED BALANCE_LIMIT_EXCEEDED"
  ],
  [
    "PUT /api/v1/orders/{orderId}/status",
    "token",
    "FORBIDDEN USER_NOT_FOUND ORDER_NOT_FOUND ORDER_STATUS_CONFLICT BALANCE_LIMIT_EXCEEDED"
  ],
  [
    "PUT /api/v1/orders/{orderId}/confirm",
    "token",
    "USER_NOT_FOUND ORDER_NOT_FOUND ORDER_STATUS_CONFLICT BALANCE_LIMIT_EXCEEDED"
  ],
  [
    "POST /api/v1/refunds",
    "token",
    "USER_NOT_FOUND ORDER_NOT_FOUND REFUND_IN_PROGRESS NOT_REFUNDABLE BALANCE_LIMIT_EXCEEDED"
  ],
  [
    "PUT /api/v1/orders/{orderId}/refunds/{refundId}",
    "token",
    "FORBIDDEN USER_NOT_FOUND ORDER_NOT_FOUND NOT_REFUNDABLE STOCK_LIMIT_EXCEEDED BALANCE_LIMIT_EXCEEDED"
  ],
  ["GET /api/v1/sellers/{sellerId}/orders", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  ["GET /api/v1/orders/{orderId}", "token", "ORDER_NOT_FOUND"],
  [
    "POST /api/v1/payments/process",
    "token",
    "PAYMENT_DECLINED USER_NOT_FOUND ORDER_NOT_FOUND INSUFFICIENT_BALANCE ORDER_NOT_PAYABLE TOO_MANY_PAYMENTS PAYMENT_IN_PROGRESS PAYMENT_KEY_USED AMOUNT_MISMATCH PAYMENT_UNAVAILABLE PAYMENT_NOT_CONFIGURED"
  ],
  [
    "POST /api/v1/payments/confirm",
    "token",
    "PAYMENT_DECLINED USER_NOT_FOUND ORDER_NOT_FOUND ORDER_NOT_PAYABLE PAYMENT_IN_PROGRESS PAYMENT_KEY_USED AMOUNT_MISMATCH PAYMENT_UNAVAILABLE"
  ],
  ["GET /api/v1/admin/payments", "token", "FORBIDDEN INVALID_CURSOR"],
  ["PUT /api/v1/admin/payments/{paymentId}", "token", "FORBIDDEN ORDER_NOT_FOUND ORDER_NOT_PAYABLE"],
  ["POST /api/v1/payments/callbacks/toss", "public", ""],
  ["POST /api/v1/payments/callbacks/nice", "public", ""],
  ["POST /api/v1/payments/callbacks/inicis", "public", ""],
  ["GET /api/v1/admin/refunds", "token", "FORBIDDEN INVALID_CURSOR"],
  ["GET /api/v1/sellers/{sellerId}/refunds", "token", "USER_NOT_FOUND INVALID_CURSOR"],
  ["PUT /api/v1/admin/refunds/{refundId}", "token", "FORBIDDEN ORDER_NOT_FOUND NOT_REFUNDABLE"],
  ["GET /api/v1/admin/audit", "token", "FORBIDDEN USER_NOT_FOUND INVALID_CURSOR"],
  ["GET /", "public", ""],
  ["GET /health/live", "public", ""],
  ["GET /health/ready", "public", "NOT_READY"],
  ["GET /api/v1/admin/cluster", "token", "FORBIDDEN"],
  ["GET /metrics", "public", ""]
]

describe("The OpenAPI document", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    it_.effect("has every route, with its authentication and the codes that are its own", () =>
      Effect.gen(function* () {
        const table = (yield* operations).map(({ route, operation }) => [
          route,
          authOf(operation),
          codesOf(operation)
            .filter((code) => !common.has(code))
            .join(" ")
        ])
        assert.deepStrictEqual(table, routes)
      })
    )

    it_.effect("tells the limits of bodies, the errors of tokens and the headers that are needed", () =>
      Effect.gen(function* () {
        for (const { route, operation } of yield* operations) {
          const codes = codesOf(operation)
          const needed = operation.parameters.filter((parameter) => parameter.in === "header" && parameter.required)
          const names = needed.map(({ name }) => name)
          assert.include(codes, "INTERNAL", route)
          if (operation.requestBody !== undefined) {
            assert.includeMembers(
              codes,
              ["MALFORMED_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "VALIDATION_FAILED"],
              route
            )
          }
          if (operation.parameters.some((parameter) => parameter.in === "query")) {
            assert.include(codes, "VALIDATION_FAILED", route)
          }
          if (authOf(operation) !== "public") {
            assert.include(codes, "UNAUTHENTICATED", route)
            assert.property(operation.responses["401"]?.headers, "WWW-Authenticate")
          }
          const takesKey = operation.parameters.some(({ name }) => name === "idempotency-key")
          assert.strictEqual(takesKey, codes.includes("IDEMPOTENCY_KEY_REQUIRED"), route)
          const keyless = ["POST /api/v1/products", "POST /api/v1/coupons"].includes(route)
          assert.strictEqual(names.includes("idempotency-key"), takesKey && !keyless, route)
          for (const code of ["PRECONDITION_REQUIRED", "MALFORMED_IF_MATCH", "STALE_VERSION"]) {
            assert.strictEqual(names.includes("if-match"), codes.includes(code), route)
          }
          if (codes.includes("OVERLOADED")) assert.property(operation.responses["503"]?.headers, "Retry-After")
        }
      })
    )

    it_.effect("says of every operation and every parameter what it is for", () =>
      Effect.gen(function* () {
        for (const { route, operation } of yield* operations) {
          assert.isNotEmpty(operation.summary ?? "", route)
          assert.isNotEmpty(operation.description ?? "", route)
          for (const { name, description } of operation.parameters) {
            assert.isNotEmpty(description ?? "", `${name} of ${route}`)
          }
        }
      })
    )

    it_.effect("shows an example of every body and every answer", () =>
      Effect.gen(function* () {
        const { components } = yield* document
        const shown = ({ $ref, examples }: typeof Body.Type) =>
          examples ?? Schema.decodeUnknownSync(Body)(components.schemas[$ref?.split("/").at(-1) ?? ""]).examples
        for (const { route, operation } of yield* operations) {
          const { requestBody, responses } = operation
          if (requestBody !== undefined)
            assert.lengthOf(shown(requestBody.content["application/json"].schema) ?? [], 1, route)
          for (const { content } of Object.values(responses)) {
            const answer = content?.["application/json"]
            if (answer !== undefined) assert.lengthOf(shown(answer.schema) ?? [], 1, route)
          }
        }
      })
    )

    it_.effect("shows bodies that are understood", () =>
      Effect.gen(function* () {
        const { components } = yield* document
        const { token } = yield* person("ADMIN")
        for (const { route, operation } of yield* operations) {
          const name = operation.requestBody?.content["application/json"].schema.$ref?.split("/").at(-1)
          if (name === undefined) continue
          const { examples = [] } = Schema.decodeUnknownSync(Body)(components.schemas[name])
          const id = "00000000-0000-7000-8000-000000000000"
          const filled = route
            .replace("{refundId}", `rfd_${id}`)
            .replace("{paymentId}", `pay_${id}`)
            .replaceAll(/\{\w+\}/g, "x")
          const [method = "", path = ""] = filled.split(" ")
          const { body } = yield* call(method, path, { token, key: "k", ifMatch: 1, body: examples[0] })
          assert.notInclude(["VALIDATION_FAILED", "MALFORMED_JSON", "ROUTE_NOT_FOUND"], body["code"], route)
        }
      })
    )

    it_.effect("says of money and moments what they are counted in", () =>
      Effect.gen(function* () {
        const { components } = yield* document
        assert.containSubset(components.schemas["Receipt"], {
          properties: {
            totalAmount: { description: "Whole won." },
            transactedAt: { format: "date-time", description: "RFC 3339, in UTC." }
          }
        })
      })
    )

    it_.effect("knows every problem but those of no route", () =>
      Effect.gen(function* () {
        const codes = new Set((yield* operations).flatMap(({ operation }) => codesOf(operation)))
        const missing = catalogue.map(({ code }) => code).filter((code) => !codes.has(code))
        assert.deepStrictEqual(missing, ["ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED"])
      })
    )

    it_.effect("says where the API is, which version it is, and what bounds values have that are looked at later", () =>
      Effect.gen(function* () {
        const { info, servers, components } = yield* document
        assert.strictEqual(info.version, manifest.version)
        assert.deepStrictEqual(
          servers.map(({ url }) => url),
          ["/"]
        )
        assert.containSubset(components.schemas, {
          NewProduct: {
            properties: {
              name: { type: "string", minLength: 1, maxLength: 100 },
              description: { type: "string", maxLength: 5000 }
            }
          },
          NewCoupon: { properties: { name: { type: "string", minLength: 1, maxLength: 100 } } },
          Charge: { properties: { amount: { type: "integer", minimum: 1000, maximum: 1_000_000_000 } } }
        })
      })
    )

    it_.effect("is linked to from the address itself, as is all else that is no route of the API", () =>
      Effect.gen(function* () {
        const { status, body } = yield* call("GET", "/")
        assert.strictEqual(status, 200)
        assert.deepInclude(body, { name: "sluice", version: manifest.version })
        const links = Object.values(Object(body["links"])).filter((link) => link !== "/api/v1")
        assert.lengthOf(links, 5)
        for (const link of links) assert.strictEqual((yield* call("GET", String(link))).status, 200, String(link))
        assert.strictEqual(yield* outcome("POST", "/"), "405 METHOD_NOT_ALLOWED")
      })
    )

    it_.effect("has a page that needs nothing from elsewhere", () =>
      Effect.gen(function* () {
        const { status, text, headers } = yield* call("GET", "/docs")
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("cache-control"), "public, max-age=300")
        assert.notMatch(text, /<(script|link|img)[^>]+(src|href)=/)
      })
    )

    it_.effect("is what a typed client speaks: answers and refusals come back as they were", () =>
      Effect.gen(function* () {
        const seller = yield* person("SELLER")
        const { token } = yield* person("BUYER", 1000)
        const productId = yield* product(seller, { stock: 1 })
        const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
        const client = yield* HttpApiClient.make(Api, {
          transformClient: HttpClient.mapRequest((request) =>
            HttpClientRequest.bearerToken(HttpClientRequest.prependUrl(request, url), token)
          )
        })
        const buy = (quantity: number) =>
          client.orders.checkout({
            headers: { "idempotency-key": "k" },
            payload: { items: [{ productId: ProductId.make(productId), quantity: pieces(quantity) }] }
          })
        const refusal = yield* Effect.flip(buy(2))
        assert.instanceOf(refusal, StockShortage)
        assert.strictEqual(refusal.available, 1)
        const { body, headers } = yield* buy(1)
        assert.strictEqual(body.status, "CONFIRMED")
        assert.deepStrictEqual(headers, {})
        const again = yield* buy(1)
        assert.deepStrictEqual(again.body, body)
        assert.strictEqual(again.headers["idempotent-replayed"], "true")
      }).pipe(Effect.provide(FetchHttpClient.layer))
    )
  })
})

describe("The catalogue of problems", () => {
  it("has one code for one error", () => {
    assert.lengthOf(new Set(catalogue.map(({ code }) => code)), catalogue.length)
    assert.lengthOf(new Set(catalogue.map(({ tag }) => tag)), catalogue.length)
  })
})
