/** Who repeats a request, and whether it is the same one. */
import { RequestKey, type UserId } from "../domain/Ids.ts"
import type { Keyed } from "../saga/Transact.ts"
import { hash } from "node:crypto"

/** The first 16 bytes of a SHA-256, written as a UUID. */
const digest = (text: string): string => {
  const hex = hash("sha256", text, "hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

/**
 * `route` and `key` hold no line feed, so no two requests read the same. `body` is decoded: a schema gives its fields
 * one order and nothing besides, so neither space nor the order of keys makes another request of it.
 */
export const keyed = (user: UserId, route: string, key: string, body: object): Keyed => ({
  key: RequestKey(digest(`${user}\n${route}\n${key}`)),
  bodyHash: digest(JSON.stringify(body))
})
