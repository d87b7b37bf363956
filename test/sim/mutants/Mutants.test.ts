import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const simulator = fileURLToPath(new URL("../main.ts", import.meta.url))

describe("The mutants", () => {
  // A process of its own: bugs are planted as Node loads the modules, and vitest loads them itself.
  it("are caught by the checks, every one", async () => {
    const { stdout } = await promisify(execFile)(execPath, [simulator, "--mutants"]).catch((failed) => failed)
    assert.notInclude(stdout, "**")
    assert.isAbove(stdout.split("\n").length, 15)
  }, 600_000)
})
