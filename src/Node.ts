/** A node: which implementation serves which interface, and in which order they start and stop. */
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Exit, Layer, Logger, Redacted, References, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { hostname } from "node:os"
import { pid } from "node:process"
import { Directory } from "./actors/Directory.ts"
import * as Alone from "./cluster/Alone.ts"
import { Leases } from "./cluster/Leases.ts"
import { Membership } from "./cluster/Membership.ts"
import { Ownership } from "./cluster/Ownership.ts"
import * as RedisLeases from "./cluster/RedisLeases.ts"
import * as SocketPeers from "./cluster/SocketPeers.ts"
import type { Settings } from "./Config.ts"
import * as Demo from "./Demo.ts"
import * as Entropy from "./Entropy.ts"
import { type Key, Tokens } from "./http/Auth.ts"
import { Draining } from "./http/Draining.ts"
import { Passwords } from "./http/Passwords.ts"
import * as Server from "./http/Server.ts"
import { keptSecret } from "./KeptSecret.ts"
import * as Database from "./persistence/Database.ts"
import { GroupCommit } from "./persistence/GroupCommit.ts"
import * as PgAudit from "./persistence/PgAudit.ts"
import * as PgCatalogue from "./persistence/PgCatalogue.ts"
import * as PgCoupons from "./persistence/PgCoupons.ts"
import * as PgJournal from "./persistence/PgJournal.ts"
import * as PgManagers from "./persistence/PgManagers.ts"
import * as PgOrders from "./persistence/PgOrders.ts"
import * as PgStatements from "./persistence/PgStatements.ts"
import * as PgUsers from "./persistence/PgUsers.ts"
import * as Retention from "./persistence/Retention.ts"
import * as Grants from "./saga/Grants.ts"
import * as Routing from "./saga/gateways/Routing.ts"
import * as Simulator from "./saga/gateways/simulator/Simulator.ts"
import * as Timers from "./saga/Timers.ts"
import { Transact } from "./saga/Transact.ts"
import * as Welcome from "./Welcome.ts"

const database = ({ databaseUrl, databaseConnections, dataDir, partitions }: Settings) => {
  const client =
    databaseUrl === undefined
      ? Database.embedded({ dataDir })
      : Database.server({ url: databaseUrl, maxConnections: databaseConnections })
  return Layer.effectDiscard(Database.verifyPartitions(partitions)).pipe(Layer.provideMerge(client))
}

const repositories = Layer.mergeAll(
  PgUsers.layer,
  PgManagers.layer,
  PgAudit.layer,
  PgCatalogue.layer,
  PgOrders.layer,
  PgCoupons.layer,
  PgStatements.layer
)

/** How often Redis is asked who is there. */
const syncEveryMs = 250
/** How long a node that stops waits for others to come for its partitions. */
const handOverMs = 1000

/** What makes nodes a cluster, and a node alone one of its own. */
const cluster = (settings: Settings) => {
  const {
    redisUrl,
    redisPrefix: prefix,
    clusterSecret,
    clusterHost: host,
    clusterPort: port,
    leaseTtlMs: ttlMs
  } = settings
  if (redisUrl === undefined || clusterSecret === undefined) return Alone.layer
  const leases = RedisLeases.layer({ url: redisUrl, prefix, ttlMs, operationTimeoutMs: ttlMs / 5 })
  const address = `${host}:${port}`
  const { clusterListen: listen = address } = settings
  const colon = listen.lastIndexOf(":")
  const listening = { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) }
  const peers = Layer.unwrap(
    Effect.map(Leases, ({ nonce }) =>
      SocketPeers.layer({ ...listening, secret: clusterSecret, self: { address, nonce } })
    )
  )
  const takesPartitions = settings.clusterRole === "owner"
  return Ownership.layer({ partitions: settings.partitions, ttlMs, takesPartitions, handOverMs }).pipe(
    Layer.provideMerge(Membership.layer({ ttlMs, syncEveryMs })),
    Layer.provideMerge(peers),
    Layer.provide(leases)
  )
}

const engine = (settings: Settings) =>
  Transact.layer({ requestTimeoutMs: settings.requestTimeoutMs, stepsMost: settings.queueSize }).pipe(
    Layer.provideMerge(
      Directory.layerNoDeps({
        partitions: settings.partitions,
        owner: `${hostname()}:${pid}`,
        residentActors: settings.residentActors
      })
    ),
    Layer.provideMerge(
      GroupCommit.layer({
        batchSize: settings.batchSize,
        inFlight: 3,
        queueSize: settings.queueSize,
        drainWithin: settings.drainTimeoutMs
      })
    ),
    Layer.provideMerge(Layer.provideMerge(Retention.layer, PgJournal.layer)),
    Layer.provide(cluster(settings))
  )

