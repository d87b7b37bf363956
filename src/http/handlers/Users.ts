import { Effect, Option } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpApiBuilder } from "effect/http-api"
import { userId } from "../../domain/Ids.ts"
import { firstTier } from "../../domain/Tier.ts"
import { couponRefusals } from "../../domain/UserCoupon.ts"
import { UserNotFound } from "../../domain/Wallet.ts"
import { Catalogue } from "../../persistence/Catalogue.ts"
import { Orders } from "../../persistence/Orders.ts"
import { Users } from "../../persistence/Users.ts"
import { withdraw } from "../../saga/Withdrawal.ts"
import { Api } from "../api/Api.ts"
import { BadCredentials } from "../api/Errors.ts"
import { Tokens } from "../Auth.ts"
import { LoginGuard } from "../LoginGuard.ts"
import { Passwords } from "../Passwords.ts"
import * as Policy from "../Policy.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "users",
  Effect.fnUntraced(function* (handlers) {
    const users = yield* Users
    const catalogue = yield* Catalogue
    const orders = yield* Orders
    const passwords = yield* Passwords
    const tokens = yield* Tokens
    const random = yield* SecureRandom.SecureRandom
    const { guard } = yield* LoginGuard

    return handlers.handleAll({
      register: Effect.fnUntraced(function* ({ payload: { loginId, name, password, role: wanted } }) {
        const role = yield* Policy.grantedRole(wanted)
        const passwordHash = yield* passwords.hash(password)
        const user = { userId: userId(yield* random.uuidV7()), loginId, name }
        yield* users.register({ ...user, role, passwordHash })
        return { ...user, role: role.of, tier: firstTier }
      }),

      login: ({ payload: { loginId, password }, request }) =>
        guard(
          loginId,
          Option.getOrElse(request.remoteAddress, () => ""),
          Effect.gen(function* () {
            const known = yield* users.credentials(loginId)
            const same = yield* passwords.verify(known?.passwordHash, password)
            if (known === undefined || !same) return yield* new BadCredentials()
            return yield* tokens.issue(known.user)
          })
        ),

      profile: Effect.fnUntraced(function* ({ params }) {
        const user = yield* Policy.visibleUser(params.userId)
        return (yield* users.get(user)) ?? (yield* new UserNotFound({ userId: user }))
      }),

      changeProfile: Effect.fnUntraced(function* ({ params, payload }) {
        const { name, password } = payload
        const user = yield* Policy.changeableUser(params.userId)
        const tier = payload.tier === undefined ? undefined : yield* Policy.grantedTier(payload.tier)
        const role = payload.role === undefined ? undefined : yield* Policy.changedRole(user.of, payload.role)
        const passwordHash = password === undefined ? undefined : yield* passwords.hash(password)
        const changed = yield* users.update(user, { name, passwordHash, tier, role })
        return changed ?? (yield* new UserNotFound({ userId: user.of }))
      }),

      withdraw: ({ params }) =>
        Effect.flatMap(Policy.leavingUser(params.userId), withdraw).pipe(
          Effect.provideService(Users, users),
          Effect.provideService(Catalogue, catalogue),
          Effect.provideService(Orders, orders),
          Effect.catchTag(
            [
              "RequestInProgress",
              "KeyReused",
              "InsufficientBalance",
              "WalletUndecided",
              "TooManyUnpaid",
              "BalanceLimitExceeded",
              ...couponRefusals
            ],
            Effect.die
          )
        )
    })
  })
)
