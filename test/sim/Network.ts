/**
 * The network: calls between processes on hosts, each with a latency and a fate. A caller hears a reply, or that it was
 * refused (and then nothing was done), or that the call is lost: then it may have been served, or be served yet.
 */
import type { Process, Simulation } from "./Simulation.ts"
import { Rng } from "./Rng.ts"

/** A place where processes run, one after the other. */
export interface Host {
  readonly name: string
  process: Process
}

/** How one kind of connection fares. The probabilities are of a single call. */
export interface Link {
  readonly latencyMs: readonly [least: number, most: number]
  /** How long it takes, at the most, until a caller hears that a call is lost. */
  readonly noticeMs: number
  /** The request never arrives, and the caller hears so some time later. */
  readonly lost: number
  /** The caller hears that the call is lost, and then the request arrives. */
  readonly late: number
  /** The request is served, and its reply lost. */
  readonly replyLost: number
  /** The request arrives a second time, later; nobody hears the second reply. */
  readonly doubled: number
  /** The connection is refused. */
  readonly refused: number
  /** The call takes many times as long. */
  readonly slow: number
}

/** How long after it was given up a message arrives at the latest, in ms. */
export const lateMost = 2000

export type Delivery<A> =
  | { readonly _tag: "Replied"; readonly value: A }
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Lost" }

export interface Call<A> {
  readonly link: Link
  readonly from: Host
  readonly to: Host
  /** How long the caller waits. */
  readonly patienceMs: number
  /** Runs at the other host. */
  readonly serve: (reply: (value: A) => void) => void
  /** Runs at the caller's, once. */
  readonly done: (delivery: Delivery<A>) => void
}

type Fate = "served" | Exclude<keyof Link, "latencyMs" | "noticeMs" | "slow">

export class Network {
  /** Whether single calls go wrong. */
  faulty = true
  readonly #simulation: Simulation
  readonly #rng: Rng
  readonly #cuts = new Set<string>()
  readonly #gone = new Set<string>()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    this.#rng = new Rng(simulation.options.seed, "network")
  }

  /** Nothing gets from one host to the other; the other way is another matter. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
  }

  heal(): void {
    this.#cuts.clear()
  }

  mend(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`)
  }

  /** A host whose machine is gone: nobody there says that nobody listens. */
  vanish({ name }: Host): void {
    this.#gone.add(name)
  }

  appear({ name }: Host): void {
    this.#gone.delete(name)
  }

  call<A>({ link, from, to, patienceMs, serve, done }: Call<A>): void {
    const caller = from.process
    const connected = to.process.alive ? to.process : undefined
    const fate = this.#fate(link)
    const latency = this.#latency(link)
    const later = (ms: number, run: () => void) => this.#simulation.after(ms, { process: caller, run })
    const pause = () => link.noticeMs * this.#rng.next()

    let over = false
    const end = (delivery: Delivery<A>) => {
      if (over) return
      over = true
      impatience()
      done(delivery)
    }
    const impatience = later(patienceMs, () => end({ _tag: "Lost" }))

    const heard = (value: A) => {
      if (this.#cuts.has(`${to.name}>${from.name}`)) return
      if (fate === "replyLost") later(pause(), () => end({ _tag: "Lost" }))
      else later(latency(), () => end({ _tag: "Replied", value }))
    }
    const arrive = () => {
      if (this.#cuts.has(`${from.name}>${to.name}`)) return
      if (this.#gone.has(to.name)) return
      // A connection ends with the process at its other end: what was under way does not reach the next one.
      if (connected?.alive === false) return void later(latency(), () => end({ _tag: "Lost" }))
      const callee = to.process
      if (!callee.alive) return void later(latency(), () => end({ _tag: "Refused" }))
      const spare = callee.onDeath(() => {
        if (!this.#gone.has(to.name)) later(latency(), () => end({ _tag: "Lost" }))
      })
      callee.post(() =>
        serve((value) => {
          spare()
          heard(value)
        })
      )
      if (fate === "doubled") callee.after(pause(), () => serve(() => {}))
    }
    // The network delivers whatever became of the sender.
    const send = (ms: number) => this.#simulation.after(ms, { process: this.#wire, run: arrive })

    switch (fate) {
      case "refused":
        later(latency(), () => end({ _tag: "Refused" }))
        return
      case "lost":
        later(pause(), () => end({ _tag: "Lost" }))
        return
      case "late": {
        const given = pause()
        later(given, () => end({ _tag: "Lost" }))
        send(given + this.#rng.pick([2, 20, 200, lateMost]) * this.#rng.next())
        return
      }
      case "doubled":
      case "replyLost":
      case "served":
        send(latency())
    }
  }

  get #wire(): Process {
    return (this.#process ??= this.#simulation.process("network"))
  }
  #process: Process | undefined

  #latency({ latencyMs: [least, most], slow }: Link): () => number {
    const factor = this.faulty && this.#rng.chance(slow) ? this.#rng.between(10, 400) : 1
    return () => (least + this.#rng.next() * (most - least)) * factor
  }

  #fate(link: Link): Fate {
    if (!this.faulty) return "served"
    let draw = this.#rng.next()
    for (const fate of ["lost", "late", "replyLost", "doubled", "refused"] as const) {
      draw -= link[fate]
      if (draw < 0) return fate
    }
    return "served"
  }
}
