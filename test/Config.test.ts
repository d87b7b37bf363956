import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { readFileSync } from "node:fs"
import * as Config from "../src/Config.ts"

const load = (env: Record<string, string>) =>
  Config.load.pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))

const secret = "0123456789abcdef0123456789abcdef"

describe("Config", () => {
  it.effect("has a default for every setting", () =>
    Effect.gen(function* () {
      const settings = yield* load({})
      assert.strictEqual(settings.port, 3000)
      assert.strictEqual(settings.databaseUrl, undefined)
    })
  )

  it.effect("reads what is set", () =>
    Effect.gen(function* () {
      const settings = yield* load({ PORT: "8080", JWT_SECRET: secret, NODE_ENV: "production" })
      assert.strictEqual(settings.port, 8080)
      assert.strictEqual(settings.jwtSecret && Redacted.value(settings.jwtSecret), secret)
    })
  )

  it.effect.each([
    { env: { PORT: "http" }, problem: "PORT: Expected a port from 1 to 65535" },
    { env: { PORT: "0" }, problem: "PORT: Expected a port from 1 to 65535" },
    { env: { PORT: "70000" }, problem: "PORT: Expected a port from 1 to 65535" },
    { env: { PORT: "80.5" }, problem: "PORT: Expected a port from 1 to 65535" },
    { env: { CLUSTER_PORT: "-1" }, problem: "CLUSTER_PORT: Expected a port from 1 to 65535" },
    { env: { BATCH_SIZE: "many" }, problem: "BATCH_SIZE: Expected a whole number from 1 to 2048" },
    { env: { DATABASE_URL: "mysql://db" }, problem: "DATABASE_URL: Expected a URL that begins with postgres://" },
    { env: { LOG_LEVEL: "loud" }, problem: 'LOG_LEVEL: Expected "error" | "warn" | "info" | "debug"' },
    { env: { JWT_SECRET: "short" }, problem: "JWT_SECRET: Expected at least 32 bytes" },
    { env: { NODE_ENV: "production" }, problem: "JWT_SECRET: Required with NODE_ENV=production" },
    { env: { JWT_SECRET: secret, JWT_PUBLIC_KEY: "key" }, problem: "Expected one of them, not several" },
    { env: { REDIS_URL: "http://redis" }, problem: "REDIS_URL: Expected a URL that begins with redis://" },
    { env: { REDIS_URL: "redis://redis" }, problem: "DATABASE_URL: Required with REDIS_URL" },
    { env: { REDIS_URL: "redis://redis" }, problem: "CLUSTER_SECRET: Required with REDIS_URL" },
    { env: { REDIS_URL: "redis://redis" }, problem: "JWT_SECRET: Required with REDIS_URL" },
    { env: { CLUSTER_SECRET: "short" }, problem: "CLUSTER_SECRET: Expected at least 32 bytes" },
    { env: { REDIS_URL: "redis://redis", CLUSTER_HOST: "0.0.0.0" }, problem: "CLUSTER_HOST: Expected an address" },
    { env: { CLUSTER_LISTEN: "0.0.0.0" }, problem: "CLUSTER_LISTEN: Expected a host:port" },
    { env: { CLUSTER_LISTEN: "0.0.0.0:70000" }, problem: "CLUSTER_LISTEN: Expected a host:port" },
    {
      env: { CLUSTER_LISTEN: "[::]:7400" },
      problem: "CLUSTER_LISTEN: Expected a host:port, the host without brackets"
    },
    { env: { CLUSTER_ROLE: "guest" }, problem: "CLUSTER_ROLE: A guest needs a cluster" }
  ])("refuses $env and says why", ({ env, problem }) =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(load(env))
      assert.include(message, problem)
    })
  )

  it.effect("takes addresses of both families to listen on", () =>
    Effect.gen(function* () {
      for (const listen of ["0.0.0.0:7400", ":::7400", "node-1:65535"]) {
        assert.strictEqual((yield* load({ CLUSTER_LISTEN: listen })).clusterListen, listen)
      }
    })
  )

  it.effect("names all that is wrong at once, and no secret", () =>
    Effect.gen(function* () {
      const { problems, message } = yield* Effect.flip(load({ PORT: "x", BATCH_SIZE: "0", DATABASE_URL: "secret" }))
      assert.strictEqual(problems.length, 3)
      assert.notInclude(message, "secret")
    })
  )

  it("is documented in the README, setting by setting", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    for (const { variable, about } of Object.values(Config.settings)) {
      assert.include(readme, `| \`${variable}\` |`)
      assert.include(readme, about)
    }
  })
})
