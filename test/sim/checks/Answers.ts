/** I-05, I-06: a request happens once, an answer is durable when it is given, and a refusal changed nothing. */
import { Equal, Option, Predicate, Schema, Struct } from "effect"
import type { RequestKey } from "../../../src/domain/Ids.ts"
import { repeated } from "../Checkers.ts"
import type { Violation } from "../History.ts"
import { type Evidence, isDenied, isSaga, type KeyedRequest } from "./Evidence.ts"

/** It was written as JSON: `Schema.Json` would look at every value of it. */
const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const isRanked = Predicate.hasProperty("rank")

/** An issue's rank is the commit's to give, and `Coupons` to judge: its answer is kept without. */
const withoutRank = (answer: unknown): unknown => (isRanked(answer) ? Struct.omit(answer, ["rank"]) : answer)

export const durable = ({ history, requestsOf, commitOf }: Evidence): ReadonlyArray<Violation> =>
  answersOf(requestsOf).flatMap(([key, { returned, answer, operation }]) => {
    // What became of a payment, `Orders` judges.
    if (isPayment(operation)) return []
    const commit = commitOf.get(key)
    const kept = history.tables.transactions.get(key)?.answer
    const isKept = kept !== undefined && Equal.equals(Option.getOrUndefined(parse(kept)), withoutRank(answer))
    if (commit !== undefined && commit.seq < returned && isKept) return []
    return [
      {
        invariant: "I-06 an answer is durable",
        message: `${history.names.of(key)} was answered ${JSON.stringify(answer)}; the database keeps ${kept ?? "nothing"}`,
        about: [key, ...("buyer" in operation ? [operation.buyer] : [operation.user])],
        seq: returned
      }
    ]
  })

export const once = ({ history, requestsOf }: Evidence): ReadonlyArray<Violation> => {
  const fresh = answersOf(requestsOf).filter(([, { replayed, operation }]) => !replayed && !isPayment(operation))
  return repeated(fresh.map(([key]) => key)).map((key) => ({
    invariant: "I-05 a request happens once",
    message: `${history.names.of(key)} was carried out more than once`,
    about: [key],
    seq: Math.max(...fresh.flatMap(([other, { returned }]) => (other === key ? [returned] : [])))
  }))
}

export const bodies = ({ history, requestsOf }: Evidence): ReadonlyArray<Violation> => {
  const violation = (key: RequestKey, seq: number, message: string): Violation => ({
    invariant: "I-05 a key goes with one body",
    message: `${history.names.of(key)} ${message}`,
    about: [key],
    seq
  })
  return Array.from(requestsOf, ([key, requests]) =>
    requests.flatMap((request) => {
      const { bodyHash } = request.keyed
      const isSole = requests.every(({ keyed }) => keyed.bodyHash === bodyHash)
      return request.attempts.flatMap(({ outcome, returned = 0 }) => {
        const kept = history.tables.transactions.get(key)?.bodyHash
        if (outcome?._tag === "Ok" && kept !== bodyHash && !isPayment(request.operation))
          return [violation(key, returned, "was answered for another body")]
        const isReused = outcome?._tag === "Refused" && outcome.reason === "KeyReused"
        return isReused && isSole ? [violation(key, returned, "was refused for a body it was never used with")] : []
      })
    })
  ).flat()
}

/** Before it is refused, a request is looked up: whoever repeats a success hears of it. */
export const remembered = ({ history, requestsOf, commitOf }: Evidence): ReadonlyArray<Violation> =>
  Array.from(requestsOf, ([key, requests]) => {
    const commit = commitOf.get(key)
    // Also a payment that came to nothing is kept.
    if (commit === undefined || requests.some(isSaga)) return []
    return requests.flatMap(({ attempts }) =>
      attempts.flatMap(({ invoked, returned = 0, outcome }) =>
        invoked > commit.seq && outcome?._tag === "Refused" && outcome.reason !== "KeyReused"
          ? [
              {
                invariant: "I-05 a success is not refused when it is repeated",
                message: `${history.names.of(key)} had been committed, and was refused: ${outcome.reason}`,
                about: [key],
                seq: returned
              }
            ]
          : []
      )
    )
  }).flat()

export const refused = (evidence: Evidence): ReadonlyArray<Violation> =>
  Array.from(evidence.commitOf, ([key, { seq }]) => {
    if (evidence.requestsOf.get(key)?.some(isSaga) === true) return []
    if (!isDenied(evidence.attemptsOf(key), seq)) return []
    const message = `${evidence.history.names.of(key)} had only ever been refused, and was committed`
    return [{ invariant: "I-05 a refusal changes nothing", message, about: [key], seq }]
  }).flat()

const isPayment = ({ _tag }: KeyedRequest["operation"]) => _tag === "Pay" || _tag === "Confirm"

interface Answer {
  readonly returned: number
  readonly replayed: boolean
  readonly answer: unknown
  readonly operation: KeyedRequest["operation"]
}

const answersOf = (
  requestsOf: ReadonlyMap<RequestKey, ReadonlyArray<KeyedRequest>>
): ReadonlyArray<readonly [RequestKey, Answer]> =>
  Array.from(requestsOf, ([key, requests]) =>
    requests.flatMap(({ attempts, operation }) =>
      attempts.flatMap(({ outcome, returned = 0 }) =>
        outcome?._tag === "Ok" ? [[key, { returned, operation, ...outcome }] as const] : []
      )
    )
  ).flat()
