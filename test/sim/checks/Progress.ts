/** Everything comes to an end, and nothing to a bad one. */
import type { Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

export const finishes = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { ending, unanswered, trace } = history
  if (ending === "finished") return []
  const invariant = "what is pending is decided once a majority is mended"
  const waiting = unanswered.map(({ number }) => `request ${number}`)
  const what = ending === "exhausted" ? "the run took too many steps" : "time ran out"
  return [
    {
      invariant,
      message: `${what}; waiting: ${waiting.join(", ") || "none"}`,
      about: waiting,
      seq: trace.events.length
    }
  ]
}

export const noDefects = ({ history }: Evidence): ReadonlyArray<Violation> =>
  history.requests.flatMap(({ number, attempts }) =>
    attempts.flatMap(({ outcome, returned = 0 }) =>
      outcome?._tag === "Defect"
        ? [
            {
              invariant: "no request dies of a defect",
              message: outcome.reason,
              about: [`request ${number}`],
              seq: returned
            }
          ]
        : []
    )
  )
