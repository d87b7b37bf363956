/** Who repeats a request, and whether it is the same one. */
import { RequestKey, type UserId } from "../domain/Ids.ts"
import { digest } from "../saga/Keys.ts"
import type { Keyed } from "../saga/Transact.ts"

/**
 * `route` and `key` hold no line feed, so no two requests read the same. `body` is decoded: a schema gives its fields
 * one order and nothing besides, so neither space nor the order of keys makes another request of it.
 */
export const keyed = (user: UserId, route: string, key: string, body: object): Keyed => ({
  key: RequestKey(digest(`${user}\n${route}\n${key}`)),
  bodyHash: digest(JSON.stringify(body))
})

/** The same for a route that does without: nobody can repeat a request that has no key. */
export const keyedIf = (user: UserId, route: string, key: string | undefined, body: object): Keyed | undefined =>
  key === undefined ? undefined : keyed(user, route, key, body)
