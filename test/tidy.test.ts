import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"

/** What a folder of src may import from, besides itself; files directly in src, main.ts excepted, are open to all but domain. */
const mayImport: Record<string, ReadonlyArray<string>> = {
  domain: [],
  persistence: ["domain"],
  cluster: ["domain"],
  actors: ["domain", "persistence", "cluster"],
  saga: ["domain", "persistence", "actors"],
  export: ["domain", "persistence", "cluster"],
  http: ["domain", "persistence", "cluster", "actors", "saga"]
}

/** All that domain may import from outside: modules of effect that neither do nor describe I/O, and read no clock. */
const pure =
  /^(Array|BigDecimal|BigInt|Brand|Data|DateTime|Duration|Equal|Equivalence|Function|Hash(Map|Set)?|Match|Number|Option|Order|Predicate|Record|Result|Schema|String|Struct|Tuple|Types|pipe|flow|identity)$/

/** Where the implementations `Pg*` and `Redis*` are chosen; everybody else imports the interface. */
const wiring = ["src/Node.ts", "src/Demo.ts", "src/Welcome.ts", "src/KeptSecret.ts"]

const src = ["src/"]
const code = ["src/", "test/"]
const everywhere = ["src/", "test/", "dev/", "bench/"]
/** Real processes take real time. */
const chaos = ["test/chaos/"]
/**
 * Who may say that something is permitted: whoever looks who asks, who seeds a new database, who gives what is
 * owed, who keeps deadlines, and who asks gateways. */
const permitting = [
  "src/http/Policy.ts",
  "src/domain/Authority.ts",
  "src/Demo.ts",
  "src/saga/Grants.ts",
  "src/saga/Timers.ts",
  "src/saga/Nudges.ts"
]
/** Where effects meet promises: the entry point, vitest's setup, the seeded scheduler, programs for a test to start. */
const edges = [
  "src/main.ts",
  "test/setup/",
  "test/sim/",
  "test/chaos/",
  "test/dev/orphan.ts",
  "test/persistence/committer.ts"
]
/** SQL text of our own, never input. */
const sqlText = ["src/persistence/PgJournal.ts", "src/persistence/Migrations.ts", "src/persistence/migrations/"]
const environment = ["src/Config.ts"]
const main = ["src/main.ts"]
/** Says whose a data folder is. */
const ownPid = ["src/persistence/DataFolder.ts", "src/Node.ts"]

/** What is banned, what to use instead, where, who may all the same, and a line it must find. */
const bans: ReadonlyArray<
  [pattern: RegExp, instead: string, where: ReadonlyArray<string>, except: ReadonlyArray<string>, bad: string]
