/**
 * Passwords (argon2id). Hashing is work for a processor, so only so many are hashed at once, and only so many wait: who
 * logs in not behind who registers, for anybody may register as often as they like.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { hash, verify } from "@node-rs/argon2"
import { Overloaded } from "../persistence/Failures.ts"

const atOnce = { logins: 2, registrations: 1 }
const waitingMost = 64

/** OWASP's first choice. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Work in turn, so much at once. */
const queue = (most: number) =>
  Effect.map(Semaphore.make(most), (turns) => {
    let underWay = 0
    return <A>(work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Overloaded> =>
      Effect.suspend(() => {
        if (underWay >= most + waitingMost) return Effect.fail(new Overloaded())
        underWay++
        return turns
          .withPermits(1)(Effect.promise(work))
          .pipe(Effect.ensuring(Effect.sync(() => underWay--)))
      })
  })

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
      const [logins, registrations] = [yield* queue(atOnce.logins), yield* queue(atOnce.registrations)]
      const nobodys = yield* Effect.promise(() => hash("", cost))

      return Passwords.of({
        hash: (password) => registrations((signal) => hash(password, cost, signal)),
        verify: (known, password) =>
          Effect.map(
            logins((signal) => verify(known ?? nobodys, password, undefined, signal)),
            (same) => same && known !== undefined
          )
      })
    })
  )
}
