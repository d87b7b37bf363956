/**
 * The requests under way on this node, by key. A repetition waits until its original is decided: not until its asker
 * is gone, for a commit goes on without anybody listening.
 */
import { Effect, Latch } from "effect"
import type { TimedOut } from "../actors/Errors.ts"
import { Passing } from "../actors/Passing.ts"
import type { RequestKey } from "../domain/Ids.ts"

export interface Keyed {
  /** Hash of who asks, for what, with which Idempotency-Key. */
  readonly key: RequestKey
  /** Hash of the body. */
  readonly bodyHash: string
}

export class Original {
  readonly bodyHash: string
  readonly decided = Latch.makeUnsafe()
  /** Waits until every owner has heard of the commit, if there was one. */
  settled: Effect.Effect<void, TimedOut> = Effect.void
  /** The asker, and every commit begun and not decided. */
  #pending = 1
  readonly #onDecided: () => void

  constructor(bodyHash: string, onDecided: () => void) {
    this.bodyHash = bodyHash
    this.#onDecided = onDecided
  }

  begin(): void {
    this.#pending++
  }

  end(): void {
    if (--this.#pending > 0) return
    this.#onDecided()
    this.decided.openUnsafe()
  }
}

export class Originals {
  readonly #byKey = new Passing<RequestKey, Original>()

  get(key: RequestKey): Original | undefined {
    return this.#byKey.get(key)
  }

  /** The caller ends it. */
  start({ key, bodyHash }: Keyed): Original {
    const original = new Original(bodyHash, () => this.#byKey.delete(key))
    this.#byKey.set(key, original)
    return original
  }
}
