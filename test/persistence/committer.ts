/**
 * A program for tests to kill. Opens the data folder it is given, and says "open"; then commits charges of one won, one
 * after another, and says each one's number once it is committed.
 */
import { Console, Effect, Layer, Logger } from "effect"
import { charge, claimed, register, transaction } from "./Scene.ts"
import { onPostgres } from "./Backends.ts"
import * as Database from "../../src/persistence/Database.ts"
import { Journal } from "../../src/persistence/Journal.ts"

const [, , dataDir] = process.argv

const program = Effect.gen(function* () {
  const journal = yield* Journal
  yield* Console.log("open")
  const user = yield* register()
  const fences = [yield* claimed]
  yield* Console.log(user)
  for (let n = 1; ; n++) {
    const verdicts = yield* journal.commit([yield* transaction({ fences, changes: [charge(user, 1)] })])
    yield* Console.log(verdicts[0] === "Committed" ? n : verdicts[0])
  }
})

await program.pipe(
  Effect.provide(Layer.provideMerge(onPostgres, Database.embedded({ dataDir }))),
  Effect.tapCause((cause) => Console.error(cause)),
  Effect.provide(Logger.layer([])),
  Effect.runPromise
)
