import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { keptSecret } from "../src/KeptSecret.ts"

describe("The secret of a data folder", () => {
  it.live("is made once, also by several at a time, and is nobody else's to read", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = `${yield* files.makeTempDirectoryScoped()}/data`
      const made = yield* Effect.all(
        Array.from({ length: 8 }, () => keptSecret(folder)),
        { concurrency: 8 }
      )
      assert.strictEqual(new Set(made).size, 1)
      assert.strictEqual(yield* keptSecret(folder), made[0])
      assert.isAtLeast(made[0]?.length ?? 0, 32)
      assert.deepStrictEqual(yield* files.readDirectory(folder), ["jwt.secret"])
      assert.strictEqual((yield* files.stat(`${folder}/jwt.secret`)).mode & 0o077, 0)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("is refused by name where there can be no folder", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const file = yield* files.makeTempFileScoped()
      assert.include((yield* Effect.flip(keptSecret(file))).message, file)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
