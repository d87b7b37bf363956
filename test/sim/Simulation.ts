/**
 * The seeded scheduler: fibers of many processes, in one thread and in virtual time.
 *
 * All runnable tasks lie in one pool, and a seeded random number picks the next, whatever process it belongs to. A fiber
 * may be made to yield before any of its operations. Time moves a little with every task, and jumps to the next timer
 * when nothing can run. Nothing else is random, so a seed always gives the same run.
 *
 * A process can be frozen (its tasks wait, time does not) and killed: what it was about to do is forgotten, and no
 * finalizer runs. What processes say to each other goes through `post`, never through a shared fiber.
 */
import { Clock, Context, Duration, Effect, type Fiber, Random, Scheduler } from "effect"
import { References } from "effect"
import { Rng } from "./Rng.ts"
import { Timers } from "./Timers.ts"
import { Trace } from "./Trace.ts"

export interface Options {
  readonly seed: number
  /** How likely a fiber yields before an operation. */
  readonly yieldProbability: number
  /** How long a task takes, in virtual milliseconds. */
  readonly taskMs: number
}

export class Simulation {
  readonly options: Options
  readonly trace = new Trace()
  readonly #rng: Rng
  readonly #tasks: Array<Task> = []
  readonly #timers = new Timers<Task>()
  #processes = 0
  #now = 0
  #steps = 0

  constructor(options: Options) {
    this.options = options
    this.#rng = new Rng(options.seed, "scheduler")
  }

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** Tasks run so far. */
  get steps(): number {
    return this.#steps
  }

  process(name: string): Process {
    return new Process(this, name, ++this.#processes, new Rng(this.options.seed, `${name}#${this.#processes}`))
  }

  post(task: Task): void {
    this.#tasks.push(task)
  }

  /** Posts the task `ms` from now, unless it is cancelled before. */
  after(ms: number, task: Task): () => void {
    return this.#timers.add(this.#now + ms, task)
  }

  /** Forgets what dead processes were about to do. */
  bury(): void {
    const living = this.#tasks.filter(({ process }) => process.alive)
    this.#tasks.splice(0, this.#tasks.length, ...living)
  }

  /** Whether a fiber yields now. One that never would is made to, or its loop would be nobody's turn but its own. */
  readonly shouldYield = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
    this.#rng.chance(this.options.yieldProbability) || fiber.currentOpCount >= 2048

  /** Runs until the condition holds, nothing is left to do, or so many steps were taken in all. */
  run(until: () => boolean, stepsMost: number): "done" | "idle" | "exhausted" {
    while (!until()) {
      if (this.#steps >= stepsMost) return "exhausted"
      if (!this.#step()) return "idle"
    }
    return "done"
  }

  #step(): boolean {
    for (let due = this.#timers.next(this.#now); due !== undefined; due = this.#timers.next(this.#now)) {
      this.#tasks.push(due)
    }
    const index = this.#rng.below(this.#tasks.length)
    const task = this.#tasks[index]
    if (task === undefined) {
      const next = this.#timers.earliest
      if (next === undefined) return false
      this.#now = next
      return true
    }
    const last = this.#tasks.pop()
    if (last !== undefined && last !== task) this.#tasks[index] = last
    if (task.process.parks(task)) return true
    this.#steps++
    this.#now += this.options.taskMs
    this.trace.mix(index * 64 + task.process.number)
    task.run()
    task.process.ran()
    return true
  }
}

export interface Task {
  readonly process: Process
  readonly run: () => void
}

/** Something with a memory of its own, that can die. */
export class Process {
  readonly simulation: Simulation
  readonly name: string
  readonly number: number
  readonly rng: Rng
  /** How wrong its wall clock is, in milliseconds. */
  wallOffsetMs = 0
  readonly #context: Context.Context<never>
  readonly #bootedAt: number
  readonly #onDeath = new Set<() => void>()
  #alive = true
  #parked: Array<Task> | undefined
  #countdown = 0
  #then = () => {}

  constructor(simulation: Simulation, name: string, number: number, rng: Rng) {
    this.simulation = simulation
    this.name = name
    this.number = number
    this.rng = rng
    // Monotonic clocks of two processes have nothing in common.
    this.#bootedAt = rng.below(1_000_000)
    this.#context = Context.make(Scheduler.Scheduler, {
      executionMode: "async",
      shouldYield: simulation.shouldYield,
      makeDispatcher: () => ({ scheduleTask: (run) => this.post(run), flush: () => {} })
    }).pipe(
      Context.add(Clock.Clock, clockOf(this)),
      Context.add(Random.Random, {
        nextDoubleUnsafe: () => rng.next(),
        nextIntUnsafe: () => rng.uint32() * 2 ** 21 - 2 ** 52
      }),
      Context.add(References.MinimumLogLevel, "None")
    )
  }

  get alive(): boolean {
    return this.#alive
  }

  get frozen(): boolean {
    return this.#parked !== undefined
  }

  get wallMs(): number {
    return Math.floor(this.simulation.now + this.wallOffsetMs) + epochMs
  }

  get monotonicMs(): number {
    return this.simulation.now + this.#bootedAt
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.#context)(effect)
  }

  post(run: () => void): void {
    if (this.#alive) this.simulation.post({ process: this, run })
  }

  after(ms: number, run: () => void): () => void {
    return this.simulation.after(ms, { process: this, run })
  }

  /** Runs it right after so many tasks of this process: in the middle of something. */
  afterTasks(count: number, run: () => void): void {
    this.#countdown = count
    this.#then = run
  }

  ran(): void {
    if (this.#countdown > 0 && --this.#countdown === 0) this.#then()
  }

  /** Whether the task cannot run now: it waits for the thaw, or for ever. */
  parks(task: Task): boolean {
    if (!this.#alive) return true
    this.#parked?.push(task)
    return this.#parked !== undefined
  }

  freeze(): void {
    this.#parked ??= []
  }

  thaw(): void {
    const parked = this.#parked ?? []
    this.#parked = undefined
    for (const task of parked) this.simulation.post(task)
  }

  kill(): void {
    this.#alive = false
    this.#parked = undefined
    this.simulation.bury()
    for (const tell of this.#onDeath) tell()
    this.#onDeath.clear()
  }

  /** Has `tell` called when the process dies; returns how to call it off. */
  onDeath(tell: () => void): () => void {
    this.#onDeath.add(tell)
    return () => void this.#onDeath.delete(tell)
  }
}

/** When every simulation begins: 2026-01-01. */
export const epochMs = 1_767_225_600_000

const clockOf = (process: Process): Clock.Clock => {
  const wallNanos = () => BigInt(process.wallMs) * 1_000_000n
  const monotonicNanos = () => BigInt(Math.floor(process.monotonicMs * 1_000_000))
  return {
    currentTimeMillisUnsafe: () => process.wallMs,
    currentTimeMillis: Effect.sync(() => process.wallMs),
    currentTimeNanosUnsafe: wallNanos,
    currentTimeNanos: Effect.sync(wallNanos),
    monotonicTimeNanosUnsafe: monotonicNanos,
    monotonicTimeNanos: Effect.sync(monotonicNanos),
    sleep: (duration) => {
      const ms = Duration.toMillis(duration)
      if (ms <= 0) return Effect.yieldNow
      if (!Number.isFinite(ms)) return Effect.never
      return Effect.callback((resume) => {
        const cancel = process.after(ms, () => resume(Effect.void))
        return Effect.sync(cancel)
      })
    }
  }
}
