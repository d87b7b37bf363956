import { Effect } from "effect"
import { Redis as Client } from "ioredis"
import * as path from "node:path"
import type { Kind } from "./Kind.ts"
import { attempt, bounded } from "./Attempt.ts"

export const Redis: Kind = {
  name: "Redis",
  variable: "TEST_REDIS_URL",
  url: (host, port) => `redis://${host}:${port}`,
  version: (url) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const client = new Client(url, { lazyConnect: true, connectTimeout: 5000, retryStrategy: () => null })
        // Without a listener the client prints what `connect` below reports anyway.
        return client.on("error", () => undefined)
      }),
      (client) => attempt("Redis", () => client.connect().then(() => client.info("server"))),
      (client) => Effect.sync(() => client.disconnect())
    ).pipe(
      Effect.map((info) => /redis_version:(\S+)/.exec(info)?.[1] ?? "of unknown version"),
      bounded("30 seconds", "Redis does not answer")
    ),
  container: { image: "redis:7-alpine", port: 6379, configure: (container) => container },
  binaries: {
    names: ["redis-server"],
    folders: "/usr/local/bin",
    debianPackage: "redis-server"
  },
  server: (binaries) => ({
    signals: { fast: "SIGTERM", immediate: "SIGKILL" },
    prepare: () => Effect.void,
    command: (dataFolder, port) => {
      const options = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dataFolder]
      return [path.join(binaries, "redis-server"), ...options]
    }
  })
}
