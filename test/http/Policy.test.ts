import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { CouponId, OrderId, ProductId, UserCouponId, UserId } from "../../src/domain/Ids.ts"
import type { Tier } from "../../src/domain/Tier.ts"
import type {
  ClaimedCouponId,
  ClaimedOrderId,
  ClaimedProductId,
  ClaimedRole,
  ClaimedTier,
  ClaimedUserCouponId,
  ClaimedUserId
} from "../../src/http/api/Fields.ts"
import type { Claims } from "../../src/http/api/Middleware.ts"
import type { Role } from "../../src/persistence/Users.ts"
import type { charge } from "../../src/saga/Charge.ts"
import * as Shop from "./Shop.ts"
import { buy, call, coupon, outcome, person, product, take } from "./Shop.ts"

/** `true` if a value of the first type can be used as the second. */
type IsA<A, B> = A extends B ? true : false

describe("A handler", () => {
  it("that forgets to ask the policy does not compile: what a request claims is nothing the engine takes", () => {
    const refused: ReadonlyArray<false> = [
      false satisfies IsA<ClaimedUserId, UserId>,
      false satisfies IsA<ClaimedProductId, ProductId>,
      false satisfies IsA<ClaimedOrderId, OrderId>,
      false satisfies IsA<ClaimedCouponId, CouponId>,
      false satisfies IsA<ClaimedUserCouponId, UserCouponId>,
      false satisfies IsA<ClaimedRole, Role>,
      false satisfies IsA<ClaimedTier, Tier>,
      false satisfies IsA<Claims["userId"], UserId>,
      false satisfies IsA<{ userId: ClaimedUserId }, Pick<Parameters<typeof charge>[0], "userId">>
    ]
    // Without this the proof would hold for types that go nowhere.
    assert.isTrue(true satisfies IsA<UserId, UserId>)
    assert.lengthOf(refused, 9)
  })
})

/** Every route with an id, and what somebody gets who is not its owner. */
const routes: ReadonlyArray<
  readonly [method: string, path: string, foreign: string, admin: string, options?: Shop.Call]
> = [
  ["GET", "/users/{user}", "404 USER_NOT_FOUND", "200"],
  ["PATCH", "/users/{user}", "404 USER_NOT_FOUND", "200", { body: { name: "Mallory" } }],
  ["DELETE", "/users/{user}", "404 USER_NOT_FOUND", "409 BALANCE_REMAINING"],
  ["GET", "/balances/{user}", "404 USER_NOT_FOUND", "200"],
  ["GET", "/balances/{user}/transactions", "404 USER_NOT_FOUND", "200"],
  ["POST", "/balances/charge", "403 FORBIDDEN", "200", { key: "theft", body: { userId: "{user}", amount: 1000 } }],
  ["GET", "/orders?userId={user}", "404 USER_NOT_FOUND", "200"],
  ["GET", "/orders/{order}", "404 ORDER_NOT_FOUND", "200"],
  ["PATCH", "/products/{product}", "403 FORBIDDEN", "200", { ifMatch: 1, body: { price: 0 } }],
  ["POST", "/products/{product}/stock", "403 FORBIDDEN", "200", { ifMatch: 2, body: { delta: 1 } }],
  ["DELETE", "/products/{product}", "403 FORBIDDEN", "200", { ifMatch: 3 }],
  ["PATCH", "/coupons/{coupon}", "403 COUPON_PERMISSION_DENIED", "200", { ifMatch: 1, body: { status: "ACTIVE" } }],
  ["GET", "/coupons/{coupon}/statistics", "403 COUPON_PERMISSION_DENIED", "200"],
  ["GET", "/coupons/user/{user}", "404 USER_NOT_FOUND", "200"],
  [
    "POST",
    "/coupons/issue",
    "403 COUPON_PERMISSION_DENIED",
    "201",
    { key: "grant", body: { couponId: "{coupon}", userId: "{user}" } }
  ],
  [
    "POST",
    "/coupons/issue/limited",
    "403 FORBIDDEN",
    "409 COUPON_ALREADY_ISSUED",
    { key: "take", body: { couponId: "{coupon}", userId: "{user}" } }
  ],
  [
    "POST",
    "/coupons/revoke",
    "403 COUPON_PERMISSION_DENIED",
    "200",
    { key: "revoke", body: { userCouponId: "{userCoupon}", userId: "{user}", reason: "fraud" } }
  ]
]

