import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { appendFileSync, closeSync, openSync } from "node:fs"
import { readFile } from "node:fs/promises"
import * as path from "node:path"
import { attempt, inRealTime, type ServiceUnavailable, unavailable, untilItAnswers } from "./Attempt.ts"
import { freePort, makeFolder, temporaryFolder, unprivilegedUser, type User } from "./Machine.ts"

/** `fast` lets the server finish its files, `immediate` is a crash: whatever is not durable is lost. */
export type Stop = "fast" | "immediate"

/** A server of our own, which a test may break: stopping and starting it keeps its port and its data. */
export interface Server {
  readonly url: string
  readonly port: number
  readonly dataFolder: string
  /** Returns once the server answers. Does nothing if it runs. */
  readonly start: Effect.Effect<void, ServiceUnavailable>
  /** Returns once the process has ended. Does nothing if it does not run. */
  readonly stop: (how: Stop) => Effect.Effect<void, ServiceUnavailable>
  readonly restart: (how: Stop) => Effect.Effect<void, ServiceUnavailable>
}

export interface ServerOptions {
  readonly name: string
  readonly url: (port: number) => string
  readonly signals: { readonly [how in Stop]: NodeJS.Signals }
  /** Fills the empty data folder. */
  readonly prepare: (dataFolder: string, user: User) => Effect.Effect<void, ServiceUnavailable>
  readonly command: (dataFolder: string, port: number) => Command
  /** Succeeds if the server answers a question at this moment. */
  readonly answers: (url: string) => Effect.Effect<unknown, ServiceUnavailable>
}

export type Command = readonly [file: string, ...args: Array<string>]

/**
 * Starts a server on a free port, with its data and its log in a temporary folder. Closing the scope ends the process and
 * removes the folder; so does our own death, of whatever cause.
 */
export const startServer = Effect.fnUntraced(function* (options: ServerOptions) {
  const user = yield* unprivilegedUser
  const folder = yield* temporaryFolder(options.name, user)
  const dataFolder = path.join(folder, "data")
  yield* makeFolder(dataFolder, user)
  yield* options.prepare(dataFolder, user)
  const port = yield* freePort
  const url = options.url(port)
  let running: Running | undefined

  const stop = Effect.fnUntraced(function* (how: Stop) {
    if (running === undefined) return
    const { child, ended } = running
    child.kill(options.signals[how])
    yield* Effect.promise(() => ended).pipe(
      Effect.timeoutOrElse({
        duration: "30 seconds",
        orElse: () => {
          child.kill("SIGKILL")
          return Effect.fail(unavailable(`${options.name} did not stop within 30 s and was killed`))
        }
      })
    )
  })

  const start = Effect.gen(function* () {
    if (running !== undefined) return
    const { ended } = (running = launch(options.command(dataFolder, port), folder, user))
    void ended.then(() => (running = undefined))
    const endsEarly = Effect.promise(() => ended).pipe(
      Effect.andThen(attempt("No log", () => readFile(path.join(folder, logName), "utf8"))),
      Effect.flatMap((log) => Effect.fail(unavailable(`${options.name} ended at once:\n${log.slice(-2000)}`)))
    )
    yield* Effect.raceFirst(untilItAnswers(options.answers(url)), endsEarly)
  })

  yield* Effect.addFinalizer(() => Effect.ignore(stop("immediate")))
  yield* start
  const server: Server = {
    url,
    port,
    dataFolder,
    start: inRealTime(start),
    stop: (how) => inRealTime(stop(how)),
    restart: (how) => Effect.andThen(stop(how), start).pipe(inRealTime)
  }
  return server
})

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
}

const launch = ([file, ...args]: Command, folder: string, user: User): Running => {
  const log = openSync(path.join(folder, logName), "a")
  const child = spawn(file, args, { ...user, cwd: folder, detached: true, stdio: ["ignore", log, log] })
  closeSync(log)
  const guard = child.pid === undefined ? undefined : guardAgainstOurDeath(child.pid, folder)
  const ended = once(child, "exit").then(
    () => guard?.kill("SIGKILL"),
    (cause) => appendFileSync(path.join(folder, logName), String(cause))
  )
  return { child, ended }
}

const logName = "server.log"

/**
 * No exit handler runs after SIGKILL. So a small shell waits for the end of a pipe which only we hold: the kernel closes it,
 * whatever we die of. It has a session of its own, as the server has, so Ctrl-C reaches neither before us.
 */
const guardAgainstOurDeath = (pid: number, folder: string) => {
  const script = `read -r _; kill -QUIT "$1"; n=0
    while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done
    rm -rf "$2"`
  const guard = spawn("/bin/sh", ["-c", script, "sh", String(pid), folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  guard.unref()
  return guard
}
