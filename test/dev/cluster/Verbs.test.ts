import { assert, describe, it } from "@effect/vitest"
import { parse } from "../../../dev/cluster/Verbs.ts"

describe("A line", () => {
  it.each([
    ["kill 2", { _tag: "Verb", verb: "kill", number: 2 }],
    ["  freeze   1 ", { _tag: "Verb", verb: "freeze", number: 1 }],
    ["nodes", { _tag: "Nodes" }],
    ["", { _tag: "Nothing" }],
    ["kill", { _tag: "Unknown" }],
    ["kill all", { _tag: "Unknown" }],
    ["kill 1 2", { _tag: "Unknown" }],
    ["burn 1", { _tag: "Unknown" }]
  ])("%j is understood", (line, order) => assert.deepEqual<unknown>(parse(line), order))
})
