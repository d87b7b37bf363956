import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import * as Config from "./Config.ts"
import * as Node from "./Node.ts"

/** A failure to start is told in words, without a stack. */
const tell = (error: Error) =>
  Effect.sync(() => {
    console.error(error.message)
    process.exitCode = 1
  })

Config.load.pipe(
  Effect.flatMap((settings) => Layer.launch(Node.layer(settings))),
  Effect.catch(tell),
  NodeRuntime.runMain
)
