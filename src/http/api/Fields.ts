/** What bodies, queries and headers are made of. */
import { Effect, type JsonSchema, Schema, SchemaTransformation } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { between } from "../../domain/Money.ts"
import { iso } from "../../saga/Time.ts"

/** Says in the document what a value is; of what is transformed, as it is sent. */
export const says = <S extends Schema.Top>(description: string) => Schema.annotateEncoded<S>({ description })

/** Shows in the document what a body is like, as it is sent. */
export const example = <S extends Schema.Top>(sent: S["Encoded"]) => Schema.annotateEncoded<S>({ examples: [sent] })

/** A rule that is kept elsewhere, or after something else was done, as the document tells it. */
export const documented = <T>(rule: JsonSchema.JsonSchema) =>
  Schema.makeFilter<T>(() => true, { toJsonSchema: () => rule })

/**
 * Ids as a request names them: nobody has checked yet whether there is such a thing, or whether the request's sender
 * may have it. Only `Policy` makes ids of them.
 */
const claimed = (prefix: string) =>
  Schema.String.check(Schema.isMaxLength(16_384)).annotate({ description: `An id: ${prefix}_ and a UUID.` })
export const ClaimedUserId = claimed("usr").pipe(Schema.brand("ClaimedUserId"))
export type ClaimedUserId = typeof ClaimedUserId.Type
export const ClaimedProductId = claimed("prd").pipe(Schema.brand("ClaimedProductId"))
export type ClaimedProductId = typeof ClaimedProductId.Type
export const ClaimedOrderId = claimed("ord").pipe(Schema.brand("ClaimedOrderId"))
export type ClaimedOrderId = typeof ClaimedOrderId.Type

export const ClaimedCouponId = claimed("cpn").pipe(Schema.brand("ClaimedCouponId"))
export type ClaimedCouponId = typeof ClaimedCouponId.Type

export const ClaimedUserCouponId = claimed("uco").pipe(Schema.brand("ClaimedUserCouponId"))
export type ClaimedUserCouponId = typeof ClaimedUserCouponId.Type

/** The role somebody would like to have; only `Policy` gives it. */
export const ClaimedRole = Schema.String.check(
  Schema.isPattern(/^(?:BUYER|SELLER|MANAGER|ADMIN)$/u, { expected: "BUYER, SELLER, MANAGER or ADMIN" })
).pipe(Schema.brand("ClaimedRole"))
export type ClaimedRole = typeof ClaimedRole.Type

/** The tier somebody is to have; only `Policy` gives it. */
export const ClaimedTier = Schema.String.check(
  Schema.isPattern(/^(?:BRONZE|SILVER|GOLD|VIP)$/u, { expected: "BRONZE, SILVER, GOLD or VIP" })
).pipe(Schema.brand("ClaimedTier"))
export type ClaimedTier = typeof ClaimedTier.Type

/** Neither control characters, which Postgres and terminals dislike, nor halves of surrogate pairs. */
const line = Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, { expected: "text without control characters" })
const lines = Schema.isPattern(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u, { expected: "text without control characters" })

/** Without the space around it; what looks the same is the same (NFC), however a keyboard composes it. */
const Text = (minLength: number, maxLength: number) =>
  Schema.String.check(documented({ minLength, maxLength }))
    .pipe(
      Schema.decodeTo(
        Schema.Trimmed,
        SchemaTransformation.transform({ decode: (text) => text.normalize("NFC").trim(), encode: (text) => text })
      )
    )
    .check(Schema.isBetweenCodePoints(minLength, maxLength))

/** One line of text. */
export const Line = (minimum: number, maximum: number) => Text(minimum, maximum).check(line)

export const Lines = (maximum: number) => Text(0, maximum).check(lines)

/** A secret; space counts. */
export const Secret = (minimum: number, maximum: number) =>
  Schema.String.check(line, Schema.isBetweenCodePoints(minimum, maximum))

export const Timestamp = Schema.String.annotate({ format: "date-time", description: "RFC 3339, in UTC." })

