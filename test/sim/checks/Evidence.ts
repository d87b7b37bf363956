/** A history, sorted for the questions the checks ask. */
import { Option, Schema } from "effect"
import { PaymentId, type RequestKey } from "../../../src/domain/Ids.ts"
import { ending } from "../../../src/saga/Payments.ts"
import type { Keyed } from "../../../src/saga/Transact.ts"
import type { Attempt, Commit, History, Request } from "../History.ts"
import { noConnection, type Operation } from "../Operation.ts"

export interface KeyedRequest extends Request {
  readonly operation: Extract<Operation, { readonly key: string }>
  readonly keyed: Keyed
}

export const isKeyed = (request: Request): request is KeyedRequest => request.keyed !== undefined

/** Several steps: also what came to nothing has changed something, and is kept. */
export const isSaga = (request: Request): request is KeyedRequest =>
  request.operation._tag === "Pay" || request.operation._tag === "Confirm"

/** What the first step of a payment through a gateway answers: the rest of it goes under a key of its own. */
const begunIn = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ begun: Schema.Struct({ paymentId: PaymentId }) }))
)

export class Evidence {
  readonly history: History
  /** The transaction of a key, if one was committed. */
  readonly commitOf: ReadonlyMap<RequestKey, Commit>
  /** What was asked with a key: more than one request, if the bodies differed. */
  readonly requestsOf: ReadonlyMap<RequestKey, ReadonlyArray<KeyedRequest>>

  readonly #endedBy: ReadonlyMap<RequestKey, KeyedRequest>

  constructor(history: History) {
    this.history = history
    this.commitOf = new Map(history.commits.map((commit) => [commit.transaction.key, commit]))
    this.requestsOf = Map.groupBy(history.requests.filter(isKeyed), ({ keyed }) => keyed.key)
    this.#endedBy = new Map(
      history.commits.flatMap((commit) => {
        const request = this.#askedBy(commit)
        const begun = Option.getOrUndefined(begunIn(commit.transaction.answered?.answer))?.begun
        return request === undefined || begun === undefined
          ? []
          : [[ending(request.keyed, begun.paymentId).key, request]]
      })
    )
  }

  /** The request a transaction answers, or whose first or last step it is. */
  requestOf(commit: Commit): KeyedRequest | undefined {
    return this.#askedBy(commit) ?? this.#endedBy.get(commit.transaction.key)
  }

  #askedBy({ transaction: { key, answered } }: Commit): KeyedRequest | undefined {
    return this.requestsOf.get(key)?.find(({ keyed }) => keyed.bodyHash === answered?.bodyHash)
  }

  attemptsOf(key: RequestKey): ReadonlyArray<Attempt> {
    return (this.requestsOf.get(key) ?? []).flatMap(({ attempts }) => attempts)
  }
}

const isWaiting = Schema.is(Schema.Struct({ status: Schema.Literal("GATEWAY_REQUESTED") }))

/** When somebody first learned of a step: an answer of before says nothing of it, nor of a last step one that waits. */
export const learnedAt = ({ keyed, attempts }: KeyedRequest, { seq, transaction }: Commit): number =>
  Math.min(
    ...attempts.map(({ returned = Infinity, outcome }) => {
      if (outcome?._tag !== "Ok" || returned < seq) return Infinity
      return keyed.key !== transaction.key && isWaiting(outcome.answer) ? Infinity : returned
    })
  )

/** When somebody first learned that it happened. */
export const answeredAt = ({ attempts }: Request): number =>
  Math.min(...attempts.map(({ returned, outcome }) => (outcome?._tag === "Ok" ? (returned ?? Infinity) : Infinity)))

export const askedAt = ({ attempts }: Request): number => Math.min(...attempts.map(({ invoked }) => invoked))

/** Its answer says so, and it is the answer to all that the network made of the request. */
const changedNothing = ({ outcome, served }: Attempt) => {
  if (outcome?._tag !== "Refused" && outcome?._tag !== "NotNow") return false
  return served === (outcome.reason === noConnection ? 0 : 1)
}

/** Whether all who can have made something happen were told that it did not. Whoever asked later has not. */
export const isDenied = (attempts: ReadonlyArray<Attempt>, committed: number): boolean => {
  const before = attempts.filter(({ invoked }) => invoked < committed)
  return before.length > 0 && before.every(changedNothing)
}
