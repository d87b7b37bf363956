import { Clock, Effect, Layer } from "effect"
import { couponStatus } from "../domain/Coupon.ts"
import { userId, type UserId, uuidOf } from "../domain/Ids.ts"
import { firstTier } from "../domain/Tier.ts"
import { MemoryTables, type UserRecord } from "./MemoryTables.ts"
import { LoginIdTaken, type User, Users } from "./Users.ts"

const userOf = (id: UserId, record: UserRecord | undefined): User | undefined =>
  record?.loginId === undefined || record.withdrawn
    ? undefined
    : { userId: id, loginId: record.loginId, name: record.name, role: record.role, tier: record.tier }

export const layer = Layer.effect(
  Users,
  Effect.gen(function* () {
    const { users, wallets, coupons, owedCoupons } = yield* MemoryTables
    const clock = yield* Clock.Clock
    const withLogin = (loginId: string) => [...users].find(([, record]) => record.loginId === loginId)
    const get = (id: UserId) => userOf(id, users.get(uuidOf(id)))

    return Users.of({
      register: ({ userId: id, loginId, name, role, passwordHash }) =>
        Effect.suspend(() => {
          if (withLogin(loginId) !== undefined) return Effect.fail(new LoginIdTaken({ loginId }))
          users.set(uuidOf(id), { loginId, name, role, tier: firstTier, passwordHash, withdrawn: false })
          wallets.set(uuidOf(id), 0)
          const due = clock.currentTimeMillisUnsafe()
          for (const [coupon, record] of coupons) {
            if (record.grantOn !== "REGISTRATION" || couponStatus(record, due) !== "ACTIVE") continue
            owedCoupons.set(`${uuidOf(id)} ${coupon}`, { user: uuidOf(id), coupon, due })
          }
          return Effect.void
        }),

      get: (id) => Effect.sync(() => get(id)),

      update: (id, { name, passwordHash, tier }) =>
        Effect.sync(() => {
          const record = users.get(uuidOf(id))
          if (record === undefined || record.withdrawn) return undefined
          users.set(uuidOf(id), {
            ...record,
            name: name ?? record.name,
            passwordHash: passwordHash ?? record.passwordHash,
            tier: tier ?? record.tier
          })
          return get(id)
        }),

      credentials: (loginId) =>
        Effect.sync(() => {
          const [id, record] = withLogin(loginId) ?? []
          const user = id === undefined ? undefined : userOf(userId(id), record)
          return user === undefined || record?.passwordHash === undefined
            ? undefined
            : { user, passwordHash: record.passwordHash }
        })
    })
  })
)
