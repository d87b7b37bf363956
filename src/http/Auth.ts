/**
 * Tokens (JWT, RFC 8725): verified against one family of keys, issued when that is our own secret.
 *
 * A token that was good is remembered until it expires, so that a request costs one look-up and no cryptography.
 */
import { Clock, Context, DateTime, Effect, Layer, Option, Redacted, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { createSigner, createVerifier } from "fast-jwt"
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose"
import { createPublicKey, type KeyObject } from "node:crypto"
import { Role } from "../domain/Authority.ts"
import { UserId } from "../domain/Ids.ts"
import { Unavailable } from "../persistence/Failures.ts"
import type { User } from "../persistence/Users.ts"
import { LoginDisabled, Unauthenticated } from "./api/Errors.ts"
import { ClaimedUserId } from "./api/Fields.ts"
import { type Asker, Authenticated, type Claims, MaybeAuthenticated, Principal, Visitor } from "./api/Middleware.ts"
import { Lru } from "./Lru.ts"
import { headerOf, type Reader, tokenOf, traceIdOf } from "./Reader.ts"

/** What tokens are verified with. */
export type Key =
  /** Of at least 32 bytes; also signs (HS256). */
  | { readonly _tag: "Secret"; readonly secret: Redacted.Redacted<string> }
  /** In PEM; its kind decides the algorithm. */
  | { readonly _tag: "PublicKey"; readonly pem: string }
  | { readonly _tag: "Jwks"; readonly url: string }

export interface Options {
  readonly key: Key
  readonly tokenTtlSeconds: number
}

/** The key is none that tokens can be verified with. */
export class UnusableKey extends Schema.TaggedError<UnusableKey>()("UnusableKey", { reason: Schema.String }) {
  override get message() {
    return `Tokens cannot be verified with this JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL: ${this.reason}`
  }
}

const issuer = "sluice"
const audience = "sluice-api"
const tokenLengthMost = 8192
const clockToleranceSeconds = 5
const rememberedMost = 100_000

const requiredClaims = ["iss", "aud", "sub", "role", "exp", "iat"]

const Payload = Schema.Struct({
  sub: UserId,
  role: Role,
  exp: Schema.Finite,
  iat: Schema.Finite,
  nbf: Schema.optionalKey(Schema.Finite)
})
const decodePayload = Schema.decodeUnknownOption(Payload)

/** The one algorithm of each kind of key, under all its names. */
const algorithms = { rsa: ["RS256"], ec: ["ES256"], ed25519: ["EdDSA", "Ed25519"] }

/** The algorithms of a public key; `undefined` when it is weak or of a kind we do not take. */
const algorithmsOf = ({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject) => {
  if (asymmetricKeyType === "rsa" && (details?.modulusLength ?? 0) >= 2048) return algorithms.rsa
  if (asymmetricKeyType === "ec" && details?.namedCurve === "prime256v1") return algorithms.ec
  return asymmetricKeyType === "ed25519" ? algorithms.ed25519 : undefined
}

/** What a token says if its signature, type, issuer and audience are right; `now` in milliseconds since 1970. */
type Verify = (token: string, now: number) => Effect.Effect<unknown, Unauthenticated | Unavailable>

/** A secret's tokens are verified at once: by the thread pool it would cost four times as much. */
const bySecret = (secret: Buffer): Verify => {
  const verify = createVerifier({
    key: secret,
    algorithms: ["HS256"],
    checkTyp: "JWT",
    allowedIss: issuer,
    allowedAud: audience,
    requiredClaims,
    ignoreExpiration: true,
    ignoreNotBefore: true
  })
  return (token) => Effect.try({ try: (): unknown => verify(token), catch: () => new Unauthenticated() })
}

const byPublished = (key: Key, keys: KeyObject | JWTVerifyGetKey, known: Array<string>): Verify => {
  const options = {
    algorithms: known,
    typ: "JWT",
    issuer,
    audience,
    requiredClaims,
    clockTolerance: clockToleranceSeconds
  }
  return (token, now) => {
    const dated = { ...options, currentDate: DateTime.toDateUtc(DateTime.makeUnsafe(now)) }
    return Effect.tryPromise({
      try: async (): Promise<unknown> => {
        const verified = typeof keys === "function" ? jwtVerify(token, keys, dated) : jwtVerify(token, keys, dated)
        return (await verified).payload
      },
      catch: (cause) => (isKeysUnreachable(key, cause) ? new Unavailable() : new Unauthenticated())
    })
  }
}

const verifierOf = (key: Key): Effect.Effect<Verify, UnusableKey> => {
  switch (key._tag) {
    case "Secret":
      return Effect.map(secretOf(key), bySecret)
    case "PublicKey":
      return Effect.gen(function* () {
        const publicKey = yield* Effect.try({
          try: () => createPublicKey(key.pem),
          catch: () => new UnusableKey({ reason: "Not a public key in PEM" })
        })
        const known = algorithmsOf(publicKey)
        if (known === undefined) return yield* new UnusableKey({ reason: "Not RSA from 2048 bits, P-256 or Ed25519" })
        return byPublished(key, publicKey, known)
      })
    case "Jwks":
      return Effect.gen(function* () {
        const keys = yield* Effect.try({
          try: () => createRemoteJWKSet(new URL(key.url)),
          catch: () => new UnusableKey({ reason: "Not a URL" })
        })
        return byPublished(key, keys, Object.values(algorithms).flat())
      })
  }
}

const secretOf = ({ secret }: Key & { readonly _tag: "Secret" }): Effect.Effect<Buffer, UnusableKey> => {
  const bytes = Buffer.from(Redacted.value(secret), "utf8")
  return bytes.length < 32
    ? Effect.fail(new UnusableKey({ reason: "A secret has at least 32 bytes" }))
    : Effect.succeed(bytes)
}

/** The keys could not be fetched, which says nothing about the token. */
const isKeysUnreachable = (key: Key, cause: unknown): boolean =>
  key._tag === "Jwks" &&
  (!(cause instanceof errors.JOSEError) || ["ERR_JWKS_TIMEOUT", "ERR_JOSE_GENERIC"].includes(cause.code))

/** What is remembered of a good token. */
interface Good {
  readonly claims: Claims
  /** In milliseconds since 1970. */
  readonly until: number
}

export class Tokens extends Context.Service<
  Tokens,
  {
    readonly verify: (token: string) => Effect.Effect<Claims, Unauthenticated | Unavailable>
    readonly issue: (
      user: Pick<User, "userId" | "role">
    ) => Effect.Effect<{ readonly accessToken: string; readonly expiresIn: number }, LoginDisabled>
  }
>()("sluice/http/Tokens") {
  static readonly layer = ({ key, tokenTtlSeconds }: Options) =>
    Layer.effect(
      Tokens,
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        const check = yield* verifierOf(key)
        const sign =
          key._tag === "Secret"
            ? createSigner({ key: yield* secretOf(key), algorithm: "HS256", iss: issuer, aud: audience })
            : undefined
        const remembered = new Lru<string, Good>(rememberedMost)
        const refused = Effect.fail(new Unauthenticated())

        const verifyAnew = (token: string, now: number) =>
          Effect.flatMap(check(token, now), (payload) => {
            const claimed = Option.getOrUndefined(decodePayload(payload))
            if (claimed === undefined) return refused
            const { sub, role, exp, nbf = 0 } = claimed
            const good = {
              claims: { userId: ClaimedUserId.make(sub), role },
              until: (exp + clockToleranceSeconds) * 1000
            }
            if (good.until <= now || (nbf - clockToleranceSeconds) * 1000 > now) return refused
            remembered.set(token, good)
            return Effect.succeed(good.claims)
          })

        return Tokens.of({
          verify: (token) => {
            const now = clock.currentTimeMillisUnsafe()
            const known = remembered.get(token)
            if (known !== undefined) return known.until > now ? Effect.succeed(known.claims) : refused
            return token === "" || token.length > tokenLengthMost ? refused : verifyAnew(token, now)
          },

          issue: ({ userId, role }) =>
            Effect.suspend(() => {
              if (sign === undefined) return Effect.fail(new LoginDisabled())
              const now = Math.floor(clock.currentTimeMillisUnsafe() / 1000)
              const accessToken = sign({ sub: userId, role, iat: now, exp: now + tokenTtlSeconds })
              return Effect.succeed({ accessToken, expiresIn: tokenTtlSeconds })
            })
        })
      })
    )
}

const askerOf = (
  claims: Claims,
  request: Reader,
  { endpoint, group }: Record<"endpoint" | "group", { readonly identifier: string }>
): Asker => ({ ...claims, act: `${group.identifier}.${endpoint.identifier}`, traceId: () => traceIdOf(request) })

export const layer = Layer.unwrap(
  Effect.map(Tokens, ({ verify }) =>
    Layer.merge(
      Layer.succeed(Authenticated, (handled, operation) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
          Effect.flatMap(verify(tokenOf(headerOf(request, "authorization"))), (claims) =>
            Effect.provideService(handled, Principal, askerOf(claims, request, operation))
          )
        )
      ),
      Layer.succeed(MaybeAuthenticated, (handled, operation) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
          const { authorization } = request.headers
          const verified = authorization === undefined ? Effect.undefined : verify(tokenOf(authorization))
          return Effect.flatMap(verified, (claims) =>
            Effect.provideService(handled, Visitor, claims && askerOf(claims, request, operation))
          )
        })
      )
    )
  )
)
