import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Predicate } from "effect"
import * as Config from "./Config.ts"
import * as Node from "./Node.ts"

/** A failure to start is told in words, without a stack. */
const tell = (error: Error) =>
  Effect.sync(() => {
    const cause = Predicate.hasProperty(error, "cause") && error.cause instanceof Error ? error.cause.message : ""
    console.error(error.message === "" ? `Sluice cannot listen on HOST and PORT: ${cause}` : error.message)
    process.exitCode = 1
  })

Config.load.pipe(
  Effect.flatMap((settings) => Layer.launch(Node.layer(settings))),
  Effect.catch(tell),
  NodeRuntime.runMain
)
