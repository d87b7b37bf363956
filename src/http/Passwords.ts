/** Passwords (argon2id). Hashing is work for a processor, so only so many are hashed at once, and only so many wait. */
import { Context, Effect, Layer, Semaphore } from "effect"
import { hash, verify } from "@node-rs/argon2"
import { Overloaded } from "../persistence/Failures.ts"

const atOnce = 2
const waitingMost = 64

/** OWASP's first choice. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export class Passwords extends Context.Service<
  Passwords,
  {
    readonly hash: (password: string) => Effect.Effect<string, Overloaded>
    /** Whether it is the password of that hash. Without a hash it is not, after the same work. */
    readonly verify: (hash: string | undefined, password: string) => Effect.Effect<boolean, Overloaded>
  }
>()("sluice/http/Passwords") {
  static readonly layer = Layer.effect(
    Passwords,
    Effect.gen(function* () {
      const turns = yield* Semaphore.make(atOnce)
      const nobodys = yield* Effect.promise(() => hash("", cost))
      let underWay = 0

      const inTurn = <A>(work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Overloaded> =>
        Effect.suspend(() => {
          if (underWay >= atOnce + waitingMost) return Effect.fail(new Overloaded())
          underWay++
          return turns
            .withPermits(1)(Effect.promise(work))
            .pipe(Effect.ensuring(Effect.sync(() => underWay--)))
        })

      return Passwords.of({
        hash: (password) => inTurn((signal) => hash(password, cost, signal)),
        verify: (known, password) =>
          Effect.map(
            inTurn((signal) => verify(known ?? nobodys, password, undefined, signal)),
            (same) => same && known !== undefined
          )
      })
    })
  )
}
