import { assert, describe, it } from "@effect/vitest"
import manifest from "../package.json" with { type: "json" }

/** The shell that npm starts does not pass signals on: whoever ended npm would leave the program running. */
describe("npm scripts of programs that run on", () => {
  const programs = Object.entries(manifest.scripts).filter(([, script]) => /\bnode\b/.test(script))

  it("are there", () => assert.includeMembers(Object.keys(manifest.scripts), ["start", "dev", "cluster", "chaos"]))

  it.each(programs)("%s takes the place of its shell", (_, script) => assert.match(script, /^exec node /))
})
