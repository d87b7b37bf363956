import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { inRealTime } from "./services/Attempt.ts"
import { ask, Postgres } from "./services/Postgres.ts"
import { Redis } from "./services/Redis.ts"
import { ownServer, type Supplied, supply } from "./services/Supply.ts"

export { ServiceUnavailable } from "./services/Attempt.ts"
export type { Server, Stop } from "./services/Server.ts"
export type { Service } from "./services/Supply.ts"

/** Postgres and Redis, by the first way that works on this machine; prints which. */
export const postgres = supply(Postgres)
export const redis = supply(Redis)

/** For tests that break things: never shared, always a process on this machine, with `stop`, `start` and `restart`. */
export const postgresServer = ownServer(Postgres)
export const redisServer = ownServer(Redis)

/** The address of a new, empty database on the server at `url`. It is dropped with the scope, whoever is connected. */
export const freshDatabase = (url: string): Supplied<string> =>
  Effect.gen(function* () {
    const name = `sluice_${randomUUID().replaceAll("-", "")}`
    yield* Effect.acquireRelease(
      ask(url, (sql) => sql`CREATE DATABASE ${sql(name)}`),
      () =>
        Effect.ignore(
          ask(url, (sql) => sql`DROP DATABASE ${sql(name)} WITH (FORCE)`),
          { log: "Warn" }
        )
    )
    return Object.assign(new URL(url), { pathname: name }).href
  }).pipe(inRealTime)
