/** `npm run cluster`: a whole cluster on this machine, to try, and to break. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Option, Schedule, Stdio, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { randomBytes } from "node:crypto"
import manifest from "../../package.json" with { type: "json" }
import { settings } from "../../src/Config.ts"
import { whole } from "../Flags.ts"
import * as Services from "../Services.ts"
import { unavailable, variable } from "../services/Attempt.ts"
import { freePort } from "../services/Machine.ts"
import * as Balancer from "./Balancer.ts"
import { say } from "./Log.ts"
import * as Member from "./Member.ts"
import * as Shop from "./Shop.ts"
import * as Verbs from "./Verbs.ts"
import { welcome } from "./Welcome.ts"

const options = {
  count: Flag.withDefault(whole("nodes", [1, 9], "How many nodes (3)"), 3),
  port: Flag.withDefault(whole("port", [1, 65535], "Where the balancer listens (3000)"), 3000)
}

/** The nodes' settings that are in our own environment. */
const given = Effect.gen(function* () {
  const names = Object.values(settings).map((setting) => setting.variable)
  const values = yield* Effect.forEach(names, variable)
  return Object.fromEntries(
    values.flatMap((value, n): Array<[string, string]> => (Option.isSome(value) ? [[names[n] ?? "", value.value]] : []))
  )
})

const secret = () => randomBytes(48).toString("base64")

const program = Effect.fnUntraced(function* ({ count, port }: { readonly count: number; readonly port: number }) {
  const admin = { ADMIN_LOGIN_ID: "admin", ADMIN_PASSWORD: secret() }
  const generated = { CLUSTER_SECRET: secret(), JWT_SECRET: secret(), TOKEN_TTL_SECONDS: "86400", ...admin }
  // Long enough for the balancer to see that the node is not ready.
  const chosen = { ...generated, DRAIN_GRACE_MS: "500", LOG_LEVEL: "warn", ...(yield* given) }
  const postgres = yield* Services.postgres
  const database = yield* Services.freshDatabase(postgres.url)
  const redis = yield* Services.redis
  const shared = { ...chosen, DATABASE_URL: database, REDIS_URL: redis.url, HOST: "127.0.0.1" }

  const addresses = new Map<string, string>()
  const places = yield* Effect.forEach(
    Array.from({ length: count }, (_, n) => `node ${n + 1}`),
    Effect.fnUntraced(function* (name) {
      const clusterPort = yield* freePort
      addresses.set(name, `127.0.0.1:${clusterPort}`)
      const env = { ...shared, CLUSTER_HOST: "127.0.0.1", CLUSTER_PORT: String(clusterPort) }
      return { name, port: yield* freePort, env }
    })
  )
  const { healthOf } = yield* Balancer.make({
    port,
    targets: places,
    onChange: ({ name }, health) => say("balancer", `${name} is ${inWords[health]}`)
  })
  const members = yield* Effect.forEach(places, Member.make)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => say("cluster", "Stopping, one node after the other")).pipe(
      Effect.andThen(Effect.forEach(members, ({ stop }) => Effect.ignore(stop), { discard: true }))
    )
  )
  yield* Effect.forEach(members, ({ start }) => start, { discard: true })
  yield* allReady(members, healthOf)

  const api = `http://127.0.0.1:${port}/api/v1`
  const { productId, userId, buyer } = yield* Shop.open(api)
  const token = yield* Shop.login(api, chosen.ADMIN_LOGIN_ID, chosen.ADMIN_PASSWORD)
  const actors = { "the product": ["product", productId], "the buyer's wallet": ["wallet", userId] } as const
  const nodes = { members, healthOf, shares: Verbs.sharesOf(api, token, addresses, actors) }
  yield* Console.log(welcome({ port, count, buyer, productId }))

  const { stdin } = yield* Stdio.Stdio
  yield* Stream.splitLines(Stream.decodeText(stdin)).pipe(Stream.runForEach((line) => Verbs.obey(line, nodes)))
  return yield* Effect.never
}, Effect.scoped)

const inWords: Record<Balancer.Health, string> = {
  Ready: "ready",
  NotReady: "not ready: it gets no requests",
  Gone: "gone: it gets no requests",
  Silent: "silent: it gets no requests, and those it had go elsewhere"
}

/** One that ended will not be. */
const allReady = (members: ReadonlyArray<Member.Member>, healthOf: (name: string) => Balancer.Health) =>
  Effect.suspend(() => {
    const ended = members.find(({ pid }) => pid() === undefined)
    if (ended !== undefined) return Effect.fail(unavailable(`${ended.name} could not start`))
    return Effect.succeed(members.every(({ name }) => healthOf(name) === "Ready"))
  }).pipe(
    Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.fail(unavailable("The nodes are not ready after a minute"))
    })
  )

Command.make("cluster", options, program).pipe(
  Command.withDescription("Starts Postgres, Redis, nodes and a balancer on this machine"),
  Command.run({ version: manifest.version }),
  Effect.tapErrorTag("ServiceUnavailable", ({ message }) => Console.error(message)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
