/** One place in the cluster, and the process in it, which may be stopped, killed, frozen, and followed by another. */
import { Effect, Exit, Scope, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as Child from "../Child.ts"
import { unavailable } from "../services/Attempt.ts"
import { say } from "./Log.ts"

/** Longer than a drain takes. */
const stopWithin = "30 seconds"

export interface Options {
  readonly name: string
  readonly port: number
  readonly env: Record<string, string>
}

interface Running {
  readonly pid: number
  /** Succeeds when the process has ended. */
  readonly ended: Effect.Effect<void>
  frozen: boolean
}

/** A process that was asked to stop has drained, or had not begun yet: then the signal ended it. */
const drained = new Set([0, 130, 143])
const lastWord = (code: number) => (drained.has(code) ? "stopped" : `ended (exit code ${code})`)

/** Without a process at first. When the scope closes there is none again: stop it before, to let it finish. */
export const make = Effect.fnUntraced(function* ({ name, port, env }: Options) {
  // Of its own, so that whatever is added to the scope after this is done while the process still runs.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  let running: Running | undefined

  const start = Effect.gen(function* () {
    if (running !== undefined) return yield* unavailable(`${name} runs already`)
    const own = yield* Scope.fork(scope)
    const child = yield* Scope.provide(Child.start({ args: Child.startArgs, env: { ...env, PORT: String(port) } }), own)
    yield* child.lines.pipe(
      Stream.runForEach((line) => Effect.sync(() => say(name, line))),
      Effect.ignore,
      Effect.forkIn(own)
    )
    const watched = yield* Effect.exit(child.exitCode).pipe(
      Effect.tap((exit) =>
        Effect.map(child.complaint, (complaint) => {
          running = undefined
          if (complaint !== "") for (const line of complaint.split("\n")) say(name, line)
          say(name, Exit.isSuccess(exit) ? lastWord(exit.value) : "ended (killed)")
        })
      ),
      Effect.andThen(Scope.close(own, Exit.void)),
      Effect.cached
    )
    running = { pid: child.pid, ended: watched, frozen: false }
    yield* Effect.forkIn(watched, scope)
  }).pipe(
    Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner),
    Effect.mapError((error) => unavailable(error.message))
  )

  const send = Effect.fnUntraced(function* (signal: NodeJS.Signals) {
    if (running === undefined) return yield* unavailable(`${name} does not run`)
    process.kill(running.pid, signal)
    return running
  })

  const freeze = Effect.map(send("SIGSTOP"), (it) => void (it.frozen = true))
  const thaw = Effect.map(send("SIGCONT"), (it) => void (it.frozen = false))
  const kill = Effect.flatMap(send("SIGKILL"), ({ ended }) => ended)
  const stop = Effect.flatMap(send("SIGTERM"), ({ ended }) =>
    Effect.timeoutOrElse(ended, { duration: stopWithin, orElse: () => kill })
  )
  return {
    name,
    port,
    state: () => (running === undefined ? "not running" : `${running.frozen ? "frozen, " : ""}pid ${running.pid}`),
    pid: () => running?.pid,
    start,
    /** Lets it finish its requests and hand over its partitions. */
    stop: Effect.andThen(thaw, stop),
    kill,
    freeze,
    thaw
  }
})

export type Member = Effect.Success<ReturnType<typeof make>>
