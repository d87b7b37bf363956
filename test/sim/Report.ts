/** A violation, told: what does not hold, the shortest tail of the history that explains it, and how to see it again. */
import type { Event } from "./Trace.ts"
import type { History, Violation } from "./History.ts"
import { describe } from "./Options.ts"

/** More of the past explains no more. */
const eventsMost = 60

/** Events that touch what the violation is about, and what befell nodes, network and database meanwhile. */
const explaining = ({ trace, submissions }: History, { about, seq }: Violation): ReadonlyArray<Event> => {
  const touched = new Set(about)
  for (const { transaction } of submissions.values()) {
    if (touched.has(transaction.key)) touched.add(transaction.id)
  }
  const first = trace.events.find((event) => event.about.some((id) => touched.has(id)))?.seq ?? 0
  return trace.events
    .filter(
      (event) =>
        event.seq <= seq &&
        (event.about.some((id) => touched.has(id)) || (event.seq > first && event.about.length === 0))
    )
    .slice(-eventsMost)
}

export const replay = (seed: number): string => `npm run sim -- --seed ${seed}`

export const line = ({ at, what }: Event): string => `  ${at.toFixed(2).padStart(9)} ms  ${what}`

/** What running worlds twice came to. */
export const agreement = (worlds: number, differed: number): string =>
  differed === 0
    ? `Each of the ${worlds} worlds ran twice, and was the same run both times`
    : `${differed} of the ${worlds} worlds were another run the second time`

export const explain = (history: History, violation: Violation): string => {
  const { options, names } = history
  const about = [...new Set(violation.about)].map((id) => (id.length < 36 ? id : names.of(id)))
  return [
    `Seed ${options.seed}: ${violation.invariant}`,
    `  ${violation.message}`,
    ``,
    `World: ${describe(options)}`,
    ``,
    `What happened to ${about.join(", ") || "it"}:`,
    ...explaining(history, violation).map(line),
    ``,
    `Again: ${replay(options.seed)}`
  ].join("\n")
}
