/** The whole HTTP contract. Server, document and clients are made of it. */
import { HttpApi, OpenApi } from "effect/http-api"
import { AuditApi } from "./Audit.ts"
import { BalancesApi } from "./Balances.ts"
import { CallbacksApi } from "./Callbacks.ts"
import { CouponsApi } from "./Coupons.ts"
import { complete } from "./Document.ts"
import { ManagersApi } from "./Managers.ts"
import { Exchange } from "./Middleware.ts"
import { OrdersApi } from "./Orders.ts"
import { PaymentsApi } from "./Payments.ts"
import { RefundsApi } from "./Refunds.ts"
import { ProductsApi } from "./Products.ts"
import { SystemApi, version } from "./System.ts"
import { UsersApi } from "./Users.ts"

/** How bodies and queries are decoded: nothing unknown, and all that is wrong told at once. */
export const strict = { onExcessProperty: "error", errors: "all" } as const

const contract = HttpApi.make("sluice")
  .add(
    UsersApi,
    ManagersApi,
    BalancesApi,
    ProductsApi,
    CouponsApi,
    OrdersApi,
    PaymentsApi,
    CallbacksApi,
    RefundsApi,
    AuditApi
  )
  .prefix("/api/v1")
  .add(SystemApi)
  .middleware(Exchange)
  .annotate(HttpApi.PayloadParseOptions, strict)
  .annotate(HttpApi.QueryParseOptions, strict)
  .annotateMerge(
    OpenApi.annotations({
      title: "Sluice",
      version,
      servers: [{ url: "/", description: "Where this document is from." }],
      description:
        "A commerce engine for sales that sell out. Amounts are whole won (KRW), times RFC 3339 in UTC, ids a prefix that names the kind and a UUID; lists give `limit` items and a `nextCursor`; errors are `application/problem+json` with a stable `code`."
    })
  )

export class Api extends contract.annotate(OpenApi.Transform, complete(contract)) {}
