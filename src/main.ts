import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer, Runtime } from "effect"
import * as Config from "./Config.ts"
import * as Node from "./Node.ts"

/** A failure to start is told in words, without a stack. */
const tell = (error: Error) =>
  Effect.sync(() => {
    console.error(error.message)
    process.exitCode = 1
  })

/** Who was asked to stop, by SIGTERM or Ctrl-C, and has done so has not failed. */
const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? onExit(0) : Runtime.defaultTeardown(exit, onExit)

Config.load.pipe(
  Effect.flatMap((settings) => Layer.launch(Node.layer(settings))),
  Effect.catch(tell),
  NodeRuntime.runMain({ teardown })
)
