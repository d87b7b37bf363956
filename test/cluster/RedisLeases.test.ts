import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import { Redis } from "ioredis"
import { createServer, type Server } from "node:net"
import { redisServer } from "../../dev/Services.ts"
import { freePort } from "../../dev/services/Machine.ts"
import { Leases } from "../../src/cluster/Leases.ts"
import * as RedisLeases from "../../src/cluster/RedisLeases.ts"
import * as Entropy from "../../src/Entropy.ts"
import { Backend, contract, eventually, options } from "./Leases.contract.ts"

const boot = (url: string, prefix = "test") =>
  RedisLeases.layer({ ...options, url: Redacted.make(url), prefix }).pipe(
    Layer.provide(Entropy.layer),
    Layer.build,
    Effect.map(Context.get(Leases))
  )

const redis = <A>(url: string, use: (client: Redis) => Promise<A>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Redis(url)),
    (client) => Effect.promise(() => use(client)),
    (client) => Effect.sync(() => client.disconnect())
  )

const pidOf = (url: string) =>
  Effect.map(
    redis(url, (client) => client.info("server")),
    (info) => Number(/process_id:(\d+)/.exec(info)?.[1])
  )

const backend = Layer.effect(
  Backend,
  Effect.gen(function* () {
    const server = yield* Effect.orDie(redisServer)
    let clusters = 0
    return Backend.of({
      cluster: Effect.sync(() => {
        const prefix = `cluster-${clusters++}`
        return { boot: boot(server.url, prefix) }
      }),
      flush: Effect.asVoid(redis(server.url, (client) => client.flushall())),
      // It has saved nothing yet.
      restart: Effect.orDie(server.restart("immediate")),
      hang: Effect.flatMap(pidOf(server.url), (pid) =>
        Effect.acquireRelease(
          Effect.sync(() => void process.kill(pid, "SIGSTOP")),
          () => Effect.sync(() => void process.kill(pid, "SIGCONT"))
        )
      )
    })
  })
)

contract("Leases in Redis", backend)

/** Takes connections and says nothing. */
const blackHole = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer(() => undefined).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
)

describe("Leases in Redis", { timeout: 120_000 }, () => {
  it.live("of two clusters differ by their prefix, and the keys of one share a slot", () =>
    Effect.gen(function* () {
      const { url } = yield* redisServer
      const [blue, green] = [yield* boot(url, "blue"), yield* boot(url, "green")]
      for (const leases of [blue, green]) {
        yield* leases.register("here:1", "{}", true)
        assert.deepStrictEqual(yield* leases.acquire("here:1", ["default:1"]), ["default:1"])
      }
      const keys = yield* redis(url, (client) => client.keys("*"))
      assert.lengthOf(keys, 10)
      for (const key of keys) assert.match(key, /^\{(blue|green)\}:leases:/)
    })
  )

  it.live("fail at once when nobody listens, and go on when somebody does", () =>
    Effect.gen(function* () {
      const server = yield* redisServer
      yield* server.stop("immediate")
      const leases = yield* boot(server.url)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(leases.refresh("here:1", []))))
      yield* server.start
      yield* eventually(Effect.exit(leases.refresh("here:1", [])), Exit.isSuccess)
    })
  )

  it.live("begin and fail within their bound when somebody listens and does not answer", () =>
    Effect.gen(function* () {
      const server = yield* blackHole
      const address = server.address()
      assert.isObject(address)
      const port = typeof address === "object" && address !== null ? address.port : yield* freePort
      const leases = yield* Effect.timeout(boot(`redis://127.0.0.1:${port}`), "2 seconds")
      const error = yield* Effect.flip(Effect.timeout(leases.acquire("here:1", ["default:1"]), "2 seconds"))
      assert.strictEqual(error._tag, "PersistenceError")
    })
  )
})