/** Gateways go by their settings. Where there are none, on the embedded database of a developer, they are simulated. */
const gateways = (settings: Settings) => {
  const { tossSecretKey, niceClientKey, niceSecretKey, inicisMid, inicisSignKey, inicisApiKey } = settings
  const toss = tossSecretKey && { secretKey: tossSecretKey, baseUrl: settings.tossUrl }
  const nice =
    niceClientKey === undefined || niceSecretKey === undefined
      ? undefined
      : { clientKey: niceClientKey, secretKey: niceSecretKey, baseUrl: settings.niceUrl }
  const inicis =
    inicisMid === undefined || inicisSignKey === undefined || inicisApiKey === undefined
      ? undefined
      : {
          mid: inicisMid,
          signKey: inicisSignKey,
          apiKey: inicisApiKey,
          payUrl: settings.inicisPayUrl,
          apiUrl: settings.inicisApiUrl,
          clientIp: settings.inicisClientIp
        }
  const hasNone = toss === undefined && nice === undefined && inicis === undefined
  const isSimulated = hasNone && settings.environment === "development" && settings.databaseUrl === undefined
  const origin = `http://${settings.host === "0.0.0.0" ? "127.0.0.1" : settings.host}:${settings.port}`
  // Each callback comes twice: gateways say that it may.
  const callbacks = { url: `${origin}/api/v1/payments/callbacks/{gateway}`, copies: 2 }
  const options = isSimulated
    ? Effect.tap(
        Effect.map(Simulator.make({ host: "127.0.0.1", port: 0, callbacks }), (simulator) => simulator.settings),
        (simulated) => Effect.logInfo(`Payment gateways are simulated, at ${new URL(simulated.toss.baseUrl).origin}`)
      )
    : Effect.as(
        hasNone
          ? Effect.logWarning("No payment gateway has settings: orders can be paid by the wallet only")
          : Effect.void,
        { toss, nice, inicis } satisfies Routing.Options
      )
  return Layer.unwrap(Effect.map(options, Routing.layer)).pipe(Layer.provide(NodeHttpClient.layerUndici))
}

const keyOf = ({ jwtSecret, jwtPublicKey, jwtJwksUrl, dataDir }: Settings) => {
  if (jwtPublicKey !== undefined) return Effect.succeed<Key>({ _tag: "PublicKey", pem: jwtPublicKey })
  if (jwtJwksUrl !== undefined) return Effect.succeed<Key>({ _tag: "Jwks", url: jwtJwksUrl })
  const secret = jwtSecret === undefined ? Effect.map(keptSecret(dataDir), Redacted.make) : Effect.succeed(jwtSecret)
  return Effect.map(secret, (kept): Key => ({ _tag: "Secret", secret: kept }))
}

/** `ADMIN_LOGIN_ID` is somebody else's login. */
class NotAnAdministrator extends Schema.TaggedError<NotAnAdministrator>()("NotAnAdministrator", {
  loginId: Schema.String
}) {
  override get message() {
    return `ADMIN_LOGIN_ID: ${this.loginId} is the login of a user who is no administrator; choose another`
  }
}

/** Who must be there from the start. */
const population = ({ environment, databaseUrl, adminLoginId, adminPassword }: Settings) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      if (databaseUrl === undefined && environment === "development" && (yield* isNew)) yield* Demo.seed
      if (adminPassword === undefined) return
      const admin = { loginId: adminLoginId, name: "Administrator", role: "ADMIN" } as const
      const { role } = yield* Demo.ensureUser(admin, adminPassword)
      if (role !== "ADMIN") yield* new NotAnAdministrator({ loginId: adminLoginId })
    })
  )

/** Nothing in it but what an interrupted first start may have left. */
const isNew = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const demo = [Demo.buyer.loginId, Demo.seller.loginId]
  const [row] = yield* sql<{ empty: boolean }>`
    SELECT NOT EXISTS (SELECT FROM products)
      AND NOT EXISTS (SELECT FROM users WHERE coalesce(login_id, '') <> ALL (${demo})) AS empty`
  return row?.empty === true
})

/** The first to go when the node stops: from then on balancers and clients know. */
const drainFirst = ({ drainGraceMs }: Settings) =>
  Layer.effectDiscard(
    Effect.flatMap(Draining, ({ begin }) =>
      Effect.addFinalizer(() =>
        Effect.logInfo("Draining: finishing the requests under way").pipe(
          Effect.andThen(begin),
          Effect.andThen(Effect.sleep(drainGraceMs))
        )
      )
    )
  )

/** The last to go; a node that could not start has said why instead. */
const lastWord = Layer.effectDiscard(
  Effect.addFinalizer((exit) => (Exit.hasInterrupts(exit) ? Effect.logInfo("Stopped") : Effect.void))
)

const levels = { error: "Error", warn: "Warn", info: "Info", debug: "Debug" } as const

const logging = ({ environment, logLevel }: Settings) =>
  Layer.merge(
    Logger.layer([environment === "production" ? Logger.consoleJson : Logger.consolePretty()]),
    Layer.succeed(References.MinimumLogLevel, levels[logLevel])
  )

/** A running node; it stops, draining, when the scope closes. */
export const layer = (settings: Settings) =>
  Layer.unwrap(
    Effect.map(keyOf(settings), (key) => {
      const { host, port, tokenTtlSeconds, drainTimeoutMs: drainWithin } = settings
      return drainFirst(settings).pipe(
        Layer.provideMerge(Welcome.layer(settings)),
        Layer.provideMerge(Server.layer({ host, port, key, tokenTtlSeconds, drainWithin })),
        Layer.provideMerge(Grants.layer),
        Layer.provideMerge(population(settings)),
        Layer.provideMerge(Timers.layer),
        Layer.provideMerge(gateways(settings)),
        Layer.provideMerge(engine(settings)),
        Layer.provideMerge(repositories),
        Layer.provideMerge(database(settings)),
        Layer.provideMerge(
          Layer.mergeAll(Draining.layer, Passwords.layer, Entropy.layer, Tokens.layer({ key, tokenTtlSeconds: 86_400 }))
        ),
        Layer.provideMerge(lastWord),
        Layer.provide(logging(settings))
      )
    })
  )
