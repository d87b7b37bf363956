import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { ensureUser } from "../src/Demo.ts"
import * as Entropy from "../src/Entropy.ts"
import { Passwords } from "../src/http/Passwords.ts"
import { MemoryTables } from "../src/persistence/MemoryTables.ts"
import * as MemoryUsers from "../src/persistence/MemoryUsers.ts"

const layer = Layer.mergeAll(Entropy.layer, Passwords.layer, Layer.provide(MemoryUsers.layer, MemoryTables.layer))

describe("Whoever must be there", () => {
  it.live("is one person, also if several nodes see that nobody is", () =>
    Effect.gen(function* () {
      const admin = { loginId: "admin", name: "Administrator", role: "ADMIN" } as const
      const nodes = Array.from({ length: 3 }, () => ensureUser(admin, Redacted.make("correct horse battery")))
      const found = yield* Effect.all(nodes, { concurrency: 3 })
      assert.lengthOf(new Set(found.map(({ userId }) => userId)), 1)
    }).pipe(Effect.provide(layer))
  )
})
