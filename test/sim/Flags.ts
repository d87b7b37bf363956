/** What the simulator may be asked on its command line, and what makes no sense together. */
import { Effect, Option, Struct } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { amount, said, whole } from "../../dev/Flags.ts"
import { mutants } from "./mutants/Mutants.ts"

const seeds = [0, Number.MAX_SAFE_INTEGER] as const

const part = Flag.String("part").pipe(
  Flag.filterMap(
    (text): Option.Option<readonly [which: number, of: number]> => {
      const [which = 0, of = 0] = /^\d{1,3}\/\d{1,3}$/.test(text) ? text.split("/").map(Number) : []
      return which >= 1 && which <= of ? Option.some([which, of]) : Option.none()
    },
    () => "which part of how many, such as 1/2"
  ),
  Flag.withDescription("Of the mutants: 1/2 and 2/2 are all of them, in two processes")
)

const only = Flag.String("only").pipe(
  Flag.filter(
    (text) => mutants.some(({ name }) => name.includes(text)),
    () => "a part of a mutant's name"
  ),
  Flag.withDescription("The mutants with this in their names")
)

const flags = {
  seed: Flag.optional(whole("seed", seeds, "One world, and what explains its violation")),
  world: said("world", "With --seed: prints the world, for regressions.json"),
  seeds: Flag.optional(whole("seeds", [1, 1_000_000_000], "How many worlds (100)")),
  minutes: Flag.optional(amount("minutes", [0.01, 100_000], "As many worlds as there is time for")),
  from: Flag.optional(whole("from", seeds, "The seed of the first world (1)")),
  all: said("all", "Goes on after a violation"),
  twice: said("twice", "Runs every world twice: the same seed is the same run"),
  trace: said("trace", "Prints everything that happened; of many worlds, how often"),
  mutants: said("mutants", "Plants every bug of the table, and tells which check catches it"),
  part: Flag.optional(part),
  only: Flag.optional(only)
}
type Name = keyof typeof flags
export type Asked = Command.Command.Config.Infer<typeof flags>

/** One world, many of them, or bugs; and the flags each takes. */
const takes: Record<"seed" | "seeds" | "mutants", ReadonlyArray<Name>> = {
  seed: ["seed", "world", "trace"],
  seeds: ["seeds", "minutes", "from", "all", "twice", "trace"],
  mutants: ["mutants", "part", "only"]
}

const isSaid = (value: boolean | Option.Option<unknown>) => (typeof value === "boolean" ? value : Option.isSome(value))

/** What is wrong with flags that are good each, in a line: none is ignored. */
const contradiction = (asked: Asked): string | undefined => {
  const mode = asked.mutants ? "mutants" : Option.isSome(asked.seed) ? "seed" : "seeds"
  const stray = Struct.keys(flags).find((name) => isSaid(asked[name]) && !takes[mode].includes(name))
  if (stray === undefined) return undefined
  if (mode !== "seeds") return `--${stray} does not go with --${mode}`
  return `--${stray} needs ${takes.seed.includes(stray) ? "--seed" : "--mutants"}`
}

/** The command; `work` does what it is asked, and only what makes sense. */
export const command = (work: (asked: Asked) => Promise<void>) =>
  Command.make("sim", flags, (asked) => {
    const wrong = contradiction(asked)
    return wrong === undefined
      ? Effect.promise(() => work(asked))
      : Effect.fail(new CliError.UserError({ cause: undefined, userMessage: wrong }))
  }).pipe(Command.withDescription("The engine in a simulated world, by seed (docs/simulator.md)"))
