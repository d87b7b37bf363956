import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { InvalidCursor, Page, PageRequest } from "../../src/persistence/Page.ts"

/** All items, page by page. */
export const allPages = <A, E, R>(
  limit: number,
  list: (request: PageRequest) => Effect.Effect<Page<A>, E | InvalidCursor, R>
): Effect.Effect<ReadonlyArray<A>, E | InvalidCursor, R> =>
  Effect.gen(function* () {
    const items: Array<A> = []
    let cursor: string | undefined
    do {
      const page: Page<A> = yield* list({ limit, cursor })
      assert.isAtMost(page.items.length, limit)
      items.push(...page.items)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    return items
  })