/** `Date.parse` takes the 30th of February for the 2nd of March. */
const isDay = (text: string) => {
  const date = text.slice(0, 10)
  const ms = Date.parse(`${date}T00:00:00Z`)
  return Number.isFinite(ms) && iso(ms).startsWith(date)
}

/** A moment somebody names, as milliseconds since 1970: of the years 1 to 9999, in UTC, which is how it is told again. */
export const Moment = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/u, {
    expected: "a date and time with its offset, as in RFC 3339"
  }),
  Schema.makeFilter(isDay, { expected: "a day there is" })
)
  .annotate({ format: "date-time", description: "RFC 3339, with an offset or Z." })
  .pipe(
    Schema.decodeTo(
      Schema.Int.check(
        Schema.isBetween({
          minimum: Date.parse("0001-01-01T00:00:00Z"),
          maximum: Date.parse("9999-12-31T23:59:59.999Z")
        })
      ),
      SchemaTransformation.transform({
        // A date that is none is not a number, and so not whole.
        decode: (text) => Date.parse(text),
        encode: (ms) => String(ms)
      })
    )
  )

/** What makes a request happen once: quoted or bare, it is the same key. */
const Key = Schema.String.check(
  Schema.isPattern(/^(?:"[\x21\x23-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$/u, {
    expected: "1 to 255 visible ASCII characters, quoted or bare"
  })
).pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (header) => (header.startsWith('"') ? header.slice(1, -1) : header),
      encode: (key) => key
    })
  )
)
export const IdempotencyKey = { "idempotency-key": Key }
export const OptionalIdempotencyKey = { "idempotency-key": Schema.optionalKey(Key) }

const Replayed = { "idempotent-replayed": Schema.optionalKey(Schema.Literal("true")) }
const replayedIf = (replayed: boolean) => (replayed ? { "idempotent-replayed": "true" as const } : {})

/** An answer that may be an earlier request's. */
export const replayable = <S extends Schema.Top>(answer: S) => HttpApiSchema.WithHeaders(answer, Replayed)

export const replay = <A>({ answer, replayed }: { readonly answer: A; readonly replayed: boolean }) =>
  HttpApiSchema.withHeaders({ body: answer, headers: replayedIf(replayed) })

/** A version as a strong entity tag. A tag that is none of ours, or weak, is a version there never is. */
const EntityTag = Schema.String.check(
  Schema.isPattern(/^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/u, { expected: "an entity tag" })
).pipe(
  Schema.decodeTo(
    Schema.Int,
    SchemaTransformation.transform({
      decode: (text) => (/^"\d{1,9}"$/.test(text) ? Number(text.slice(1, -1)) : -1),
      encode: (version) => `"${version}"`
    })
  )
)
export const IfMatch = { "if-match": EntityTag }

/** An answer with its version as ETag. */
export const versioned = <S extends Schema.Top>(answer: S) => HttpApiSchema.WithHeaders(answer, { etag: EntityTag })

export const withEtag = <A extends { readonly version: number }>(answer: A) =>
  HttpApiSchema.withHeaders({ body: answer, headers: { etag: answer.version } })

/** Both: what was made, as it was when it was made. */
export const created = <S extends Schema.Top>(answer: S) =>
  HttpApiSchema.WithHeaders(answer, { etag: EntityTag, ...Replayed })

export const asCreated = <A extends { readonly version: number }>(answer: A, replayed: boolean) =>
  HttpApiSchema.withHeaders({ body: answer, headers: { etag: answer.version, ...replayedIf(replayed) } })

/** Which page of a list. */
export const PageQuery = {
  limit: between(1, 100).pipe(Schema.withDecodingDefaultKey(Effect.succeed(20))),
  cursor: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(512)))
}

export const page = <S extends Schema.Top>(item: S) =>
  Schema.Struct({
    items: Schema.Array(item),
    nextCursor: Schema.NullOr(Schema.String).pipe(says("The `cursor` of the next page; `null` on the last."))
  })
