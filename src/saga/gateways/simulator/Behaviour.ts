/**
 * How a simulated gateway behaves: as it was told to for its next calls, else as the payment key says, else well. A key
 * that says something begins with its name, and with how often, if not always: `decline_…`, `busy2_…`.
 */
import { Schema } from "effect"

export const Behaviour = Schema.Literals([
  "answer",
  /** Says no, for good. */
  "decline",
  /** Takes no more for now; nothing is processed. */
  "busy",
  /** Answers after a while. */
  "slow",
  /** Fails (5xx) before it has done anything, or after all is done. */
  "error",
  "errorAfter",
  /** Never answers. */
  "hang",
  "hangAfter",
  /** Cuts the connection. */
  "cut",
  "cutAfter"
])
export type Behaviour = typeof Behaviour.Type

export const Operation = Schema.Literals(["approve", "inquire", "cancel"])
export type Operation = typeof Operation.Type

/** Whether a call is carried out at all. */
export const processes = (behaviour: Behaviour): boolean => !["busy", "error", "hang", "cut"].includes(behaviour)

/** What a payment key says, and how often. */
export const saidBy = (paymentKey: string) => {
  const [, name, times] = /^(?:(?:fc|ks|stg):)?([a-zA-Z]+)(\d*)_/.exec(paymentKey) ?? []
  const behaviour = Behaviour.literals.find((literal) => literal === name)
  return behaviour && { behaviour, times: times ? Number(times) : Number.POSITIVE_INFINITY }
}

/** The order that a payment key was made for, if it is in it. */
export const orderIn = (paymentKey: string): string | undefined => /ord_[0-9a-f-]{36}/.exec(paymentKey)?.[0]

/** Beyond so many keys, how often each was asked for is forgotten. */
const keysMost = 10_000

/** What a gateway was told to do. */
export class Script {
  #next: Array<{ readonly operation: Operation; readonly behaviour: Behaviour; times: number }> = []
  readonly #asked = new Map<string, number>()

  /** The next so many calls of an operation go like this, after those that were told before. */
  next(operation: Operation, behaviour: Behaviour, times = 1): void {
    this.#next = [...this.#next.slice(-99), { operation, behaviour, times }]
  }

  /** How this call goes. Only approvals go by their key. */
  behaviourOf(operation: Operation, paymentKey: string): Behaviour {
    const told = this.#next.find((one) => one.operation === operation)
    if (told !== undefined) {
      if (--told.times <= 0) this.#next = this.#next.filter((one) => one !== told)
      return told.behaviour
    }
    const said = operation === "approve" ? saidBy(paymentKey) : undefined
    if (said === undefined) return "answer"
    const asked = (this.#asked.get(paymentKey) ?? 0) + 1
    if (this.#asked.size >= keysMost) this.#asked.clear()
    this.#asked.set(paymentKey, asked)
    return asked <= said.times ? said.behaviour : "answer"
  }
}
