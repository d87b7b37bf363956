/**
 * The settings: the only reader of the environment. Every wrong one is named with what is wrong about it, all at once,
 * before anything starts.
 */
import { Config, Effect, Redacted, Result, Schema } from "effect"

/** Settings are wrong; `problems` has a line for each. */
export class InvalidSettings extends Schema.TaggedError<InvalidSettings>()("InvalidSettings", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return ["Sluice cannot start with these settings:", ...this.problems.map((problem) => `  ${problem}`)].join("\n")
  }
}

/** Written in digits; whatever else it is, what it must be is told. */
const between = (minimum: number, maximum: number, kind = "whole number") => {
  const message = `Expected a ${kind} from ${minimum} to ${maximum}`
  return Schema.String.check(Schema.isPattern(/^\d+$/, { message })).pipe(
    Schema.decodeTo(Schema.FiniteFromString.check(Schema.isBetween({ minimum, maximum }, { message })))
  )
}
const port = between(1, 65535, "port")
const text = Schema.NonEmptyString
const secret = Schema.Redacted(text)
const password = Schema.Redacted(
  text.check(Schema.isBetweenLength(8, 128, { message: "Expected 8 to 128 characters" }))
)
const postgresUrl = Schema.Redacted(
  text.check(Schema.isPattern(/^postgres(ql)?:\/\//, { message: "Expected a URL that begins with postgres://" }))
)

const redisUrl = Schema.Redacted(
  text.check(Schema.isPattern(/^rediss?:\/\//, { message: "Expected a URL that begins with redis:// or rediss://" }))
)

const address = text.check(
  Schema.isPattern(/^https?:\/\/[^\s]+$/, { message: "Expected a URL that begins with https:// or http://" })
)

const hostAndPort = text.check(
  Schema.makeFilter(
    (value) => {
      const at = Number(/^[^[\]\s]+:(\d{1,5})$/.exec(value)?.[1])
      return at >= 1 && at <= 65535
    },
    { message: "Expected a host:port, the host without brackets" }
  )
)

/** A setting: how it is read, and what a reader of the README is told. */
type Setting<A> = Config.Config<A> & { readonly variable: string; readonly about: string; readonly fallback: A }

const setting = <A>(
  variable: string,
  schema: Schema.Codec<A, unknown>,
  fallback: NoInfer<A>,
  about: string
): Setting<A> =>
  Object.assign(Config.withDefault(Config.schema(schema, variable), fallback), { variable, about, fallback })

const optional = <A>(variable: string, schema: Schema.Codec<A, unknown>, about: string): Setting<A | undefined> =>
  Object.assign(Config.withDefault(Config.schema(schema, variable), undefined), {
    variable,
    about,
    fallback: undefined
  })

/** Every setting there is; the README's table is this one. */
export const settings = {
  port: setting("PORT", port, 3000, "Where the HTTP API listens."),
  host: setting("HOST", text, "127.0.0.1", "The address to listen on; 0.0.0.0 for all."),
  databaseUrl: optional("DATABASE_URL", postgresUrl, "A Postgres server, 15 to 18. Without it: embedded, in DATA_DIR."),
  databaseConnections: setting("DATABASE_CONNECTIONS", between(2, 100), 10, "The most connections to the server."),
  dataDir: setting("DATA_DIR", text, ".data", "The folder of the embedded database."),
  jwtSecret: optional(
    "JWT_SECRET",
    secret,
    "Signs and verifies tokens (HS256); at least 32 bytes. Without it one is made and kept in DATA_DIR; required in production and in a cluster."
  ),
  jwtPublicKey: optional("JWT_PUBLIC_KEY", text, "Verifies tokens of an issuer of yours: a public key in PEM."),
  jwtJwksUrl: optional("JWT_JWKS_URL", text, "The same, with the keys read from a JWKS address."),
  tokenTtlSeconds: setting("TOKEN_TTL_SECONDS", between(60, 604_800), 3600, "How long a token from a login is valid."),
  adminLoginId: setting("ADMIN_LOGIN_ID", text, "admin", "The login of the first administrator."),
  adminPassword: optional(
    "ADMIN_PASSWORD",
    password,
    "Creates the first administrator, if there is none by that login."
  ),
  environment: setting(
    "NODE_ENV",
    Schema.Literals(["development", "production", "test"]),
    "development",
    "production: a secret of yours is required, and no demo data."
  ),
  logLevel: setting(
    "LOG_LEVEL",
    Schema.Literals(["error", "warn", "info", "debug"]),
    "info",
    "The least important messages to log."
  ),
  redisUrl: optional("REDIS_URL", redisUrl, "Makes nodes that share a DATABASE_URL a cluster. Without it: one node."),
  redisPrefix: setting("REDIS_PREFIX", text, "sluice", "What all keys begin with; clusters that share a Redis differ."),
  clusterHost: setting("CLUSTER_HOST", text, "127.0.0.1", "Where other nodes reach this one."),
  clusterPort: setting("CLUSTER_PORT", port, 7400, "The port for other nodes; for nobody else."),
  clusterListen: optional(
    "CLUSTER_LISTEN",
    hostAndPort,
    "Where it listens for them, host:port, if that is not where they reach it."
  ),
  clusterSecret: optional(
    "CLUSTER_SECRET",
    secret,
    "What the nodes of a cluster know; at least 32 bytes. Required with REDIS_URL."
  ),
  clusterRole: setting(
    "CLUSTER_ROLE",
    Schema.Literals(["owner", "guest"]),
    "owner",
    "guest: answers requests, and takes no partitions."
  ),
  leaseTtlMs: setting("LEASE_TTL_MS", between(1000, 60_000), 4000, "How long a silent node keeps its partitions."),
  tossSecretKey: optional("TOSS_SECRET_KEY", secret, "Payments through Toss Payments: the shop's secret key."),
  tossUrl: setting("TOSS_URL", address, "https://api.tosspayments.com", "Where Toss Payments is."),
  niceClientKey: optional("NICE_CLIENT_KEY", text, "Payments through NICE Payments: the shop's client key;"),
  niceSecretKey: optional("NICE_SECRET_KEY", secret, "and its secret key."),
  niceUrl: setting("NICE_URL", address, "https://api.nicepay.co.kr", "Where NICE Payments is."),
  inicisMid: optional("INICIS_MID", text, "Payments through KG Inicis: the shop's id;"),
  inicisSignKey: optional("INICIS_SIGN_KEY", secret, "its key for payments on the web;"),
  inicisApiKey: optional("INICIS_API_KEY", secret, "and its key for INIAPI."),
  inicisPayUrl: setting("INICIS_PAY_URL", text, "https://{idc}stdpay.inicis.com", "Where it approves, by data centre;"),
  inicisApiUrl: setting("INICIS_API_URL", address, "https://iniapi.inicis.com", "and where INIAPI is."),
  inicisClientIp: setting("INICIS_CLIENT_IP", text, "127.0.0.1", "Our address, as Inicis is told it."),
  partitions: setting(
    "PARTITIONS",
    between(1, 1024),
    64,
    "Slices of all actors. Part of the data: cannot change later."
  ),
  residentActors: setting("RESIDENT_ACTORS", between(1000, 20_000_000), 1_000_000, "The most actors kept in memory."),
  batchSize: setting("BATCH_SIZE", between(1, 2048), 64, "The most transactions of one group commit."),
  queueSize: setting("QUEUE_SIZE", between(1, 100_000), 10_000, "The most requests under way; beyond: 503."),
  requestTimeoutMs: setting("REQUEST_TIMEOUT_MS", between(100, 60_000), 10_000, "How long a change may take."),
  drainGraceMs: setting(
    "DRAIN_GRACE_MS",
    between(0, 60_000),
    0,
    "How long a stop still takes requests: until a balancer has seen that the node is not ready."
  ),
  drainTimeoutMs: setting("DRAIN_TIMEOUT_MS", between(100, 120_000), 10_000, "How long a stop waits for requests.")
}

export type Settings = { readonly [K in keyof typeof settings]: (typeof settings)[K]["fallback"] }

const bytes = (value: string) => new TextEncoder().encode(value).length

/** What no setting can know alone. */
const contradictions = (values: Settings): ReadonlyArray<string> => [
  ...aboutKeys(values),
  ...aboutCluster(values),
  ...aboutGateways(values)
]

/** A gateway takes all of its keys, or none. */
const aboutGateways = (values: Settings): ReadonlyArray<string> => {
  const { niceClientKey, niceSecretKey, inicisMid, inicisSignKey, inicisApiKey } = values
  const problems: Array<string> = []
  if ((niceClientKey === undefined) !== (niceSecretKey === undefined)) {
    problems.push("NICE_CLIENT_KEY, NICE_SECRET_KEY: Expected both, or none")
  }
  if (new Set([inicisMid, inicisSignKey, inicisApiKey].map((key) => key === undefined)).size > 1) {
    problems.push("INICIS_MID, INICIS_SIGN_KEY, INICIS_API_KEY: Expected all three, or none")
  }
  return problems
}

const aboutCluster = ({ redisUrl: url, databaseUrl, clusterSecret, clusterHost, clusterRole, ...rest }: Settings) => {
  const problems: Array<string> = []
  if (clusterSecret !== undefined && bytes(Redacted.value(clusterSecret)) < 32) {
    problems.push("CLUSTER_SECRET: Expected at least 32 bytes; `openssl rand -base64 48` makes such a secret")
  }
  if (url === undefined) {
    if (clusterRole === "guest") problems.push("CLUSTER_ROLE: A guest needs a cluster; set REDIS_URL")
    return problems
  }
  if (databaseUrl === undefined) problems.push("DATABASE_URL: Required with REDIS_URL; nodes share a database")
  if (clusterSecret === undefined) {
    problems.push("CLUSTER_SECRET: Required with REDIS_URL; `openssl rand -base64 48` makes one")
  }
  if ([rest.jwtSecret, rest.jwtPublicKey, rest.jwtJwksUrl].every((key) => key === undefined)) {
    problems.push("JWT_SECRET: Required with REDIS_URL; every node takes the tokens of every other")
  }
  if (["0.0.0.0", "::", "*"].includes(clusterHost)) {
    problems.push("CLUSTER_HOST: Expected an address at which the other nodes reach this one")
  }
  return problems
}

const aboutKeys = ({ jwtSecret, jwtPublicKey, jwtJwksUrl, environment }: Settings): ReadonlyArray<string> => {
  const keys = [jwtSecret, jwtPublicKey, jwtJwksUrl].filter((key) => key !== undefined)
  const problems: Array<string> = []
  if (jwtSecret !== undefined && bytes(Redacted.value(jwtSecret)) < 32) {
    problems.push("JWT_SECRET: Expected at least 32 bytes; `openssl rand -base64 48` makes such a secret")
  }
  if (keys.length > 1) problems.push("JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL: Expected one of them, not several")
  if (environment === "production" && keys.length === 0) {
    problems.push("JWT_SECRET: Required with NODE_ENV=production; `openssl rand -base64 48` makes one")
  }
  return problems
}

const reason = ({ message }: Config.ConfigError): string => (message.split("\n")[0] ?? "").replace("SchemaError(", "")

/** Reads the environment. */
export const load: Effect.Effect<Settings, InvalidSettings> = Effect.gen(function* () {
  const problems: Array<string> = []
  for (const each of Object.values(settings)) {
    const read = yield* Effect.result<unknown, Config.ConfigError, never>(each)
    if (Result.isFailure(read)) problems.push(`${each.variable}: ${reason(read.failure)}`)
  }
  if (problems.length > 0) return yield* new InvalidSettings({ problems })
  const values = yield* Effect.all(settings).pipe(Effect.orDie)
  const contradicting = contradictions(values)
  return contradicting.length > 0 ? yield* new InvalidSettings({ problems: contradicting }) : values
})
