import { Clock, Effect, Layer } from "effect"
import type { Privilege } from "../domain/Authority.ts"
import { couponStatus } from "../domain/Coupon.ts"
import { userId, type UserId, uuidOf } from "../domain/Ids.ts"
import { firstTier } from "../domain/Tier.ts"
import { insert } from "./MemoryAudit.ts"
import { MemoryTables, type UserRecord } from "./MemoryTables.ts"
import { changedFields, LoginIdTaken, privilegeOf, type User, Users } from "./Users.ts"

const userOf = (id: UserId, record: UserRecord | undefined): User | undefined =>
  record?.loginId === undefined || record.withdrawn
    ? undefined
    : { userId: id, loginId: record.loginId, name: record.name, role: record.role, tier: record.tier }

export const layer = Layer.effect(
  Users,
  Effect.gen(function* () {
    const tables = yield* MemoryTables
    const { users, wallets, coupons, owedCoupons } = tables
    const clock = yield* Clock.Clock
    const audit = (by: Privilege | undefined, entity: UserId, details: object) =>
      insert(tables, by && { ...by, entity, details }, clock.currentTimeMillisUnsafe())
    const withLogin = (loginId: string) => [...users].find(([, record]) => record.loginId === loginId)
    const get = (id: UserId) => userOf(id, users.get(uuidOf(id)))

    return Users.of({
      register: ({ userId: id, loginId, name, role, passwordHash }) =>
        Effect.suspend(() => {
          if (withLogin(loginId) !== undefined) return Effect.fail(new LoginIdTaken({ loginId }))
          users.set(uuidOf(id), { loginId, name, role: role.of, tier: firstTier, passwordHash, withdrawn: false })
          wallets.set(uuidOf(id), 0)
          const due = clock.currentTimeMillisUnsafe()
          for (const [coupon, record] of coupons) {
            if (record.grantOn !== "REGISTRATION" || couponStatus(record, due) !== "ACTIVE") continue
            owedCoupons.set(`${uuidOf(id)} ${coupon}`, { user: uuidOf(id), coupon, due })
          }
          audit(role.by, id, { role: role.of })
          return Effect.void
        }),

      get: (id) => Effect.sync(() => get(id)),

      update: (user, change) =>
        Effect.sync(() => {
          const { of: id } = user
          const known = users.get(uuidOf(id))
          if (known === undefined || known.withdrawn) return undefined
          const { name = known.name, passwordHash = known.passwordHash, tier, role } = change
          const given = { tier: tier?.of ?? known.tier, role: role?.of ?? known.role }
          users.set(uuidOf(id), { ...known, name, passwordHash, ...given })
          audit(privilegeOf(user, change), id, changedFields(change))
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
