import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Duplex, duplexPair } from "node:stream"
import { Caller, serve } from "../../src/cluster/Lines.ts"

/** A caller, and the end of the wire its calls are answered at. */
const line = () => {
  const [near, far] = duplexPair()
  return { caller: new Caller(near), near, far }
}
const calling = (caller: Caller, text: string) =>
  Effect.callback<string | undefined>((resume) => {
    caller.call("say", text, (answer) => resume(Effect.succeed(answer)))
  })

/** Writes a text in pieces, as a wire does. */
const inPieces = (socket: Duplex, text: string, length: number) => {
  for (let at = 0; at < text.length; at += length) socket.write(text.slice(at, at + length))
}

describe("Calls over a socket", () => {
  it.live("are answered whatever pieces they come in, each with its own answer", () =>
    Effect.gen(function* () {
      const { caller, far } = line()
      let asked = ""
      far.setEncoding("utf8").on("data", (text: string) => {
        asked += text
        if (asked.split("\n").length === 3) inPieces(far, '1 ok "two"\n0 no \n', 3)
      })
      const answers = yield* Effect.all([calling(caller, "1"), calling(caller, "2")], { concurrency: 2 })
      assert.deepStrictEqual(answers, [undefined, '"two"'])
      assert.strictEqual(asked, "0 say 1\n1 say 2\n")
    })
  )

  it.live("cost what they are long, in however many pieces", () =>
    Effect.gen(function* () {
      const [near, far] = duplexPair()
      const text = "x".repeat(15_000_000)
      const begunAt = performance.now()
      const heard = yield* Effect.callback<number>((resume) => {
        serve(far, (_, said) => resume(Effect.succeed(said.length)))
        inPieces(near, `0 say ${text}\n`, 4096)
      })
      assert.strictEqual(heard, text.length)
      // Looking through all of it again for each piece takes ten times as long.
      assert.isBelow(performance.now() - begunAt, 3000)
    })
  )

  it.live("are cut off when they are longer than any of ours", () =>
    Effect.gen(function* () {
      const { caller, near, far } = line()
      const answer = calling(caller, "1")
      near.on("error", () => undefined)
      far.on("error", () => undefined)
      inPieces(far, "x".repeat(17 * 1024 * 1024), 65_536)
      assert.isUndefined(yield* answer)
    })
  )
})
