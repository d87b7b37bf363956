import { Console, Effect } from "effect"
import * as Services from "../../dev/Services.ts"

/** Starts a Postgres, says where its data is, and waits to be killed. */
const program = Services.postgresServer.pipe(
  Effect.tap(({ dataFolder }) => Console.log(dataFolder)),
  Effect.andThen(Effect.never),
  Effect.scoped
)
await Effect.runPromise(program)
