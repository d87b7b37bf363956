/** Writes down what happens, for the checks and for people. Between a node's engine and its group commit it listens. */
import type { TransactionId } from "../../src/domain/Ids.ts"
import type { GroupCommit } from "../../src/persistence/GroupCommit.ts"
import type { Observer } from "./Database.ts"
import * as Describe from "./Describe.ts"
import type { Attempt, Claim, Commit, Rejection, Request, Submission } from "./History.ts"
import { Names } from "./Names.ts"
import type { Node } from "./Node.ts"
import { keyedOf, type Operation, type Outcome } from "./Operation.ts"
import type { Process, Simulation } from "./Simulation.ts"

export class Recorder {
  readonly names = new Names()
  readonly requests: Array<Request> = []
  /** Of all requests. */
  attempts = 0
  readonly commits: Array<Commit> = []
  readonly submissions = new Map<TransactionId, Submission>()
  readonly rejections: Array<Rejection> = []
  readonly claims: Array<Claim> = []
  waitingMost = 0
  readonly #simulation: Simulation
  readonly #waiting = new Map<Process, number>()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
  }

  /** Adds an event; returns its place in the trace. */
  note(what: string, about: ReadonlyArray<string>): number {
    return this.#simulation.trace.add(this.#simulation.now, what, about).seq
  }

  request(shape: string, operation: Operation): Request {
    const keyed = keyedOf(operation)
    const request = { number: this.requests.length + 1, shape, operation, keyed, attempts: [] }
    this.requests.push(request)
    if (keyed !== undefined && "key" in operation) this.names.give(keyed.key, operation.key)
    return request
  }

  invoked(request: Request, node: string): Attempt {
    const { number, operation } = request
    const what = `request ${number} → ${node}: ${Describe.operation(this.names, operation)}`
    const invoked = this.note(what, Describe.entitiesOfRequest(request))
    const attempt: Attempt = {
      request,
      node,
      process: undefined,
      served: 0,
      invoked,
      returned: undefined,
      outcome: undefined
    }
    request.attempts.push(attempt)
    this.attempts++
    return attempt
  }

  returned(attempt: Attempt, outcome: Outcome): void {
    const { number } = attempt.request
    const what = `request ${number} ← ${attempt.node}: ${Describe.outcome(outcome)}`
    attempt.outcome = outcome
    attempt.returned = this.note(what, Describe.entitiesOfRequest(attempt.request))
  }

  readonly database: Observer = {
    committed: (transaction) => {
      const what = `committed: ${Describe.transaction(this.names, transaction)}`
      this.commits.push({ seq: this.note(what, Describe.entitiesOf(transaction)), transaction })
    },
    rejected: (batch, { cause }) => {
      const why = String(cause)
      this.rejections.push({
        seq: this.note(`rejected a batch: ${why}`, batch.flatMap(Describe.entitiesOf)),
        batch,
        why
      })
    },
    claimed: (fences, owner) => {
      if (fences.length === 0) return
      const what = `${owner} claims ${fences.map(({ partition, epoch }) => `partition ${partition} at epoch ${epoch}`).join(", ")}`
      const seq = this.note(
        what,
        fences.map(({ partition }) => `partition ${partition}`)
      )
      for (const fence of fences) this.claims.push({ seq, ...fence })
    }
  }

  readonly watch = (node: Node, commits: GroupCommit["Service"]): GroupCommit["Service"] => ({
    healthy: commits.healthy,
    submit: ({ transaction, done }) => {
      const { process } = node
      const submission: Submission = { process, transaction, verdicts: [] }
      this.submissions.set(transaction.id, submission)
      const accepted = commits.submit({
        transaction,
        done: (verdict) => {
          const what = `${node.name} hears that ${this.names.of(transaction.id)} is ${verdict}`
          submission.verdicts.push({ seq: this.note(what, Describe.entitiesOf(transaction)), verdict })
          this.#wait(process, -1)
          done(verdict)
        }
      })
      if (accepted) this.#wait(process, 1)
      else this.submissions.delete(transaction.id)
      return accepted
    }
  })

  #wait(process: Process, more: number): void {
    const waiting = (this.#waiting.get(process) ?? 0) + more
    this.#waiting.set(process, waiting)
    this.waitingMost = Math.max(this.waitingMost, waiting)
  }
}
