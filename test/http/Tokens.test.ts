import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose"
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto"
import { createServer, type Server } from "node:http"
import { type Key, Tokens } from "../../src/http/Auth.ts"
import { buyer } from "../domain/Samples.ts"
import * as Shop from "./Shop.ts"
import { call, outcome, person } from "./Shop.ts"

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url")

const header = { alg: "HS256", typ: "JWT" }

/** Signs whatever it is given, with HMAC. */
const forge = (payload: object, { head = header, secret = Shop.secret }: { head?: object; secret?: string } = {}) => {
  const text = `${encode(head)}.${encode(payload)}`
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`
}

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })

/** Claims that are good for an hour, seen from `now` in seconds. */
const claims = (now: number) => ({
  sub: buyer as string,
  role: "BUYER",
  iss: "sluice",
  aud: "sluice-api",
  iat: now,
  exp: now + 3600
})

const without = (claim: string, now: number) =>
  Object.fromEntries(Object.entries(claims(now)).filter(([name]) => name !== claim))

const flip = (token: string, at: number) => token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1)

const own = "a secret an attacker made, of more than 32 bytes"
const ownKey = { kty: "oct", k: Buffer.from(own).toString("base64url") }

/** How each token is forged, from a time in seconds. */
const forged: ReadonlyArray<readonly [what: string, make: (now: number) => string]> = [
  ["nothing", () => ""],
  ["no JWT", () => "let-me-in"],
  ["no signature", (now) => `${encode(header)}.${encode(claims(now))}.`],
  ["alg none", (now) => `${encode({ alg: "none", typ: "JWT" })}.${encode(claims(now))}.`],
  ["alg None, signed", (now) => forge(claims(now), { head: { alg: "None", typ: "JWT" } })],
  ["another HMAC", (now) => forge(claims(now), { head: { alg: "HS512", typ: "JWT" } })],
  ["RS256 by name", (now) => forge(claims(now), { head: { alg: "RS256", typ: "JWT" } })],
  ["another secret", (now) => forge(claims(now), { secret: own })],
  ["no secret", (now) => forge(claims(now), { secret: "" })],
  ["a key of its own", (now) => forge(claims(now), { head: { ...header, jwk: ownKey }, secret: own })],
  [
    "the address of its key",
    (now) => forge(claims(now), { head: { ...header, jku: "http://127.0.0.1/" }, secret: own })
  ],
  ["the file of its key", (now) => forge(claims(now), { head: { ...header, kid: "/dev/null" }, secret: "" })],
  ["a critical extension", (now) => forge(claims(now), { head: { ...header, crit: ["x"], x: 1 } })],
  ["another typ", (now) => forge(claims(now), { head: { alg: "HS256", typ: "at+jwt" } })],
  ["no typ", (now) => forge(claims(now), { head: { alg: "HS256" } })],
  ["another issuer", (now) => forge({ ...claims(now), iss: "sluice.example" })],
  ["another audience", (now) => forge({ ...claims(now), aud: "other-api" })],
  ["expiry in the past", (now) => forge({ ...claims(now), exp: now - 60 })],
  ["a start in the future", (now) => forge({ ...claims(now), nbf: now + 60 })],
  ["an expiry in words", (now) => forge({ ...claims(now), exp: "2099-01-01" })],
  ["no expiry", (now) => forge(without("exp", now))],
  ["no issue time", (now) => forge(without("iat", now))],
  ["no subject", (now) => forge(without("sub", now))],
  ["no role", (now) => forge(without("role", now))],
  ["no issuer", (now) => forge(without("iss", now))],
  ["no audience", (now) => forge(without("aud", now))],
  ["a role there is not", (now) => forge({ ...claims(now), role: "OWNER" })],
  ["roles in a list", (now) => forge({ ...claims(now), role: ["ADMIN"] })],
  ["a subject that is no user", (now) => forge({ ...claims(now), sub: "admin" })],
  ["a bit of the header flipped", (now) => flip(forge(claims(now)), 5)],
  ["a bit of the claims flipped", (now) => flip(forge(claims(now)), 60)],
  ["a bit of the signature flipped", (now) => flip(forge(claims(now)), forge(claims(now)).length - 10)],
  [
    "claims of another token",
    (now) => forge(claims(now)).replace(/\.[^.]*\./, `.${encode({ ...claims(now), role: "ADMIN" })}.`)
  ],
  ["more than 8 KB", (now) => forge({ ...claims(now), padding: "x".repeat(8192) })]
]

describe("A token", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it) => {
    for (const [what, make] of forged) {
      it.effect(`with ${what} is refused, without a word why`, () =>
        Effect.gen(function* () {
          const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
          const token = make(Math.floor(now / 1000))
          const { status, headers, body } = yield* call("GET", `/users/${buyer}`, { token })
          assert.strictEqual(status, 401)
          const challenge = token === "" ? "Bearer" : 'Bearer error="invalid_token"'
          assert.strictEqual(headers.get("www-authenticate"), challenge)
          assert.deepInclude(body, { code: "UNAUTHENTICATED" })
          assert.hasAllKeys(body, ["type", "title", "detail", "status", "code", "traceId", "retryable"])
        })
      )
    }

    it.effect("that is forged right is good: the forger of these tests can sign", () =>
      Effect.gen(function* () {
        const { userId } = yield* person()
        const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const token = forge({ ...claims(Math.floor(now / 1000)), sub: userId })
        assert.strictEqual(yield* outcome("GET", `/users/${userId}`, { token }), "200")
        const { status } = yield* call("GET", `/users/${userId}`, { headers: { authorization: `bEARER   ${token}` } })
        assert.strictEqual(status, 200)
        for (const authorization of [token, `Basic ${token}`, `Token ${token}`, "Bearer"]) {
          const answer = yield* call("GET", `/users/${userId}`, { headers: { authorization } })
          assert.strictEqual(answer.status, 401)
          assert.strictEqual(answer.headers.get("www-authenticate"), "Bearer")
        }
        assert.strictEqual(yield* outcome("GET", `/users/${userId}?token=${token}`), "401 UNAUTHENTICATED")
      })
    )
  })
})

const tokens = (key: Key, tokenTtlSeconds = 60) => Tokens.layer({ key, tokenTtlSeconds })
const user = { userId: buyer, loginId: "kim", name: "Kim", role: "SELLER" } as const

describe("Tokens", () => {
  it.effect("are good until they expire, remembered or not", () =>
    Effect.gen(function* () {
      const { issue, verify } = yield* Tokens
      const { accessToken, expiresIn } = yield* issue(user)
      assert.strictEqual(expiresIn, 60)
      assert.deepStrictEqual(yield* verify(accessToken), { userId: buyer, role: "SELLER" } as object)
      yield* TestClock.adjust("64 seconds")
      yield* verify(accessToken)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Effect.flip(verify(accessToken)))._tag, "Unauthenticated")
    }).pipe(Effect.provide(tokens(Shop.key)))
  )

  it.effect("need a secret of 32 bytes", () =>
    Effect.gen(function* () {
      const short = Layer.build(tokens({ _tag: "Secret", secret: Redacted.make("x".repeat(31)) }))
      assert.strictEqual((yield* Effect.flip(short))._tag, "UnusableKey")
    })
  )

  for (const [kind, alg, pair] of [
    ["RSA", "RS256", rsa],
    ["P-256", "ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["Ed25519", "EdDSA", generateKeyPairSync("ed25519")]
  ] as const) {
    it.effect(`of an issuer of one's own are verified with its ${kind} key`, () =>
      Effect.gen(function* () {
        const { issue, verify } = yield* Tokens
        const sign = (privateKey: KeyObject, head: JWTHeaderParameters, payload: JWTPayload) =>
          Effect.promise(() => new SignJWT(payload).setProtectedHeader(head).sign(privateKey))
        const good = yield* sign(pair.privateKey, { alg, typ: "JWT" }, claims(0))
        assert.deepInclude(yield* verify(good), { role: "BUYER" })
        const other = generateKeyPairSync("ec", { namedCurve: "P-256" })
        const forgery = yield* sign(other.privateKey, { alg: "ES256", typ: "JWT" }, claims(0))
        assert.strictEqual((yield* Effect.flip(verify(forgery)))._tag, "Unauthenticated")
        // The classic: the public key, which everybody has, as a secret.
        const pem = pair.publicKey.export({ type: "spki", format: "pem" }).toString()
        const confused = forge(claims(0), { secret: pem })
        assert.strictEqual((yield* Effect.flip(verify(confused)))._tag, "Unauthenticated")
        assert.strictEqual((yield* Effect.flip(issue(user)))._tag, "LoginDisabled")
      }).pipe(
        Effect.provide(
          tokens({ _tag: "PublicKey", pem: pair.publicKey.export({ type: "spki", format: "pem" }).toString() })
        )
      )
    )
  }

  it.effect("are not verified with a key that is none, or of a kind we do not take", () =>
    Effect.gen(function* () {
      const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey
      const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey
      for (const pem of [
        "no key",
        ...[p521, weak].map((key) => key.export({ type: "spki", format: "pem" }).toString())
      ]) {
        assert.strictEqual((yield* Effect.flip(Layer.build(tokens({ _tag: "PublicKey", pem }))))._tag, "UnusableKey")
      }
    })
  )

  it.effect("are verified with the keys an issuer publishes", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* Effect.promise(() => generateKeyPair("ES256", { extractable: true }))
      const jwk = { ...(yield* Effect.promise(() => exportJWK(publicKey))), kid: "1", alg: "ES256" }
      const published = yield* Effect.acquireRelease(
        Effect.callback<Server>((resume) => {
          const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const bound = published.address()
      const url = `http://127.0.0.1:${typeof bound === "object" ? bound?.port : ""}/jwks.json`
      const sign = (kid: string) =>
        Effect.promise(() =>
          new SignJWT(claims(0)).setProtectedHeader({ alg: "ES256", typ: "JWT", kid }).sign(privateKey)
        )
      yield* Effect.gen(function* () {
        const { verify } = yield* Tokens
        assert.deepInclude(yield* verify(yield* sign("1")), { role: "BUYER" })
        assert.strictEqual((yield* Effect.flip(verify(yield* sign("2"))))._tag, "Unauthenticated")
      }).pipe(Effect.provide(tokens({ _tag: "Jwks", url })))
    })
  )

  it.effect("wait for keys that cannot be fetched, and say so", () =>
    Effect.gen(function* () {
      const { verify } = yield* Tokens
      const { privateKey } = yield* Effect.promise(() => generateKeyPair("RS256"))
      const token = yield* Effect.promise(() =>
        new SignJWT(claims(0)).setProtectedHeader({ alg: "RS256", typ: "JWT", kid: "1" }).sign(privateKey)
      )
      assert.strictEqual((yield* Effect.flip(verify(token)))._tag, "Unavailable")
      assert.strictEqual((yield* Effect.flip(verify("no.to.ken")))._tag, "Unauthenticated")
    }).pipe(Effect.provide(tokens({ _tag: "Jwks", url: "http://127.0.0.1:1/jwks.json" })))
  )
})
