import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type CliError, Command } from "effect/cli"
import { type Asked, command } from "./Flags.ts"

/** What is done, or why nothing is. */
const ask = (line: string) => {
  const done: Array<Asked> = []
  const sim = command(async (asked) => void done.push(asked))
  return Command.runWith(sim, { version: "0", renderErrors: false })(line.split(" ")).pipe(
    Effect.as(done),
    Effect.provide(NodeServices.layer)
  )
}

const reason = (error: CliError.CliError): string =>
  error._tag === "ShowHelp" ? error.errors.map(({ message }) => message).join() : error.message

describe("The simulator's command line", () => {
  it.effect.each([
    ["--seed abc", "a whole number from 0 to"],
    ["--seed 1.5", "a whole number from 0 to"],
    ["--seed -1", "a whole number from 0 to"],
    ["--seeds 0", "a whole number from 1 to"],
    ["--seeds -3", "a whole number from 1 to"],
    ["--minutes x", "a number from 0.01"],
    ["--minutes 0", "a number from 0.01"],
    ["--mutants --only zzzz", "a part of a mutant's name"],
    ["--mutants --part 3/2", "such as 1/2"],
    ["--mutants --part 0/2", "such as 1/2"],
    ["--mutants --part half", "such as 1/2"],
    ["--seeds 2 --seed 3", "--seeds does not go with --seed"],
    ["--seed 3 --twice", "--twice does not go with --seed"],
    ["--mutants --from 7", "--from does not go with --mutants"],
    ["--mutants --seed 7", "--seed does not go with --mutants"],
    ["--world", "--world needs --seed"],
    ["--only fence", "--only needs --mutants"],
    ["--foo", "Unrecognized flag: --foo"],
    ["stray", 'Unexpected positional argument: "stray"']
  ] as const)("refuses %s", ([line, why]) =>
    Effect.gen(function* () {
      assert.include(reason(yield* Effect.flip(ask(line))), why)
    })
  )

  it.effect.each([
    "--seed 42 --trace",
    "--seed 42 --world",
    "--seeds 600 --twice",
    "--minutes 10 --from 50000 --all",
    "--minutes 0.5 --seeds 3",
    "--mutants",
    "--mutants --part 1/2 --only e"
  ])("takes %s", (line) => Effect.map(ask(line), (done) => assert.lengthOf(done, 1)))
})
