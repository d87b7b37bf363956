/** What happened, in order. The digest of two runs of one seed is the same, or something in them was not of the seed. */
export interface Event {
  /** Its place in the trace, from 1: what happened before what, also within one instant. */
  readonly seq: number
  /** Virtual milliseconds. */
  readonly at: number
  readonly what: string
  /** The ids of what it is about. */
  readonly about: ReadonlyArray<string>
}

export class Trace {
  readonly events: Array<Event> = []
  #low = 0x811c9dc5
  #high = 0x01234567

  /** Adds a number to the digest without an event to read. */
  mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul((this.#high ^ (value + this.#low)) | 0, 0x85ebca6b)
  }

  add(at: number, what: string, about: ReadonlyArray<string>): Event {
    for (let i = 0; i < what.length; i++) this.mix(what.charCodeAt(i))
    this.mix(at)
    const event = { seq: this.events.length + 1, at, what, about }
    this.events.push(event)
    return event
  }

  get digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("")
  }
}
