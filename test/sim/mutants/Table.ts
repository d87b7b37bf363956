/** Runs every mutant until a check catches it, and tells which and after how many seeds. */
import { draw } from "../Options.ts"
import { type Mutant, mutants } from "./Mutants.ts"
import { load } from "./Planting.ts"

const seedsMost = 200

/** What a mutant came to, in two cells of the table; and whether it was caught. */
interface Fate {
  readonly cells: string
  readonly caught: boolean
}

const hunt = async (mutant: Mutant): Promise<Fate> => {
  try {
    const { run } = await load(mutant)
    for (let seeds = 1; seeds <= seedsMost; seeds++) {
      const [first] = run(draw(seeds)).violations
      if (first !== undefined) return { cells: `${first.invariant} | ${seeds}`, caught: true }
    }
    return { cells: `**nothing** | > ${seedsMost}`, caught: false }
  } catch (error) {
    return { cells: `**${String(error)}** |`, caught: false }
  }
}

export interface Selection {
  /** Every how many-th of them, and from which: for processes that share the work. */
  readonly part: readonly [which: number, of: number]
  /** What their names have in them. */
  readonly only: string
}

/** Prints the table; tells whether all were caught. */
export const table = async (
  print: (line: string) => void,
  { part: [which, of], only }: Selection
): Promise<boolean> => {
  print("| bug | caught by | seeds |\n|---|---|---:|")
  let survivors = 0
  for (const mutant of mutants.filter(({ name }, n) => n % of === which - 1 && name.includes(only))) {
    const { cells, caught } = await hunt(mutant)
    if (!caught) survivors++
    print(`| ${mutant.name} | ${cells} |`)
  }
  return survivors === 0
}