const notFound = {
  user: "404 USER_NOT_FOUND",
  order: "404 ORDER_NOT_FOUND",
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
    const scene = Effect.gen(function* () {
      const owner = yield* person("SELLER", 5000)
      const productId = yield* product(owner)
      const receipt = yield* buy(owner, productId)
      const couponId = yield* coupon(owner, { perUserLimit: 2 })
      const ids: Record<string, string> = {
        user: owner.userId,
        product: productId,
        coupon: couponId,
        userCoupon: String((yield* take(owner, couponId, { key: "own" })).body["userCouponId"]),
        order: String(receipt.body["orderId"])
      }
      const fill = (text: string, by = ids) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => by[name] ?? "")
      return { owner, ids, fill }
    })

    const ask = (
      [method, path, , , { body, ...options } = {}]: (typeof routes)[number],
      token: string | undefined,
      fill: (text: string) => string
    ) =>
      outcome(method, fill(path), {
        ...options,
        token,
        ...(body === undefined ? {} : { body: JSON.parse(fill(JSON.stringify(body))) })
      })

    for (const route of routes) {
      const [method, path, foreign] = route
      it_.effect(`${method} ${path} is ${foreign} for another seller, and 401 for a stranger`, () =>
        Effect.gen(function* () {
          const { owner, fill } = yield* scene
          const mallory = yield* person("SELLER", 5000)
          assert.strictEqual(yield* ask(route, mallory.token, fill), foreign)
          assert.strictEqual(yield* ask(route, undefined, fill), "401 UNAUTHENTICATED")
          const after = yield* call("GET", `/users/${owner.userId}`, owner)
          assert.strictEqual(after.body["name"], "Somebody")
          assert.strictEqual((yield* call("GET", `/balances/${owner.userId}`, owner)).body["balance"], 4000)
        })
      )
    }

    it_.effect("are open to an administrator", () =>
      Effect.gen(function* () {
        const { fill } = yield* scene
        const admin = yield* person("ADMIN")
        for (const route of routes) {
          assert.strictEqual(yield* ask(route, admin.token, fill), route[3], `${route[0]} ${route[1]}`)
        }
      })
    )

    it_.effect("cannot be told from things there are not", () =>
      Effect.gen(function* () {
        const { fill } = yield* scene
        const mallory = yield* person("SELLER")
        for (const [method, path, foreign] of routes.filter(([, , code]) => code.startsWith("404"))) {
          const options = method === "PATCH" ? { body: {}, token: mallory.token } : { token: mallory.token }
          const known = yield* call(method, fill(path), options)
          const made = yield* call(method, fill(path, unknown), options)
          const shape = ({ status, body }: Shop.Answer) => ({ status, code: body["code"], keys: Object.keys(body) })
          assert.deepStrictEqual(shape(known), shape(made), foreign)
        }
      })
    )

    for (const [method, path, , , { body, ...options } = {}] of routes.filter(([, way]) => way.includes("{"))) {
      const [, code = ""] = Object.entries(notFound).find(([kind]) => path.includes(`{${kind}}`)) ?? []
      it_.effect(`${method} ${path} is ${code} for whatever is no such id`, () =>
        Effect.gen(function* () {
          const { token } = yield* person("ADMIN")
          const send = { ...options, token, ...(body === undefined ? {} : { body }) }
          // A user who never was has no orders, and nobody but an administrator can ask.
          const never = path.startsWith("/orders?") ? [] : [unknown.user]
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

describe("What only administrators see", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    it_.effect("is forbidden to everybody else", () =>
      Effect.gen(function* () {
        const path = "/api/v1/admin/cluster"
        for (const role of ["BUYER", "SELLER", "MANAGER"] as const) {
          assert.strictEqual(yield* outcome("GET", path, yield* person(role)), "403 FORBIDDEN")
        }
        assert.strictEqual(yield* outcome("GET", path), "401 UNAUTHENTICATED")
        const { body } = yield* call("GET", path, yield* person("ADMIN"))
        assert.deepInclude(body, { node: "here", nodes: ["here"] })
        assert.lengthOf(Object.keys(body["partitions"] ?? {}), 4)
      })
    )
  })
})
