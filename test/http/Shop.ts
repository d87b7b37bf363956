/** A shop over an engine in memory, behind a real socket, and what a client of it says. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpServer } from "effect/http"
import { Directory } from "../../src/actors/Directory.ts"
import type { Role } from "../../src/domain/Authority.ts"
import { type UserId, userId, uuidOf } from "../../src/domain/Ids.ts"
import * as Entropy from "../../src/Entropy.ts"
import { Tokens } from "../../src/http/Auth.ts"
import { Draining } from "../../src/http/Draining.ts"
import * as Server from "../../src/http/Server.ts"
import { Catalogue } from "../../src/persistence/Catalogue.ts"
import { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import * as MemoryAudit from "../../src/persistence/MemoryAudit.ts"
import * as MemoryCatalogue from "../../src/persistence/MemoryCatalogue.ts"
import * as MemoryCoupons from "../../src/persistence/MemoryCoupons.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import * as MemoryManagers from "../../src/persistence/MemoryManagers.ts"
import * as MemoryOrders from "../../src/persistence/MemoryOrders.ts"
import * as MemoryStatements from "../../src/persistence/MemoryStatements.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as MemoryUsers from "../../src/persistence/MemoryUsers.ts"
import type { Gateways } from "../../src/saga/gateways/Gateway.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import { Transact } from "../../src/saga/Transact.ts"

export const secret = "a secret of the tests, and of the tests alone"
export const key = { _tag: "Secret", secret: Redacted.make(secret) } as const

type JournalShape = Journal["Service"]

export interface Options {
  /** Stands between the engine and its disk. */
  readonly journal?: (journal: JournalShape) => JournalShape
  /** And between the handlers and what they read. */
  readonly catalogue?: (catalogue: Catalogue["Service"]) => Catalogue["Service"]
  readonly stepsMost?: number
  readonly requestTimeoutMs?: number
  readonly drainWithin?: Server.Options["drainWithin"]
  /** Instead of gateways in memory. */
  readonly gateways?: Layer.Layer<Gateways>
}

const tables = MemoryTables.layer
const repositories = ({ catalogue = (disk) => disk }: Options) =>
  Layer.mergeAll(
    MemoryUsers.layer,
    MemoryManagers.layer,
    MemoryAudit.layer,
    Layer.effect(Catalogue, Effect.map(Catalogue, catalogue)).pipe(Layer.provide(MemoryCatalogue.layer)),
    MemoryOrders.layer,
    MemoryCoupons.layer,
    MemoryStatements.layer
  )

const engine = ({ journal = (disk) => disk, stepsMost = 2000, requestTimeoutMs = 5000 }: Options) =>
  Transact.layer({ requestTimeoutMs, stepsMost }).pipe(
    Layer.provideMerge(Directory.layer({ partitions: 4, owner: "test", residentActors: 1000 })),
    Layer.provideMerge(GroupCommit.layer({ batchSize: 64, inFlight: 2, queueSize: 2000, drainWithin: "1 second" })),
    Layer.provideMerge(Layer.effect(Journal, Effect.map(Journal, journal)).pipe(Layer.provide(MemoryJournal.layer)))
  )

const gatewaysOf = ({ gateways }: Options) =>
  gateways === undefined ? MemoryGateway.layer : Layer.merge(MemoryGateway.layer, gateways)

export const layer = (options: Options = {}) =>
  Server.layer({
    host: "127.0.0.1",
    port: 0,
    drainWithin: options.drainWithin ?? "2 seconds",
    key,
    tokenTtlSeconds: 3600
  }).pipe(
    Layer.provideMerge(gatewaysOf(options)),
    Layer.provideMerge(engine(options)),
    Layer.provideMerge(repositories(options)),
    Layer.provideMerge(tables),
    Layer.provideMerge(Layer.mergeAll(Entropy.layer, Draining.layer, Tokens.layer({ key, tokenTtlSeconds: 3600 })))
  )

export interface Call {
  readonly token?: string | undefined
  readonly body?: unknown
  /** The body as it is sent. */
  readonly raw?: string | ReadableStream<Uint8Array>
  /** The Idempotency-Key. */
  readonly key?: string | undefined
  /** The version to edit, or what If-Match says. */
  readonly ifMatch?: number | string
  readonly headers?: Record<string, string>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, if it is a JSON object. */
  readonly body: { readonly [field: string]: unknown }
}

/** What no answer may tell. */
const leaks = /\bat .*\.[jt]s|SELECT |INSERT |ECONN|node_modules|Error:/

const parse = (text: string): Answer["body"] => (text.startsWith("{") ? JSON.parse(text) : {})

