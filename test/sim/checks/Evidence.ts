/** A history, sorted for the questions the checks ask. */
import type { RequestKey } from "../../../src/domain/Ids.ts"
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

export class Evidence {
  readonly history: History
  /** The transaction of a key, if one was committed. */
  readonly commitOf: ReadonlyMap<RequestKey, Commit>
  /** What was asked with a key: more than one request, if the bodies differed. */
  readonly requestsOf: ReadonlyMap<RequestKey, ReadonlyArray<KeyedRequest>>

  constructor(history: History) {
    this.history = history
    this.commitOf = new Map(history.commits.map((commit) => [commit.transaction.key, commit]))
    this.requestsOf = Map.groupBy(history.requests.filter(isKeyed), ({ keyed }) => keyed.key)
  }

  /** The request a transaction answers, or whose first step it is. */
  requestOf({ transaction: { key, answered } }: Commit): KeyedRequest | undefined {
    const requests = this.requestsOf.get(key)
    return requests?.find(({ keyed }) => keyed.bodyHash === answered?.bodyHash)
  }

  attemptsOf(key: RequestKey): ReadonlyArray<Attempt> {
    return (this.requestsOf.get(key) ?? []).flatMap(({ attempts }) => attempts)
  }
}

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
