/** Each transaction gets one verdict, a final one, and the database's constraints are never what says no. */
import type { Transaction } from "../../../src/domain/Transaction.ts"
import type { Submission, Violation } from "../History.ts"
import type { Evidence } from "./Evidence.ts"

export const final = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const committed = new Map(history.commits.map(({ transaction, seq }) => [transaction.id, seq]))
  return Array.from(history.submissions.values(), ({ transaction, verdicts }) => {
    const { id, key } = transaction
    const violation = (seq: number, message: string): Violation => ({
      invariant: "a verdict is final",
      message: `${history.names.of(id)} ${message}`,
      about: [id, key],
      seq
    })
    const [first, second] = verdicts
    if (first === undefined) return []
    if (second !== undefined) return [violation(second.seq, `was ${first.verdict}, then ${second.verdict}`)]
    const at = committed.get(id)
    if (first.verdict !== "Committed") {
      return at === undefined
        ? []
        : [violation(Math.max(at, first.seq), `was said to be ${first.verdict}, and is there`)]
    }
    return at !== undefined && at < first.seq
      ? []
      : [violation(first.seq, "was said to be committed, and was not there")]
  }).flat()
}

export const heard = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const unheard = ({ verdicts, process }: Submission) => verdicts.length === 0 && process.alive && !process.frozen
  return Array.from(history.submissions.values())
    .filter(unheard)
    .map(({ transaction: { id, key } }) => ({
      invariant: "a verdict comes",
      message: `nobody heard what became of ${history.names.of(id)}`,
      about: [id, key],
      seq: history.trace.events.length
    }))
}

/** What a constraint of the database must refuse: its seller does not exist, and no actor knows sellers. */
const isPoison = (nobody: string) => (transaction: Transaction) =>
  transaction.changes.some((change) => change._tag === "ProductCreated" && change.product.sellerId === nobody)

export const lastLine = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const poison = isPoison(history.nobody)
  const invariant = "I-12 memory allows only what the disk allows"
  const refused = history.rejections
    .filter(({ batch }) => !batch.some(poison))
    .map(({ seq, why, batch }) => ({
      invariant,
      message: `the database refused: ${why}`,
      about: batch.flatMap(({ id, key }) => [id, key]),
      seq
    }))
  const suffered = Array.from(history.submissions.values()).flatMap(({ transaction, verdicts }) =>
    verdicts.flatMap(({ verdict, seq }) =>
      verdict === "Rejected" && !poison(transaction)
        ? [
            {
              invariant: "I-13 a poisoned transaction fails alone",
              message: history.names.of(transaction.id),
              about: [transaction.id, transaction.key],
              seq
            }
          ]
        : []
    )
  )
  return [...refused, ...suffered]
}

/** I-14. */
export const bounded = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const { queueSize, batchSize, inFlight } = history.options
  if (history.waitingMost <= queueSize + batchSize * inFlight) return []
  const message = `${history.waitingMost} transactions waited, ${queueSize} may, and ${batchSize * inFlight} be under way`
  return [{ invariant: "I-14 queues are bounded", message, about: [], seq: history.trace.events.length }]
}
