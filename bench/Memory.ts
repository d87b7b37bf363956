/** The scenario `resident`: how many bytes of memory an actor takes, in a process that does nothing else. */
import { Console, Effect, Schema, Stream } from "effect"
import * as Child from "../dev/Child.ts"
import { failed } from "./Failure.ts"

const Measured = Schema.Struct({
  resident: Schema.Int,
  loadedBytes: Schema.Finite,
  workedBytes: Schema.Finite,
  rss: Schema.Int
})
export type Measured = typeof Measured.Type

const bytesMost = 1024

export const measure = Effect.fnUntraced(function* (actors: number) {
  const child = yield* Child.start({
    args: ["--expose-gc", "--max-old-space-size=8192", "bench/resident.ts", String(actors)]
  })
  const said = yield* Stream.mkString(child.lines).pipe(Effect.timeout("5 minutes"))
  return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Measured))(said).pipe(
    Effect.catchTag("SchemaError", () =>
      Effect.flatMap(child.complaint, (complaint) => Effect.fail(failed(`No measure of memory:\n${complaint}`)))
    )
  )
}, Effect.scoped)

export const show = ({ resident, loadedBytes, workedBytes, rss }: Measured) =>
  Console.log(
    `  ${resident.toLocaleString("en")} wallets resident: ${Math.ceil(loadedBytes)} bytes each, ` +
      `${Math.ceil(workedBytes)} after a payment; ${Math.round(rss / 1e6)} MB in all`
  )

export const demand = ({ resident, workedBytes, loadedBytes }: Measured, actors: number) =>
  resident === actors && Math.max(loadedBytes, workedBytes) <= bytesMost
    ? Effect.void
    : Effect.fail(failed(`Expected ${actors} resident actors of at most ${bytesMost} bytes`))
