/** What a request says of whoever sent it, and will read its answer. */
import { randomUUID } from "node:crypto"

/** In either lane. */
export interface Reader {
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
}

export const headerOf = ({ headers }: Reader, name: string): string => headers[name]?.toString() ?? ""

/** What follows `Bearer`; nothing good, when something else is there. */
export const tokenOf = (authorization: string): string =>
  authorization.slice(0, 7).toLowerCase() === "bearer " ? authorization.slice(7).trim() : ""

/** Ids that were made up, by what the request brought: whoever asks again for the same one is told the same. */
const madeUp = new WeakMap<Reader["headers"], string>()

/** The id of the caller's trace, or one of this request's own, which its problem and its audit share. */
export const traceIdOf = ({ headers }: Reader): string => {
  const known = /^[\da-f]{2}-([\da-f]{32})-/.exec(headers["traceparent"]?.toString() ?? "")?.[1] ?? madeUp.get(headers)
  if (known !== undefined) return known
  const traceId = randomUUID().replaceAll("-", "")
  madeUp.set(headers, traceId)
  return traceId
}
