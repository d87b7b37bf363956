import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { mutants } from "./Mutants.ts"

const simulator = fileURLToPath(new URL("../main.ts", import.meta.url))

/** A process of its own: bugs are planted as Node loads the modules, and vitest loads them itself. */
const table = async (part: string): Promise<ReadonlyArray<string>> => {
  const { stdout } = await promisify(execFile)(execPath, [simulator, "--mutants", "--part", part]).catch(
    (failed) => failed
  )
  return stdout.split("\n").filter((line: string) => /\| \d+ \|$/.test(line))
}

describe("The mutants", () => {
  it("are caught by the checks, every one", async () => {
    const caught = (await Promise.all([table("1/2"), table("2/2")])).flat()
    console.log(caught.join("\n"))
    const escaped = mutants
      .map(({ name }) => name)
      .filter((name) => !caught.some((line) => line.startsWith(`| ${name} |`)))
    assert.deepStrictEqual(escaped, [])
  }, 900_000)
})
