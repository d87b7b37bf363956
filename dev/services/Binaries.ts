import { Effect, Option } from "effect"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { promisify } from "node:util"
import { attempt, bounded, unavailable, variable } from "./Attempt.ts"
import type { User } from "./Machine.ts"

export interface BinariesOptions {
  /** They must stand in one folder, for they belong together. */
  readonly names: ReadonlyArray<string>
  /** Where to look when they are not on the PATH; the highest version wins. */
  readonly folders: string
  /** What to install on Debian when they are nowhere. */
  readonly debianPackage: string
}

/** Runs a program to its end; cut short with the fiber. In a folder which every user may enter. */
export const run = (file: string, args: ReadonlyArray<string>, user: User = {}) =>
  attempt(`${file} ${args.join(" ")}`, (signal) =>
    promisify(execFile)(file, args, { ...user, cwd: "/", signal, maxBuffer: 16 * 1024 * 1024 })
  )

/** The folder with a server's binaries, installed first if this is Debian and we are root. */
export const binaries = (options: BinariesOptions) =>
  find(options).pipe(
    Effect.catchTag("ServiceUnavailable", (absent) =>
      install(options.debianPackage).pipe(
        Effect.mapError((failed) => unavailable(`${absent.message}; ${failed.message}`)),
        Effect.andThen(find(options))
      )
    )
  )

const find = Effect.fnUntraced(function* ({ folders, names }: BinariesOptions) {
  const onPath = Option.getOrElse(yield* variable("PATH"), () => "").split(path.delimiter)
  const elsewhere = yield* attempt(`${folders} can't be listed`, () => Array.fromAsync(fs.glob(folders)))
  const highestFirst = elsewhere.toSorted((a, b) => b.localeCompare(a, "en", { numeric: true }))
  for (const folder of [...onPath, ...highestFirst]) {
    const all = names.map((name) => fs.access(path.join(folder, name), fs.constants.X_OK))
    const here = yield* Effect.promise(() => Promise.allSettled(all))
    if (folder !== "" && here.every(({ status }) => status === "fulfilled")) return folder
  }
  return yield* unavailable(`${names.join(" and ")} neither on the PATH nor in ${folders}`)
})

/** Debian may start what it installs: that server is left alone, ours has a port and a folder of its own. */
const install = Effect.fnUntraced(function* (debianPackage: string) {
  if (!existsSync("/etc/debian_version") || process.getuid?.() !== 0)
    return yield* unavailable("not installed, for that takes Debian and root")
  const aptGet = (...args: ReadonlyArray<string>) =>
    run("env", ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120", ...args])
  yield* Effect.andThen(aptGet("update"), aptGet("install", "-y", "--no-install-recommends", debianPackage)).pipe(
    bounded("10 minutes", `apt-get does not install ${debianPackage}`)
  )
})
