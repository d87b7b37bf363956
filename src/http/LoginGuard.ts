/** Slows down whoever guesses passwords. */
import { Context, Effect, Layer } from "effect"
import { BadCredentials, type RateLimited } from "./api/Errors.ts"
import * as Guesses from "./Guesses.ts"

/** Many people may share an address. */
const perMinute = { login: 10, address: 100 }

export class LoginGuard extends Context.Service<
  LoginGuard,
  {
    /** Runs a login, unless too many have failed lately. */
    readonly guard: <A, E, R>(
      loginId: string,
      address: string,
      login: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | RateLimited, R>
  }
>()("sluice/http/LoginGuard") {
  static readonly layer = Layer.effect(
    LoginGuard,
    Effect.map(
      Guesses.make((error) => error instanceof BadCredentials),
      ({ guess }) => ({
        guard: (loginId, address, login) =>
          guess(
            [
              { key: `login ${loginId}`, perMinute: perMinute.login },
              { key: `address ${address}`, perMinute: perMinute.address }
            ],
            login
          )
      })
    )
  )
}
