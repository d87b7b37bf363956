import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const root = new URL("../", import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), "utf8")

/** Links of the README to tests, with the beginnings of the names it quotes. */
const claims = [...read("README.md").matchAll(/\]\((test\/[^)]+)\): ([^·|]+)/g)].map(
  ([, file = "", quoted = ""]) => [file, quoted.trim()] as const
)

describe("Every guarantee of the README", () => {
  it("names a test", () => assert.isAbove(claims.length, 10))

  it.each(claims)("is shown by %s: %s", (file, quoted) => assert.include(read(file), quoted))
})
