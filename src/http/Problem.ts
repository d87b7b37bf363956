/** Renders problems (RFC 9457), in the language of the request. */
import { Predicate, SchemaIssue } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { randomUUID } from "node:crypto"
import {
  IdempotencyKeyRequired,
  Internal,
  MalformedIfMatch,
  MalformedJson,
  PreconditionRequired,
  ValidationFailed
} from "./api/Errors.ts"
import { catalogue, mediaType, type Row } from "./api/Problems.ts"

const rows = new Map(catalogue.map((row) => [row.tag, row]))

/** The row of an error the catalogue knows. */
const rowOf = (error: unknown): Row | undefined =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? rows.get(error._tag) : undefined

/** What a problem's reader says of itself. */
export interface Reader {
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
}

/** Korean, unless English is preferred. */
const languageOf = ({ headers }: Reader): "ko" | "en" => {
  const accepted = headers["accept-language"]?.toString().toLowerCase()
  if (accepted === undefined || !accepted.includes("en")) return "ko"
  const weightOf = (language: string) => {
    const range = accepted.split(",").find((part) => part.trim().startsWith(language))
    return range === undefined ? 0 : Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1)
  }
  return weightOf("en") > weightOf("ko") ? "en" : "ko"
}

/** The id of the caller's trace, or a new one. */
export const traceIdOf = ({ headers }: Reader): string =>
  callersTrace(headers["traceparent"]?.toString()) ?? randomUUID().replaceAll("-", "")

/** The id of a trace, of the header that tells it. */
export const callersTrace = (traceparent = ""): string | undefined =>
  /^[\da-f]{2}-([\da-f]{32})-/.exec(traceparent)?.[1]

const retryAfterSeconds = (error: object): number | undefined =>
  Predicate.hasProperty(error, "retryAfterSeconds") && Predicate.isNumber(error.retryAfterSeconds)
    ? error.retryAfterSeconds
    : undefined

export interface Rendered {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** The answer for an error of the catalogue. */
export const rendered = (error: object, reader: Reader, traceId = traceIdOf(reader)): Rendered => {
  const row = rowOf(error)
  if (row === undefined) return rendered(new Internal(), reader, traceId)
  const { type, code, status, retryable, titles, details, fields } = row
  const language = languageOf(reader)
  const title = titles[language]
  const document: Record<string, unknown> = { type, title, detail: title, status, code, traceId, retryable }
  const particulars: Array<string> = []
  let said = title
  for (const field of fields) {
    if (!Predicate.hasProperty(error, field)) continue
    said = details.get(field)?.[language] ?? said
    document[field] = error[field]
    if (typeof error[field] !== "object") particulars.push(`${field} ${error[field]}`)
  }
  if (particulars.length > 0) document["detail"] = `${said} (${particulars.join(", ")})`
  const headers: Record<string, string> = {
    "content-type": `${mediaType}; charset=utf-8`,
    "content-language": language
  }
  if (status === 401) headers["www-authenticate"] = "Bearer"
  const waitSeconds = retryAfterSeconds(error) ?? (retryable ? 1 : undefined)
  if (waitSeconds !== undefined) headers["retry-after"] = String(waitSeconds)
  return { status, headers, body: JSON.stringify(document) }
}

/** The same, for Effect's server. */
export const render = (error: object, reader: Reader, traceId?: string): HttpServerResponse.HttpServerResponse => {
  const { status, headers, body } = rendered(error, reader, traceId)
  return HttpServerResponse.text(body, { status, headers })
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()
const issuesMost = 20

const escape = (segment: PropertyKey) => String(segment).replaceAll("~", "~0").replaceAll("/", "~1")

/** The same issues, by their kinds. */
const kindsOf = SchemaIssue.makeFormatterStandardSchemaV1({ leafHook: ({ _tag }) => _tag })

const headerProblem = new Map<PropertyKey, (isMissing: boolean) => object>([
  ["idempotency-key", () => new IdempotencyKeyRequired()],
  ["if-match", (isMissing) => (isMissing ? new PreconditionRequired() : new MalformedIfMatch())]
])

/** The problem an error is; `undefined` for what is none, and so a defect. */
export const problemOf = (error: unknown): object | undefined => {
  const problem = HttpApiError.HttpApiSchemaError.is(error) ? undecoded(error) : error
  return rowOf(problem) === undefined || !Predicate.isObject(problem) ? undefined : problem
}

/** What is wrong with a request that does not decode; `undefined` when it is an answer that does not encode. */
const undecoded = ({ kind, cause }: HttpApiError.HttpApiSchemaError): object | undefined => {
  if (kind === "Body" || kind === "ResponseHeaders") return undefined
  // The one value no body is decoded from is text that is no JSON.
  if (kind === "Payload" && cause.issue._tag === "InvalidValue") return new MalformedJson()
  if (kind === "Headers") {
    for (const { path, message } of kindsOf(cause.issue).issues) {
      const [name] = path ?? []
      const made = typeof name === "object" || name === undefined ? undefined : headerProblem.get(name)
      if (made !== undefined) return made(message === "MissingKey")
    }
  }
  const { issues } = issuesOf(cause.issue)
  const errors = issues.slice(0, issuesMost).map(({ path, message }) => ({
    pointer: (path ?? []).map((segment) => `/${escape(typeof segment === "object" ? segment.key : segment)}`).join(""),
    message
  }))
  return new ValidationFailed({ errors })
}
