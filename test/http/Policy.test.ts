import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { HttpApi } from "effect/http-api"
import type { Directory } from "../../src/actors/Directory.ts"
import type { Permitted, Role } from "../../src/domain/Authority.ts"
import type { CouponId, OrderId, ProductId, UserCouponId, UserId } from "../../src/domain/Ids.ts"
import type { Tier } from "../../src/domain/Tier.ts"
import { Api } from "../../src/http/api/Api.ts"
import type {
  ClaimedCouponId,
  ClaimedOrderId,
  ClaimedProductId,
  ClaimedRole,
  ClaimedTier,
  ClaimedUserCouponId,
  ClaimedUserId
} from "../../src/http/api/Fields.ts"
import { Authenticated, type Claims } from "../../src/http/api/Middleware.ts"
import type { Audit } from "../../src/persistence/Audit.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import type { Coupons } from "../../src/persistence/Coupons.ts"
import type { Orders, RefundQuery } from "../../src/persistence/Orders.ts"
import type { Users } from "../../src/persistence/Users.ts"
import type { charge } from "../../src/saga/Charge.ts"
import type { issue, revoke } from "../../src/saga/Coupons.ts"
import type { editProduct } from "../../src/saga/Products.ts"
import type { Transact } from "../../src/saga/Transact.ts"
import * as Shop from "./Shop.ts"
import { buy, call, outcome, person, product, take } from "./Shop.ts"

/** `true` if a value of the first type can be used as the second. */
type IsA<A, B> = A extends B ? true : false

describe("A handler", () => {
  it("that forgets to ask the policy does not compile: the engine takes neither what is claimed nor what is not permitted", () => {
    const refused: ReadonlyArray<false> = [
      false satisfies IsA<ClaimedUserId, UserId>,
      false satisfies IsA<ClaimedProductId, ProductId>,
      false satisfies IsA<ClaimedOrderId, OrderId>,
      false satisfies IsA<ClaimedCouponId, CouponId>,
      false satisfies IsA<ClaimedUserCouponId, UserCouponId>,
      false satisfies IsA<ClaimedRole, Role>,
      false satisfies IsA<ClaimedTier, Tier>,
      false satisfies IsA<Claims["userId"], UserId>,
      false satisfies IsA<UserId, Parameters<typeof charge>[0]["user"]>,
      false satisfies IsA<ProductId, Parameters<typeof editProduct>[0]>,
      false satisfies IsA<Permitted<CouponId>, Parameters<typeof editProduct>[0]>,
      false satisfies IsA<{ couponId: CouponId; userId: UserId }, Parameters<typeof issue>[0]["wanted"]>,
      false satisfies IsA<Permitted<CouponId>, Parameters<typeof revoke>[0]["coupon"]>,
      false satisfies IsA<Claims["role"], Parameters<Users["Service"]["register"]>[0]["role"]>,
      false satisfies IsA<Tier, NonNullable<Parameters<Users["Service"]["update"]>[1]["tier"]>>,
      false satisfies IsA<Role, NonNullable<Parameters<Users["Service"]["update"]>[1]["role"]>>,
      false satisfies IsA<object, Parameters<Audit["Service"]["list"]>[0]>,
      false satisfies IsA<UserId, Parameters<Orders["Service"]["sold"]>[0]>,
      false satisfies IsA<UserId, Parameters<Coupons["Service"]["ofSeller"]>[0]>,
      false satisfies IsA<RefundQuery, Parameters<Orders["Service"]["waitingRefunds"]>[0]>,
      false satisfies IsA<object, Parameters<Directory["Service"]["placed"]>[0]>,
      false satisfies IsA<{ plan: never; answer: never }, Parameters<Transact["Service"]["run"]>[0]>
    ]
    // Without this the proof would hold for types that go nowhere.
    assert.isTrue(true satisfies IsA<UserId, UserId>)
    assert.isTrue(true satisfies IsA<Permitted<ProductId>, Parameters<typeof editProduct>[0]>)
    assert.lengthOf(refused, 22)
  })
})

/** Who asks. Things are the owner's, a seller; of two managers, one was assigned to the owner. */
const people = ["nobody", "buyer", "seller", "owner", "stray", "manager", "admin"] as const
type Who = (typeof people)[number]

