/** How often each shape of requests was played, over many worlds, and how often it came to what it should. */
import type { Count } from "./Run.ts"
import { shapes } from "./Shapes.ts"

export class Counts {
  readonly #counts = new Map<string, Count>(shapes.map(({ name }) => [name, { played: 0, came: 0 }]))

  add(counts: ReadonlyMap<string, Count>): void {
    for (const [name, { played, came }] of counts) {
      const count = this.#counts.get(name)
      if (count === undefined) continue
      count.played += played
      count.came += came
    }
  }

  /** Shapes that test nothing. */
  get barren(): ReadonlyArray<string> {
    return Array.from(this.#counts)
      .filter(([, { came }]) => came === 0)
      .map(([name]) => name)
  }

  get lines(): ReadonlyArray<string> {
    return Array.from(this.#counts, ([name, { played, came }]) => `  ${name}: ${came} of ${played}`)
  }
}
