/** I-08: a read shows what was committed before it was asked for, and nothing that never was. */
import { Option, Schema } from "effect"
import type { ProductId, UserId } from "../../../src/domain/Ids.ts"
import { uuidOf } from "../../../src/domain/Ids.ts"
import type { Attempt, Commit, Violation } from "../History.ts"
import { answeredAt, type Evidence } from "./Evidence.ts"

const decodeWallet = Schema.decodeUnknownOption(Schema.Struct({ balance: Schema.Int }))
const decodeProduct = Schema.decodeUnknownOption(Schema.Struct({ onHand: Schema.Int, version: Schema.Int }))

interface Read {
  readonly attempt: Attempt
  readonly id: ProductId | UserId
  readonly value: number
}

const readsOf = ({ history }: Evidence, what: "amount" | "version"): ReadonlyArray<Read> =>
  history.requests.flatMap(({ operation, attempts }) =>
    attempts.flatMap((attempt): ReadonlyArray<Read> => {
      if (attempt.outcome?._tag !== "Ok") return []
      const { answer } = attempt.outcome
      if (operation._tag === "ReadWallet" && what === "amount") {
        return Option.toArray(decodeWallet(answer)).map(({ balance }) => ({
          attempt,
          id: operation.user,
          value: balance
        }))
      }
      if (operation._tag !== "ReadProduct") return []
      return Option.toArray(decodeProduct(answer)).map(({ onHand, version }) => ({
        attempt,
        id: operation.product,
        value: what === "amount" ? onHand : version
      }))
    })
  )

/** At one process an actor never gets older. */
export const monotone = (evidence: Evidence): ReadonlyArray<Violation> => {
  const byProcess = Map.groupBy(readsOf(evidence, "version"), ({ attempt }) => attempt.process)
  return Array.from(byProcess.values(), (reads) =>
    reads.flatMap(({ id, value, attempt: { invoked, returned = 0 } }) => {
      const newest = Math.max(
        0,
        ...reads.flatMap((other) =>
          other.id === id && (other.attempt.returned ?? Infinity) < invoked ? [other.value] : []
        )
      )
      if (value >= newest) return []
      const message = `${evidence.history.names.of(id)} was read at version ${value} after ${newest}`
      return [{ invariant: "I-08 reads do not go back", message, about: [id], seq: returned }]
    })
  ).flat()
}

interface Movement {
  readonly id: ProductId | UserId
  readonly commit: Commit
  readonly delta: number
  /** From then on it must be seen by who asks. */
  readonly settled: number
}

/** With more movements that a read may or may not have seen, any value could be right. */
const openMost = 12

/**
 * With one node, a read sees everything that was answered, or settled, before it was asked for; and of the rest, what
 * was committed before it returned. With several and no leases, a node may not know that it owns nothing any more.
 */
export const current = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  if (history.options.nodes > 1) return []
  const movements = movementsOf(evidence)
  return readsOf(evidence, "amount").flatMap(({ id, value, attempt: { invoked, returned = 0 } }) => {
    const opening = history.opening.balances.get(uuidOf(id)) ?? history.opening.products.get(uuidOf(id))?.stock ?? 0
    const all = (movements.get(id) ?? []).filter(({ commit }) => commit.seq < returned)
    const seen = all.filter(({ settled }) => settled < invoked)
    const open = all.filter(({ settled }) => settled >= invoked).map(({ delta }) => delta)
    const least = seen.reduce((sum, { delta }) => sum + delta, opening)
    if (open.length > openMost || sums(open).has(value - least)) return []
    const message = `${history.names.of(id)} was read as ${value}, at least ${least} and any of ${open.join(", ")} were right`
    return [{ invariant: "I-08 a read is up to date", message, about: [id], seq: returned }]
  })
}

const sums = (deltas: ReadonlyArray<number>): ReadonlySet<number> => {
  let reached = new Set([0])
  for (const delta of deltas) reached = new Set([...reached, ...Array.from(reached, (sum) => sum + delta)])
  return reached
}

const movementsOf = (evidence: Evidence): ReadonlyMap<ProductId | UserId, ReadonlyArray<Movement>> => {
  const { history } = evidence
  const movements = history.commits.flatMap((commit) => {
    const request = evidence.requestOf(commit)
    const verdict = history.submissions.get(commit.transaction.id)?.verdicts[0]
    const settled = Math.min(verdict?.seq ?? Infinity, request === undefined ? Infinity : answeredAt(request))
    return commit.transaction.changes.flatMap((change): ReadonlyArray<Movement> => {
      if (change._tag === "MoneyMoved") return [{ id: change.userId, commit, delta: change.delta, settled }]
      if (change._tag === "StockMoved") return [{ id: change.productId, commit, delta: change.delta, settled }]
      return []
    })
  })
  return Map.groupBy(movements, ({ id }) => id)
}

/** Who asks for something that is there is not told that it does not exist. */
export const found = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const leaving = new Set(
    history.requests.flatMap(({ operation }) => (operation._tag === "Withdraw" ? [operation.user] : []))
  )
  const since = new Map<string, number>([
    ...Array.from(history.opening.products.keys(), (id) => [id, 0] as const),
    ...Array.from(history.opening.balances.keys()).flatMap((id) => [[id, 0] as const]),
    ...history.commits.flatMap(({ transaction, seq }) =>
      transaction.changes.flatMap((change) =>
        change._tag === "ProductCreated" ? [[uuidOf(change.product.productId), seq] as const] : []
      )
    )
  ])
  for (const user of leaving) since.delete(uuidOf(user))
  return history.requests.flatMap(({ number, attempts }) =>
    attempts.flatMap(({ invoked, returned = 0, outcome }) => {
      const id = outcome?._tag === "Refused" ? missing(outcome.error) : undefined
      if (id === undefined || !((since.get(id) ?? Infinity) < invoked)) return []
      const message = `${history.names.of(id)} exists, and request ${number} was told that it does not`
      return [{ invariant: "I-08 what exists is found", message, about: [id, `request ${number}`], seq: returned }]
    })
  )
}

const decodeMissing = Schema.decodeUnknownOption(
  Schema.Union([
    Schema.Struct({ _tag: Schema.Literal("ProductNotFound"), productId: Schema.String }),
    Schema.Struct({ _tag: Schema.Literal("UserNotFound"), userId: Schema.String })
  ])
)

const missing = (error: unknown): string | undefined =>
  Option.getOrUndefined(
    Option.map(decodeMissing(error), (each) =>
      (each._tag === "ProductNotFound" ? each.productId : each.userId).slice(4)
    )
  )