const anybody: ReadonlyArray<Who> = people
const users: ReadonlyArray<Who> = ["buyer", "seller", "owner", "stray", "manager", "admin"]
const sellers: ReadonlyArray<Who> = ["seller", "owner", "manager", "admin"]
const managing: ReadonlyArray<Who> = ["owner", "manager", "admin"]
const owning: ReadonlyArray<Who> = ["owner", "admin"]
const admin: ReadonlyArray<Who> = ["admin"]

type Row = readonly [
  operation: string,
  request: string,
  who: ReadonlyArray<Who>,
  allowed: string,
  denied?: string,
  options?: Shop.Call
]

const noUser = "404 USER_NOT_FOUND"
const noOrder = "404 ORDER_NOT_FOUND"
const forbidden = "403 FORBIDDEN"
const noPermission = "403 COUPON_PERMISSION_DENIED"

const signUp = { loginId: "new-{stray}", name: "New", password: "correct horse" }
const goods = { name: "Boot", price: 1000, stock: 1 }
const voucher = { name: "New", discountType: "FIXED", discountValue: 1, totalQuantity: 1 }
const purchase = { items: [{ productId: "{product}", quantity: 9 }] }
const single = { items: [{ productId: "{product}", quantity: 1 }] }
const noPayment = "pay_00000000-0000-7000-8000-000000000000"
const noRefund = "rfd_00000000-0000-7000-8000-000000000000"
const forOwner = { couponId: "{coupon}", userId: "{user}" }
const fraud = { userId: "{user}", userCouponId: "{userCoupon}", reason: "fraud" }
const pair = "/users/{user}/managers/{manager}"

