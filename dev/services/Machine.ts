import { Effect, Schedule } from "effect"
import { once } from "node:events"
import * as fs from "node:fs/promises"
import { createServer } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { attempt, type ServiceUnavailable, unavailable } from "./Attempt.ts"

/** Who a server runs as; empty for "as we do". */
export interface User {
  readonly uid?: number
  readonly gid?: number
}

/** Removed with the scope. */
export const temporaryFolder = (name: string, user: User) =>
  Effect.acquireRelease(
    attempt("No temporary folder", async () => {
      const folder = await fs.mkdtemp(path.join(os.tmpdir(), `sluice-${name.toLowerCase()}-`))
      await own(folder, user)
      return folder
    }),
    (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  )

export const makeFolder = (folder: string, user: User) =>
  attempt("The data folder can't be made", async () => {
    await fs.mkdir(folder, { mode: 0o700 })
    await own(folder, user)
  })

const own = async (folder: string, { gid, uid }: User) => {
  if (uid !== undefined && gid !== undefined) await fs.chown(folder, uid, gid)
}

/** Postgres refuses to run as root, and nothing else needs to. */
export const unprivilegedUser: Effect.Effect<User, ServiceUnavailable> = Effect.gen(function* () {
  if (process.getuid?.() !== 0) return {}
  const accounts = yield* attempt("No list of users", () => fs.readFile("/etc/passwd", "utf8"))
  for (const name of ["postgres", "nobody"]) {
    const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, "m").exec(accounts) ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  return yield* unavailable("We are root, and there is neither a user postgres nor a user nobody to run a server as")
})

/**
 * Below the ports which the system gives to outgoing connections: else, while the server is stopped, a client that keeps
 * trying to reach it may be given that very port, connect to itself and keep the server out.
 */
export const freePort = Effect.suspend(() => {
  const port = 12_000 + Math.floor(Math.random() * 18_000)
  return attempt(`Port ${port} is taken`, async () => {
    const probe = createServer().listen(port, "127.0.0.1")
    await once(probe, "listening")
    await once(probe.close(), "close")
    return port
  })
}).pipe(Effect.retry(Schedule.recurs(20)))
