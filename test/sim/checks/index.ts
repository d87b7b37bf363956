/** Every check there is. */
import type { History, Violation } from "../History.ts"
import * as Answers from "./Answers.ts"
import * as Books from "./Books.ts"
import * as Coupons from "./Coupons.ts"
import * as Edits from "./Edits.ts"
import * as Epochs from "./Epochs.ts"
import { Evidence } from "./Evidence.ts"
import * as Memory from "./Memory.ts"
import * as Orders from "./Orders.ts"
import * as Ownership from "./Ownership.ts"
import * as Progress from "./Progress.ts"
import * as Reads from "./Reads.ts"
import * as Verdicts from "./Verdicts.ts"

const all: ReadonlyArray<(evidence: Evidence) => ReadonlyArray<Violation>> = [
  ...Object.values(Answers),
  ...Object.values(Books),
  ...Object.values(Coupons),
  ...Object.values(Edits),
  ...Object.values(Epochs),
  ...Object.values(Memory),
  ...Object.values(Orders),
  ...Object.values(Ownership),
  ...Object.values(Progress),
  ...Object.values(Reads),
  ...Object.values(Verdicts)
]

/** In the order they came to light. */
export const audit = (history: History): ReadonlyArray<Violation> => {
  const evidence = new Evidence(history)
  return all.flatMap((check) => check(evidence)).toSorted((a, b) => a.seq - b.seq)
}