/** Every operation of the API: who may, what they get, and what everybody else does. */
const table: ReadonlyArray<Row> = [
  ["users.register", "POST /users", anybody, "201", forbidden, { body: { ...signUp, role: "SELLER" } }],
  ["users.register", "POST /users", admin, "201", forbidden, { body: { ...signUp, role: "MANAGER" } }],
  ["users.register", "POST /users", admin, "201", forbidden, { body: { ...signUp, role: "ADMIN" } }],
  [
    "users.login",
    "POST /auth/login",
    anybody,
    "401 BAD_CREDENTIALS",
    forbidden,
    { body: { loginId: "{user}", password: "x" } }
  ],
  ["users.profile", "GET /users/{user}", owning, "200", noUser],
  ["users.changeProfile", "PATCH /users/{user}", owning, "200", noUser, { body: { name: "Mallory" } }],
  ["users.withdraw", "DELETE /users/{user}", owning, "409 BALANCE_REMAINING", noUser],
  ["managers.assign", `PUT ${pair}`, owning, "204", forbidden],
  ["managers.remove", `DELETE ${pair}`, managing, "204", forbidden],
  ["managers.list", "GET /users/{user}/managers", owning, "200", noUser],
  ["balances.charge", "POST /balances/charge", users, "200", forbidden, { key: "k", body: { amount: 1000 } }],
  [
    "balances.charge",
    "POST /balances/charge",
    owning,
    "200",
    forbidden,
    { key: "theft", body: { userId: "{user}", amount: 1000 } }
  ],
  ["balances.balance", "GET /balances/{user}", owning, "200", noUser],
  ["balances.transactions", "GET /balances/{user}/transactions", owning, "200", noUser],
  ["products.create", "POST /products", sellers, "201", forbidden, { body: goods }],
  ["products.create", "POST /products", managing, "201", forbidden, { body: { ...goods, sellerId: "{user}" } }],
  ["products.list", "GET /products", anybody, "200"],
  ["products.read", "GET /products/{product}", anybody, "200"],
  ["products.edit", "PATCH /products/{product}", managing, "200", forbidden, { ifMatch: 1, body: { price: 0 } }],
  ["products.discontinue", "DELETE /products/{product}", managing, "200", forbidden, { ifMatch: 1 }],
  [
    "products.adjustStock",
    "POST /products/{product}/stock",
    managing,
    "200",
    forbidden,
    { ifMatch: 1, body: { delta: 1 } }
  ],
  ["coupons.create", "POST /coupons", sellers, "201", noPermission, { body: voucher }],
  ["coupons.create", "POST /coupons", managing, "201", noPermission, { body: { ...voucher, sellerId: "{user}" } }],
  [
    "coupons.create",
    "POST /coupons",
    managing,
    "201",
    noPermission,
    { body: { ...voucher, productIds: ["{product}"] } }
  ],
  ["coupons.create", "POST /coupons", admin, "201", noPermission, { body: { ...voucher, grantOn: "REGISTRATION" } }],
  ["coupons.list", "GET /coupons", anybody, "200"],
  ["coupons.read", "GET /coupons/{coupon}", anybody, "200"],
  [
    "coupons.edit",
    "PATCH /coupons/{coupon}",
    managing,
    "200",
    noPermission,
    { ifMatch: 1, body: { status: "SUSPENDED" } }
  ],
  ["coupons.statistics", "GET /coupons/{coupon}/statistics", managing, "200", noPermission],
  ["coupons.issue", "POST /coupons/issue", managing, "201", noPermission, { key: "grant", body: forOwner }],
  [
    "coupons.issueLimited",
    "POST /coupons/issue/limited",
    users,
    "201",
    forbidden,
    { key: "own", body: { couponId: "{coupon}" } }
  ],
  ["coupons.issueLimited", "POST /coupons/issue/limited", owning, "201", forbidden, { key: "take", body: forOwner }],
  ["coupons.claim", "POST /coupons/claim", users, "201", "", { key: "claim", body: { code: "{code}" } }],
  ["coupons.revoke", "POST /coupons/revoke", managing, "200", noPermission, { key: "revoke", body: fraud }],
  ["coupons.ofSeller", "GET /sellers/{user}/coupons", managing, "200", noUser],
  ["coupons.ofUser", "GET /coupons/user/{user}", owning, "200", noUser],
  ["orders.checkout", "POST /checkout", users, "409 INSUFFICIENT_BALANCE", "", { key: "buy", body: purchase }],
  ["orders.list", "GET /orders", users, "200"],
  ["orders.list", "GET /orders?userId={user}", owning, "200", noUser],
  ["orders.sold", "GET /sellers/{user}/orders", managing, "200", noUser],
  ["orders.read", "GET /orders/{order}", managing, "200", noOrder],
  ["orders.create", "POST /orders", users, "201", forbidden, { key: "make", body: single }],
  ["orders.cancel", "PUT /orders/{order}/cancel", managing, "200", noOrder, { key: "cancel", body: {} }],
  ["orders.progress", "PUT /orders/{order}/status", managing, "200", noOrder, { body: { status: "PREPARING" } }],
  ["orders.confirm", "PUT /orders/{order}/confirm", owning, "409 ORDER_STATUS_CONFLICT", noOrder],
  ["orders.refund", "POST /refunds", owning, "201", noOrder, { key: "refund", body: { orderId: "{order}" } }],
  [
    "orders.decideRefund",
    `PUT /orders/{order}/refunds/${noRefund}`,
    managing,
    "409 NOT_REFUNDABLE",
    noOrder,
    { body: { approved: true } }
  ],
  [
    "payments.process",
    "POST /payments/process",
    owning,
    "409 ORDER_NOT_PAYABLE",
    noOrder,
    { key: "pay", body: { orderId: "{order}" } }
  ],
  [
    "payments.confirm",
    "POST /payments/confirm",
    owning,
    "409 ORDER_NOT_PAYABLE",
    noOrder,
    { key: "confirm", body: { orderId: "{order}", paymentKey: "key", amount: 1000 } }
  ],
  ["payments.stuck", "GET /admin/payments", admin, "200", forbidden],
  [
    "payments.decide",
    `PUT /admin/payments/${noPayment}`,
    admin,
    "409 ORDER_NOT_PAYABLE",
    forbidden,
    { body: { orderId: "{order}", transactionId: null } }
  ],
  ["callbacks.toss", "POST /payments/callbacks/toss", anybody, "200", "", { body: { data: { orderId: "{order}" } } }],
  ["callbacks.nice", "POST /payments/callbacks/nice", anybody, "200", "", { body: { orderId: "{order}" } }],
  ["callbacks.inicis", "POST /payments/callbacks/inicis", anybody, "200", "", { body: { P_OID: "{order}" } }],
  ["refunds.list", "GET /admin/refunds", admin, "200", forbidden],
  ["refunds.requested", "GET /sellers/{user}/refunds", managing, "200", noUser],
  [
    "refunds.done",
    `PUT /admin/refunds/${noRefund}`,
    admin,
    "409 NOT_REFUNDABLE",
    forbidden,
    { body: { orderId: "{order}" } }
  ],
  ["audit.list", "GET /admin/audit", admin, "200", forbidden],
  ["system.index", "GET /", anybody, "200"],
  ["system.live", "GET /health/live", anybody, "200"],
  ["system.ready", "GET /health/ready", anybody, "200"],
  ["system.cluster", "GET /api/v1/admin/cluster", admin, "200", forbidden],
  ["system.metrics", "GET /metrics", anybody, "200"]
]

