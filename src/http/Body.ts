/** Reads bodies, within their limit, straight from Node: by way of a portable stream a request costs a fifth more. */
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

/** Gathers a body that is not too long, and reads it. */
const gather = <E>(
  source: Source,
  response: Sink,
  text: (body: Buffer) => Effect.Effect<string, E>
): Effect.Effect<string, E | PayloadTooLarge> =>
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
      const [first] = chunks
      resume(text(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)))
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

const isTooLong = ({ headers: { "content-length": length } }: Source) =>
  length !== undefined && Number(length) > maximum

const jsonText = (body: Buffer): Effect.Effect<string, Refusal> => {
  if (body.length === 0 || !isUtf8(body)) return Effect.fail(malformed)
  const text = body.toString("utf8")
  return isModest(text) ? Effect.succeed(text) : Effect.fail(tooMany)
}

/** The same where nothing means `{}`. */
const jsonTextOrNothing = (body: Buffer) => (body.length === 0 ? Effect.succeed("{}") : jsonText(body))

/** The text of a body that is JSON. */
export const read = (source: Source, response: Sink, text = jsonText): Effect.Effect<string, Refusal> => {
  const { "content-type": type } = source.headers
  if (type !== undefined && type !== "application/json" && !json.test(type)) return Effect.fail(unsupported)
  return isTooLong(source) ? Effect.fail(tooLarge) : gather(source, response, text)
}

/** The text of a body of any kind; what is not UTF-8 in it is not legible, and the rest is. */
export const whole = (source: Source, response: Sink): Effect.Effect<string, PayloadTooLarge> =>
  isTooLong(source) ? Effect.fail(tooLarge) : gather(source, response, (body) => Effect.succeed(body.toString("utf8")))

/** Reads the body, so that whoever asks the request for its text has it. */
export const ahead = (
  request: HttpServerRequest.HttpServerRequest,
  { isOptional }: { readonly isOptional: boolean }
): Effect.Effect<void, Refusal> =>
  Effect.map(
    read(
      NodeHttpServerRequest.toIncomingMessage(request),
      NodeHttpServerRequest.toServerResponse(request),
      isOptional ? jsonTextOrNothing : jsonText
    ),
    (body) => {
      Object.defineProperty(request, "text", { value: Effect.succeed(body) })
    }
  )