/** Asks the shop. What is true of every answer is seen to here. */
export const call = Effect.fnUntraced(function* (method: string, path: string, options: Call = {}) {
  const { token, body, raw, key: idempotencyKey, ifMatch, headers = {} } = options
  const base = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const sent: Record<string, string> = { ...headers }
  if (token !== undefined) sent["authorization"] ??= `Bearer ${token}`
  if (body !== undefined || raw !== undefined) sent["content-type"] ??= "application/json"
  if (idempotencyKey !== undefined) sent["idempotency-key"] = idempotencyKey
  if (ifMatch !== undefined) sent["if-match"] = typeof ifMatch === "number" ? `"${ifMatch}"` : ifMatch
  const init: RequestInit = { method, headers: sent, duplex: "half" }
  if (raw !== undefined) init.body = raw
  else if (body !== undefined) init.body = JSON.stringify(body)

  const url = `${base}${/^\/(health|metrics|openapi|docs|api|$)/.test(path) ? "" : "/api/v1"}${path}`
  const answer = yield* Effect.promise(async () => {
    const response = await fetch(url, init)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parse(text) } satisfies Answer
  })

  assert.notMatch(answer.text.slice(0, 10_000), leaks)
  assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
  if (!/^\/(openapi|docs)/.test(path)) assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  if (answer.text !== "") assert.match(answer.headers.get("content-type") ?? "", /; charset=utf-8$/i)
  if (answer.status >= 400) {
    assert.strictEqual(answer.headers.get("content-type"), "application/problem+json; charset=utf-8")
    assert.strictEqual(answer.body["status"], answer.status)
    assert.match(String(answer.body["traceId"]), /^[\da-f]{32}$/)
  }
  return answer
})

/** The call's status and code, as `409 LOGIN_ID_TAKEN`; only the status if all went well. */
export const outcome = (method: string, path: string, options: Call = {}) =>
  Effect.map(call(method, path, options), ({ status, body }) =>
    status < 400 ? String(status) : `${status} ${String(body["code"])}`
  )

export interface Person {
  readonly userId: UserId
  readonly loginId: string
  readonly token: string
}

/** Somebody with a token, who has not signed up with a password. */
export const person = Effect.fnUntraced(function* (role: Role = "BUYER", balance = 0) {
  const { users, wallets } = yield* MemoryTables
  const random = yield* SecureRandom.SecureRandom
  const tokens = yield* Tokens
  const id = userId(yield* random.uuidV7())
  const loginId = `login-${uuidOf(id)}`
  users.set(uuidOf(id), { loginId, name: "Somebody", role, tier: "BRONZE", passwordHash: "", withdrawn: false })
  wallets.set(uuidOf(id), 0)
  const { accessToken: token } = yield* Effect.orDie(tokens.issue({ userId: id, role }))
  if (balance > 0) {
    const charged = yield* outcome("POST", "/balances/charge", { token, key: "first", body: { amount: balance } })
    assert.strictEqual(charged, "200")
  }
  return { userId: id, loginId, token } satisfies Person
})

export const product = (seller: Person, fields: object = {}) =>
  Effect.map(
    call("POST", "/products", { token: seller.token, body: { name: "Sneaker", price: 1000, stock: 10, ...fields } }),
    ({ status, body }) => {
      assert.strictEqual(status, 201)
      return String(body["productId"])
    }
  )

export const buy = (who: Person, productId: string, quantity = 1, options: Call = {}) =>
  call("POST", "/checkout", { token: who.token, key: "k", body: { items: [{ productId, quantity }] }, ...options })

/** Makes an order that is not paid; its id. */
export const order = (who: Person, productId: string, quantity = 1, fields: object = {}) =>
  Effect.map(
    call("POST", "/orders", {
      token: who.token,
      key: `order-${productId}-${quantity}`,
      body: { items: [{ productId, quantity }], ...fields }
    }),
    ({ status, body }) => {
      assert.strictEqual(status, 201)
      return String(body["orderId"])
    }
  )

export const pay = (who: Person, orderId: string, once = "pay") =>
  call("POST", "/payments/process", { token: who.token, key: once, body: { orderId } })

/** A coupon of 1,000 won off, as its seller sees it. */
export const coupon = (seller: Person, fields: object = {}) =>
  Effect.map(
    call("POST", "/coupons", {
      token: seller.token,
      body: { name: "Welcome", discountType: "FIXED", discountValue: 1000, totalQuantity: 10, ...fields }
    }),
    ({ status, body }) => {
      assert.strictEqual(status, 201)
      return String(body["couponId"])
    }
  )

export const take = (who: Person, couponId: string, options: Call = {}) =>
  call("POST", "/coupons/issue/limited", { token: who.token, key: "take", body: { couponId }, ...options })