/** Every operation, and whether a token is needed. */
const operations = new Map<string, boolean>()
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ group, endpoint, middleware }) =>
    operations.set(
      `${group.identifier}.${endpoint.identifier}`,
      Array.from(middleware).some(({ key }) => key === Authenticated.key)
    )
})

const scene = Effect.gen(function* () {
  const owner = yield* person("SELLER", 5000)
  const manager = yield* person("MANAGER")
  const stray = yield* person("MANAGER")
  const productId = yield* product(owner)
  const receipt = yield* buy(owner, productId)
  yield* call("PUT", `/users/${owner.userId}/managers/${manager.userId}`, owner)
  const terms = { ...voucher, totalQuantity: 10, perUserLimit: 2, issueBy: ["FIRST_COME", "CODE", "GRANT"] }
  const { body: offered } = yield* call("POST", "/coupons", { token: owner.token, body: terms })
  const couponId = String(offered["couponId"])
  const ids: Record<string, string> = {
    user: owner.userId,
    manager: manager.userId,
    stray: stray.userId,
    product: productId,
    coupon: couponId,
    userCoupon: String((yield* take(owner, couponId, { key: "had" })).body["userCouponId"]),
    code: String(offered["code"]),
    order: String(receipt.body["orderId"])
  }
  const fill = (text: string, by = ids) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => by[name] ?? "")
  const tokenOf = (who: Who) => {
    const known = { nobody: undefined, owner: owner.token, manager: manager.token, stray: stray.token }
    const made = { buyer: "BUYER", seller: "SELLER", admin: "ADMIN" } as const
    return who === "buyer" || who === "seller" || who === "admin"
      ? Effect.map(person(made[who]), ({ token }) => token)
      : Effect.succeed(known[who])
  }
  return { owner, ids, fill, tokenOf }
})

const ask = ([, request, , , , { body, ...options } = {}]: Row, token: string | undefined, fill: Fill) => {
  const [method = "", path = ""] = request.split(" ")
  return outcome(method, fill(path), {
    ...options,
    token,
    ...(body === undefined ? {} : { body: JSON.parse(fill(JSON.stringify(body))) })
  })
}
type Fill = (text: string) => string

describe("Who may do what", () => {
  it("is said of every operation of the API", () => {
    assert.sameMembers([...new Set(table.map(([operation]) => operation))], [...operations.keys()])
  })

  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    for (const row of table) {
      const [operation, request, who, allowed, denied, { body } = {}] = row
      it_.effect(`${request} ${body === undefined ? "" : JSON.stringify(body)}: ${who.join(", ")}`, () =>
        Effect.gen(function* () {
          for (const one of people) {
            const { owner, fill, tokenOf } = yield* scene
            const refused = one === "nobody" && operations.get(operation) ? "401 UNAUTHENTICATED" : denied
            const expected = who.includes(one) ? allowed : refused
            assert.strictEqual(yield* ask(row, yield* tokenOf(one), fill), expected, one)
            if (expected === allowed) continue
            const after = yield* call("GET", `/users/${owner.userId}`, owner)
            assert.strictEqual(after.body["name"], "Somebody")
            assert.strictEqual((yield* call("GET", `/balances/${owner.userId}`, owner)).body["balance"], 4000)
          }
        })
      )
    }
  })
})

