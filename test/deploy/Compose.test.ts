import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import manifest from "../../package.json" with { type: "json" }
import { load, settings } from "../../src/Config.ts"

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")

const Service = Schema.Struct({
  image: Schema.String,
  restart: Schema.String,
  environment: Schema.optional(Schema.Record(Schema.String, Schema.String)),
  ports: Schema.optional(Schema.Array(Schema.String)),
  stop_grace_period: Schema.optional(Schema.String),
  healthcheck: Schema.optional(Schema.Unknown),
  networks: Schema.Union([Schema.Array(Schema.String), Schema.Record(Schema.String, Schema.Unknown)])
})
const Compose = Schema.Struct({ services: Schema.Record(Schema.String, Service) })

const { services } = Schema.decodeUnknownSync(Compose)(parse(read("docker-compose.yml"), { merge: true }))
const nodes = Object.entries(services).filter(([, { image }]) => image === "sluice")
const haproxy = read("deploy/haproxy.cfg")
const dockerfile = read("Dockerfile")
const example = new Map(
  [...read(".env.example").matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value])
)

/** What compose puts in: a variable, or its default, or nothing but a message. */
const filledIn = (text: string, env: ReadonlyMap<string, string>) =>
  text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest?: string) => {
    const value = env.get(name) ?? ""
    if (value !== "") return value
    return kind === "-" ? (rest ?? "") : assert.fail(`${name}: ${rest}`)
  })
const written = new Map(Array.from(example, ([name, value]) => [name, value || "0123456789abcdef".repeat(4)]))

/** The node's settings in there. */
const settingsOf = (environment: Record<string, string> = {}) => {
  const image = Object.fromEntries(
    [...(/^ENV (.*)$/m.exec(dockerfile)?.[1]?.matchAll(/(\w+)=(\S+)/g) ?? [])].map(([, name = "", value = ""]) => [
      name,
      value
    ])
  )
  const given = Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, filledIn(text, written)]))
  return { ...image, ...given }
}
const loaded = (environment: Record<string, string>) =>
  Effect.provideService(load, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: environment }))

const seconds = (text: string | undefined) => Number(/^(\d+)s$/.exec(text ?? "")?.[1])

describe("docker-compose.yml", () => {
  it("has three nodes, and publishes the balancer only", () => {
    assert.lengthOf(nodes, 3)
    const published = Object.entries(services).filter(([, { ports }]) => ports !== undefined)
    assert.deepStrictEqual(
      published.map(([name]) => name),
      ["balancer"]
    )
  })

  it.effect.each(nodes)("gives %s settings that there are, and with which it starts", ([, { environment }]) =>
    Effect.gen(function* () {
      const known = new Set(Object.values(settings).map(({ variable }) => variable))
      const given = settingsOf(environment)
      assert.deepStrictEqual(
        Object.keys(given).filter((name) => !known.has(name)),
        []
      )
      const { clusterHost, environment: mode, redisUrl } = yield* loaded(given)
      assert.strictEqual(mode, "production")
      assert.isDefined(redisUrl)
      assert.match(clusterHost, /^node-\d\.cluster$/)
    })
  )

  it.effect("waits longer for a node to stop than the node does", () =>
    Effect.gen(function* () {
      for (const [, { environment, stop_grace_period: grace }] of nodes) {
        const { drainGraceMs, drainTimeoutMs } = yield* loaded(settingsOf(environment))
        // Requests and the journal each have their time; a second for the partitions, and some to spare.
        assert.isAbove(seconds(grace), (drainGraceMs + 2 * drainTimeoutMs + 1000) / 1000 + 5)
        // The balancer asks every 250 ms.
        assert.isAtLeast(drainGraceMs, 500)
      }
    })
  )

  it("refuses to start without the secrets that .env.example names", () => {
    const needed = [...read("docker-compose.yml").matchAll(/\$\{(\w+):\?/g)].map(([, name = ""]) => name)
    assert.sameMembers(
      [...new Set(needed)],
      Array.from(example).flatMap(([name, value]) => (value === "" ? [name] : []))
    )
    const optional = [...read("docker-compose.yml").matchAll(/\$\{(\w+)(?!:\?)[:}]/g)].map(([, name = ""]) => name)
    for (const name of optional) if (!needed.includes(name)) assert.isTrue(example.has(name), name)
  })

  it("checks the stores' health, restarts everything, and keeps the stores to the nodes", () => {
    for (const name of ["postgres", "redis"]) {
      assert.isDefined(services[name]?.healthcheck)
      assert.deepStrictEqual(services[name]?.networks, ["back"])
    }
    for (const { restart } of Object.values(services)) assert.strictEqual(restart, "unless-stopped")
  })
})

describe("deploy/haproxy.cfg", () => {
  it.effect("knows every node, by the port it listens on", () =>
    Effect.gen(function* () {
      const servers = [...haproxy.matchAll(/^\s+server (\S+) (\S+)$/gm)].map(([, , address]) => address)
      const expected = yield* Effect.forEach(nodes, ([name, { environment }]) =>
        Effect.map(loaded(settingsOf(environment)), ({ port }) => `${name}:${port}`)
      )
      assert.deepStrictEqual(servers, expected)
    })
  )

  it("waits longer for an answer than a node for its own, and asks nodes whether they are ready", () => {
    assert.isAbove(seconds(/timeout server (\S+)/.exec(haproxy)?.[1]) * 1000, settings.requestTimeoutMs.fallback)
    assert.include(haproxy, "option httpchk GET /health/ready")
  })
})

describe("Dockerfile", () => {
  it("runs what npm start runs, on the same major of Node", () => {
    const command = /^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? ""
    assert.deepStrictEqual(JSON.parse(command), manifest.scripts.start.split(" ").slice(1))
    const major = manifest.dependencies.node.split(".")[0]
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    assert.deepStrictEqual(new Set(images), new Set([`node:${major}-slim`]))
  })

  it("checks its health with a command that fails when nobody answers, and is stopped as a node is", () => {
    assert.deepStrictEqual(JSON.parse(/CMD (\["node", "-e".*\])$/m.exec(dockerfile)?.[1] ?? "").slice(0, 2), [
      "node",
      "-e"
    ])
    assert.match(dockerfile, /^USER node$/m)
    assert.match(dockerfile, /^STOPSIGNAL SIGTERM$/m)
  })
})
