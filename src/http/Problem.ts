/** Renders problems (RFC 9457), in the language of the request. */
import { Predicate, SchemaIssue } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import {
  IdempotencyKeyRequired,
  Internal,
  MalformedIfMatch,
  MalformedJson,
  PreconditionRequired,
  ValidationFailed
} from "./api/Errors.ts"
import { catalogue, type Code, mediaType, type Row } from "./api/Problems.ts"
import { headerOf, type Reader, tokenOf, traceIdOf } from "./Reader.ts"

const rows = new Map(catalogue.map((row) => [row.tag, row]))

/** The row of an error the catalogue knows. */
const rowOf = (error: unknown): Row | undefined =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? rows.get(error._tag) : undefined

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

const retryAfterSeconds = (error: object): number | undefined =>
  Predicate.hasProperty(error, "retryAfterSeconds") && Predicate.isNumber(error.retryAfterSeconds)
    ? error.retryAfterSeconds
    : undefined

const hasToken = (reader: Reader): boolean => tokenOf(headerOf(reader, "authorization")) !== ""

/** RFC 6750 §3.1: who has sent a token is told that it is not good, and who has sent none just that one is needed. */
const challengeOf = (code: Code, reader: Reader): string =>
  code === "UNAUTHENTICATED" && hasToken(reader) ? 'Bearer error="invalid_token"' : "Bearer"

/** A problem that has several reasons, and the request that tells this one. */
interface Remark {
  readonly code: Code
  readonly applies: (reader: Reader) => boolean
  readonly texts: Row["titles"]
}

const hasNoBody = (reader: Reader): boolean =>
  headerOf(reader, "transfer-encoding") === "" && Number(headerOf(reader, "content-length")) === 0

const remarks: ReadonlyArray<Remark> = [
  {
    code: "MALFORMED_JSON",
    applies: hasNoBody,
    texts: { ko: "본문이 비어 있습니다. JSON 객체를 보내 주세요", en: "The body is empty; send a JSON object" }
  },
  {
    code: "IDEMPOTENCY_KEY_REQUIRED",
    applies: (reader) => headerOf(reader, "idempotency-key") !== "",
    texts: {
      ko: "Idempotency-Key는 공백 없는 ASCII 1~255자여야 합니다(따옴표는 선택)",
      en: "The Idempotency-Key must be 1 to 255 visible ASCII characters, quoted or bare"
    }
  },
  {
    code: "UNAUTHENTICATED",
    applies: hasToken,
    texts: { ko: "토큰이 올바르지 않거나 만료되었습니다", en: "The token is not good, or has expired" }
  },
  {
    code: "STALE_VERSION",
    applies: (reader) => headerOf(reader, "if-match").startsWith("W/"),
    texts: {
      ko: '약한 ETag(W/"3")는 어떤 버전과도 일치하지 않습니다. "3"처럼 강한 ETag를 보내 주세요',
      en: 'A weak tag, such as W/"3", matches no version; send the strong one, "3"'
    }
  }
]

/** The places of wrong values, which have one name in all languages. */
const placesOf = (error: object): ReadonlyArray<string> =>
  error instanceof ValidationFailed
    ? error.errors.flatMap(({ pointer = "", parameter = pointer }) => (parameter === "" ? [] : [parameter]))
    : []

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
  const remark = remarks.find((one) => one.code === code && one.applies(reader))
  let said = remark?.texts[language] ?? title
  const document: Record<string, unknown> = { type, title, detail: said, status, code, traceId, retryable }
  const particulars = [...new Set(placesOf(error))]
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
  if (status === 401) headers["www-authenticate"] = challengeOf(code, reader)
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
  const errors = issues.slice(0, issuesMost).map(({ path = [], message }) => {
    const segments = path.map((segment) => (typeof segment === "object" ? segment.key : segment))
    return kind === "Payload"
      ? { pointer: segments.map((segment) => `/${escape(segment)}`).join(""), message }
      : { parameter: String(segments[0] ?? ""), message }
  })
  return new ValidationFailed({ errors })
}
