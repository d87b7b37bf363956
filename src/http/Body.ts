/** Reads JSON bodies, within their limit, straight from Node: by way of a portable stream a request costs a fifth more. */
import { isUtf8 } from "node:buffer"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { MalformedJson, PayloadTooLarge, UnsupportedMediaType, ValidationFailed } from "./api/Errors.ts"

/** In bytes. */
export const maximum = 64 * 1024

const json = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i

/** Values in a body, lists and objects among them: three times what any request needs. */
const valuesMost = 500
/** A value takes a character and a comma at least. */
const fewEnough = 2 * valuesMost

type Source = ReturnType<typeof NodeHttpServerRequest.toIncomingMessage>
type Sink = ReturnType<typeof NodeHttpServerRequest.toServerResponse>

export type Refusal = MalformedJson | ValidationFailed | PayloadTooLarge | UnsupportedMediaType

const tooLarge = new PayloadTooLarge({ maximum })
const malformed = new MalformedJson()
const unsupported = new UnsupportedMediaType({ supported: "application/json" })

const tooMany = new ValidationFailed({ errors: [{ pointer: "", message: `Expected at most ${valuesMost} values` }] })

const countUpTo = (most: number, value: unknown): number => {
  if (typeof value !== "object" || value === null) return 1
  let count = 1
  for (const each of Object.values(value)) {
    if (count > most) break
    count += countUpTo(most - count, each)
  }
  return count
}

/** Schemas tell all that is wrong with a body; so nobody may ask them to tell it of thousands of things. */
const isModest = (body: string): boolean => {
  if (body.length <= fewEnough) return true
  try {
    return countUpTo(valuesMost, JSON.parse(body)) <= valuesMost
  } catch {
    return true
  }
}

const text = (source: Source, response: Sink): Effect.Effect<string, Refusal> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size <= maximum) return void chunks.push(chunk)
      stop()
      resume(Effect.fail(tooLarge))
    }
    const onEnd = () => {
      if (size === 0) return resume(Effect.fail(malformed))
      const [first] = chunks
      const whole = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
      if (!isUtf8(whole)) return resume(Effect.fail(malformed))
      const body = whole.toString("utf8")
      resume(isModest(body) ? Effect.succeed(body) : Effect.fail(tooMany))
    }
    const stop = () => {
      source.off("data", onData)
      source.off("end", onEnd)
    }
    source.on("data", onData)
    source.on("end", onEnd)
    // An older client would take it for the answer.
    if (source.headers.expect !== undefined && source.httpVersion !== "1.0") response.writeContinue()
    // A client that goes away interrupts the fiber.
    return Effect.sync(stop)
  })

/** The body's text. */
export const read = (source: Source, response: Sink): Effect.Effect<string, Refusal> => {
  const { "content-type": type, "content-length": length } = source.headers
  if (type !== undefined && type !== "application/json" && !json.test(type)) return Effect.fail(unsupported)
  if (length !== undefined && Number(length) > maximum) return Effect.fail(tooLarge)
  return text(source, response)
}

/** Reads the body, so that whoever asks the request for its text has it. */
export const ahead = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void, Refusal> =>
  Effect.map(
    read(NodeHttpServerRequest.toIncomingMessage(request), NodeHttpServerRequest.toServerResponse(request)),
    (body) => {
      Object.defineProperty(request, "text", { value: Effect.succeed(body) })
    }
  )