> = [
  [/\bDate\.now\b/, "Clock", code, chaos, "const now = Date.now()"],
  [/\bnew Date\(\s*\)/, "DateTime, from Clock", code, chaos, "const now = new Date()"],
  [/\bMath\.random\b/, "Random", code, [], "const n = Math.random()"],
  [/\bset(Timeout|Interval)\b/, "Effect.sleep or a Schedule", code, chaos, "setTimeout(retry, 100)"],
  [
    /\b(queueMicrotask|setImmediate|nextTick)\b/,
    "Effect.yieldNow: the simulator has a scheduler of its own",
    src,
    ["src/cluster/Outbox.ts"],
    "queueMicrotask(flush)"
  ],
  [/\bprocess\.env\b/, "Config", everywhere, environment, "const port = process.env.PORT"],
  [
    /\bprocess\.\w|"node:process"/,
    "src/Config.ts or src/main.ts",
    src,
    [...environment, ...main, ...ownPid],
    "process.exit(1)"
  ],
  [/\bconsole\.\w/, "Effect.log", src, main, "console.log(order)"],
  [/\bsql\.(unsafe|literal)\b/, "a sql template with parameters", code, sqlText, "sql.unsafe(`DROP TABLE ${name}`)"],
  [/\bsql(<[^`]*>)?`[^`]*'\$\{/, "the parameter without quotes", everywhere, [], "sql`SELECT 1 WHERE id = '${id}'`"],
  [/\bpermit\(/, "what Policy permits", src, permitting, "editProduct(permit(productId), version, edit)"],
  [/\bas any\b/, "a Schema, or a type that fits", everywhere, [], "const order = row as any"],
  [/\bas unknown as\b/, "a Schema, or a type that fits", everywhere, [], "const order = row as unknown as Order"],
  [/:\s*any\b(?! \w)|<any\b|\bany\[\]/, "unknown and a Schema", everywhere, [], "const order: any = row"],
  [/@ts-(ignore|nocheck)/, "types that fit", everywhere, [], "// @ts-ignore"],
  [/@ts-expect-error/, "types that fit", everywhere, ["test/types/"], "// @ts-expect-error"],
  [/\bthrow\s/, "a typed failure, or Effect.die", src, [], 'throw new Error("no stock")'],
  [/\bEffect\.run(Sync|Promise|Fork|Callback)/, "yield*", code, edges, "Effect.runSync(program)"],
  [/\bunbounded\b/, "a bound", src, [], "yield* Queue.unbounded()"],
  [/\bEffect\.catchAll/, "Effect.catch", everywhere, [], "Effect.catchAll(program, recover)"],
  [
    /\bit\.live\b[^]*\bEffect\.sleep\b|\bEffect\.sleep\b[^]*\bit\.live\b/,
    "TestClock, or wait for the event",
    ["test/"],
    chaos,
    'it.live("waits", () => Effect.sleep("1 second"))'
  ]
]

const starts = (file: string) => (prefix: string) => file.startsWith(prefix)

/** Comments are free to name what is banned, unless they are the ban's object. Lines keep their numbers. */
const withoutComments = (text: string) =>
  text.replace(/(?<=^|\s)(\/\*[^]*?\*\/|\/\/.*$)/gm, (comment) =>
    comment.includes("@ts-") ? comment : comment.replace(/./g, "")
  )

const bannedIn = (file: string, text: string) =>
  bans.flatMap(([pattern, instead, where, except]) => {
    const found = where.some(starts(file)) && !except.some(starts(file)) ? pattern.exec(text) : null
    if (found === null) return []
    const line = text.slice(0, found.index).split("\n").length
    return [`${file}:${line} has "${found[0].split("\n", 1)}": use ${instead}`]
  })

const folderOf = (file: string) => /^src\/(?:(\w+)\/)?/.exec(file)?.[1] ?? "src"

const mistakenImport = (file: string, names: string, from: string): string | undefined => {
  const folder = folderOf(file)
  if (!from.startsWith(".")) {
    if (folder !== "domain") return
    const list =
      from === "effect" ? names.replace(/\btype\b|\bas \w+|[{}\s]/g, "").split(",") : [from.replace("effect/", "")]
    const impure = list.filter((name) => !pure.test(name))
    return impure.length === 0 ? undefined : `${impure.join(", ")} is not pure: pass in what it would tell`
  }
  if (!file.startsWith("src/") || main.includes(file)) return
  const target = path.join(path.dirname(file), from)
  const implementation = /\/(Pg|Redis)[A-Z]\w*\.ts$/
  if (implementation.test(target) && !implementation.test(file) && !wiring.includes(file))
    return "import the interface; wiring chooses the implementation"
  const other = folderOf(target)
  const open = other === "src" ? folder !== "domain" && !main.includes(target) : mayImport[folder]?.includes(other)
  if (open || other === folder || wiring.includes(file)) return
  return `${folder} may import from ${mayImport[folder]?.join(", ") || "nowhere else"}`
}

const mistakesIn = (file: string, source: string) => {
  const text = withoutComments(source)
  const imports = text.matchAll(/\b(?:import|export)\s+(?:([\w\s,{}*]*?)\s*from\s*)?"([^"]+)"|\bimport\(\s*"([^"]+)"/g)
  const mistaken = Array.from(imports, ([, names = "", from, dynamic]) => {
    const mistake = mistakenImport(file, names, from ?? dynamic ?? "")
    return mistake === undefined ? [] : [`${file} imports "${from ?? dynamic}": ${mistake}`]
  })
  return [...bannedIn(file, text), ...mistaken.flat()]
}

describe("the code", () => {
  const files = globSync("{src,test,dev,bench}/**/*.ts").filter((file) => file !== "test/tidy.test.ts")

  it("keeps to the rules", () => {
    assert.isNotEmpty(files)
    assert.deepStrictEqual(
      files.flatMap((file) => mistakesIn(file, readFileSync(file, "utf8"))),
      []
    )
  })
})

describe("the rules", () => {
  for (const [pattern, instead, where, except, bad] of bans) {
    it(`find ${bad}`, () => {
      for (const folder of where) {
        assert.include(mistakesIn(`${folder}http/Bad.ts`, `\n${bad}`).join(), `Bad.ts:2 has`)
        assert.include(mistakesIn(`${folder}http/Bad.ts`, bad).join(), instead)
      }
      for (const file of except) assert.notInclude(mistakesIn(file, bad).join(), instead)
      assert.isFalse(pattern.global)
    })
  }

  for (const [file, line] of [
    ["src/domain/Order.ts", 'import { Clock, Schema } from "effect"'],
    ["src/domain/Order.ts", 'import { SqlClient } from "effect/sql"'],
    ["src/domain/Order.ts", 'import { readFileSync } from "node:fs"'],
    ["src/domain/Order.ts", 'import { Config } from "../Config.ts"'],
    ["src/persistence/Journal.ts", 'import type { Actor } from "../actors/Actor.ts"'],
    ["src/actors/Partition.ts", 'import { PgJournal } from "../persistence/PgJournal.ts"'],
    ["src/actors/Partition.ts", 'export * from "../saga/Checkout.ts"'],
    ["src/cluster/Cluster.ts", 'const leases = import("./RedisLeases.ts")'],
    ["src/saga/Checkout.ts", 'import { Server } from "../http/Server.ts"'],
    ["src/http/Server.ts", 'import "../main.ts"']
  ] as const) {
    it(`refuse ${line} in ${file}`, () => assert.lengthOf(mistakesIn(file, line), 1))
  }

  for (const [file, line] of [
    [
      "src/domain/Order.ts",
      'import { type Option, Schema as S } from "effect"\nimport type { Money } from "./Money.ts"'
    ],
    ["src/actors/Actor.ts", 'import type { Journal } from "../persistence/Journal.ts"'],
    ["src/http/Server.ts", 'import { Config } from "../Config.ts"'],
    ["src/persistence/PgJournal.ts", 'import { rows } from "./PgRows.ts"'],
    ["src/main.ts", 'import { PgJournal } from "./persistence/PgJournal.ts"'],
    ["test/persistence/PgJournal.test.ts", 'import { PgJournal } from "../../src/persistence/PgJournal.ts"'],
    ["src/http/Server.ts", "// Date.now() is banned\n/* so is\n throw new Error */"]
  ] as const) {
    it(`allow ${line} in ${file}`, () => assert.deepStrictEqual(mistakesIn(file, line), []))
  }
})
