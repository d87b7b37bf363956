import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { settings } from "../src/Config.ts"

const file = "docs/operations.md"
const text = readFileSync(file, "utf8")
const named = (pattern: RegExp) => [...new Set(Array.from(text.matchAll(pattern), ([, name = ""]) => name))]

describe("The page on operations", () => {
  it("names metrics that there are, and leaves out none", () => {
    const sources = globSync("src/**/*.ts").map((source) => readFileSync(source, "utf8"))
    const metrics = sources.flatMap((source) =>
      Array.from(source.matchAll(/Metric\.\w+\(\s*"(sluice_\w+)"/g), ([, name = ""]) => name)
    )
    assert.sameMembers(named(/`(sluice_(?!app`)\w+)`/g), [...new Set(metrics)])
  })

  it("names settings that there are", () => {
    const known = new Set(Object.values(settings).map(({ variable }) => variable))

    const unknown = named(/`([A-Z][A-Z_]+)`/g).filter((name) => !known.has(name))
    assert.deepStrictEqual(unknown, [])
  })

  it("links to files that there are", () => {
    const links = named(/\]\((\.\.\/[^)]+)\)/g)
    assert.isNotEmpty(links)
    for (const link of links) assert.isTrue(existsSync(path.join(path.dirname(file), link)), link)
  })
})