describe("An administrator who has withdrawn", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    for (const row of table.filter(([, , who]) => who.includes("admin") && !who.includes("buyer"))) {
      const [, request, , , denied, { body } = {}] = row
      it_.effect(`may do no more than a stranger: ${request} ${body === undefined ? "" : JSON.stringify(body)}`, () =>
        Effect.gen(function* () {
          const { fill } = yield* scene
          const [{ userId, token }, other] = [yield* person("ADMIN"), yield* person("ADMIN")]
          const demote = { token: other.token, body: { role: "BUYER" } }
          assert.strictEqual(yield* outcome("PATCH", `/users/${userId}`, demote), "200")
          assert.strictEqual(yield* outcome("DELETE", `/users/${userId}`, { token }), "204")
          assert.include([denied, noUser], yield* ask(row, token, fill))
          const { audit } = yield* MemoryTables
          assert.deepStrictEqual(
            audit.flatMap(({ actorId, act }) => (actorId === userId ? [act] : [])),
            ["users.withdraw"]
          )
        })
      )
    }
  })
})

const withIds = table.flatMap(([operation, request, who, , denied = "", options = {}]) => {
  const [method = "", path = ""] = request.split(" ")
  return path.includes("{") ? [{ operation, method, path, isPublic: who === anybody, denied, options }] : []
})

const notFound = {
  user: noUser,
  order: noOrder,
  product: "404 PRODUCT_NOT_FOUND",
  coupon: "404 COUPON_NOT_FOUND"
}
const unknown = {
  user: "usr_00000000-0000-7000-8000-000000000000",
  order: "ord_00000000-0000-7000-8000-000000000000",
  product: "prd_00000000-0000-7000-8000-000000000000",
  coupon: "cpn_00000000-0000-7000-8000-000000000000"
}

describe("Somebody else's things", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    it_.effect("cannot be told from things there are not", () =>
      Effect.gen(function* () {
        const { fill } = yield* scene
        const mallory = yield* person("SELLER")
        const rows = withIds.filter((row) => row.denied.startsWith("404"))
        for (const { method, path, denied, options: sent } of rows) {
          const options = { ...sent, token: mallory.token }
          const known = yield* call(method, fill(path), options)
          const made = yield* call(method, fill(path, unknown), options)
          assert.strictEqual(known.status, 404, `${method} ${path}`)
          const shape = ({ status, body }: Shop.Answer) => ({ status, code: body["code"], keys: Object.keys(body) })
          assert.deepStrictEqual(shape(known), shape(made), denied)
        }
      })
    )

    for (const {
      operation,
      method,
      path,
      options: { body, ...options }
    } of withIds) {
      const [, code = ""] = Object.entries(notFound).find(([kind]) => path.includes(`{${kind}}`)) ?? []
      it_.effect(`${method} ${path} is ${code} for whatever is no such id`, () =>
        Effect.gen(function* () {
          const { token } = yield* person("ADMIN")
          const send = { ...options, token, ...(body === undefined ? {} : { body }) }
          // A user who never was has no orders, sales, coupons and managers, and nobody but an administrator can ask.
          const never = /\.(?:list|sold|requested|ofSeller)$/.test(operation) ? [] : [unknown.user]
          for (const id of [
            ...never,
            unknown.order,
            unknown.product,
            "1",
            "null",
            "%20",
            "..%2F..%2Fetc%2Fpasswd",
            "' OR 1=1 --",
            "__proto__",
            "%00",
            "x".repeat(5000)
          ]) {
            assert.strictEqual(yield* outcome(method, path.replace(/\{\w+\}/, id), send), code, id.slice(0, 40))
          }
        })
      )
    }
  })
})

describe("The cluster", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    it_.effect("is shown to an administrator", () =>
      Effect.gen(function* () {
        const { body } = yield* call("GET", "/api/v1/admin/cluster", yield* person("ADMIN"))
        assert.deepInclude(body, { node: "here", nodes: ["here"] })
        assert.lengthOf(Object.keys(body["partitions"] ?? {}), 4)
      })
    )
  })
})
