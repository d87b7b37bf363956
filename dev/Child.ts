/** A program of Node's, started from this checkout as a process of its own; it ends with the scope. */
import { Effect, Fiber, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as path from "node:path"
import { execPath } from "node:process"
import manifest from "../package.json" with { type: "json" }

const root = path.join(import.meta.dirname, "..")

/** What `npm start` starts: after `exec`, so that whoever ends npm ends the node, and `node`. */
export const startArgs: ReadonlyArray<string> = manifest.scripts.start.split(" ").slice(2)

export interface Program {
  /** Flags for Node, the file, and its arguments. */
  readonly args: ReadonlyArray<string>
  /** All of its environment: nothing of ours is passed on. */
  readonly env?: Record<string, string>
  /** What it reads. The pipe stays open until the process ends. */
  readonly input?: Stream.Stream<string>
}

const charactersMost = 4000

export const start = Effect.fnUntraced(function* ({ args, env = {}, input = Stream.empty }: Program) {
  const handle = yield* ChildProcess.make(execPath, args, {
    cwd: root,
    env,
    stdin: { stream: Stream.encodeText(input), endOnDone: false },
    killSignal: "SIGTERM",
    forceKillAfter: "30 seconds"
  })
  yield* guard(handle.pid)
  let complaint = ""
  const listening = yield* Stream.decodeText(handle.stderr).pipe(
    Stream.runForEach((text) => Effect.sync(() => (complaint = (complaint + text).slice(-charactersMost)))),
    Effect.ignore,
    Effect.forkScoped
  )
  return {
    pid: handle.pid,
    exitCode: handle.exitCode,
    lines: Stream.splitLines(Stream.decodeText(handle.stdout)),
    /** The end of what it wrote to stderr, once it has ended. */
    complaint: Fiber.await(listening).pipe(
      Effect.timeoutOption("1 second"),
      Effect.map(() => complaint.trim())
    )
  }
})

/**
 * No finalizer runs after SIGKILL. So a small shell waits for the end of a pipe which only we hold: the kernel closes it,
 * whatever we die of.
 */
const guard = (pid: number) =>
  ChildProcess.make("/bin/sh", ["-c", 'read -r _; kill "$1"', "sh", String(pid)], {
    stdin: { stream: Stream.never, endOnDone: false },
    stdout: "ignore",
    stderr: "ignore"
  })
