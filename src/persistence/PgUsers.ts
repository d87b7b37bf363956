import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Role } from "../domain/Authority.ts"
import { UserId, uuidOf } from "../domain/Ids.ts"
import { Tier } from "../domain/Tier.ts"
import * as PgAudit from "./PgAudit.ts"
import { query, storable } from "./Queries.ts"
import { changedFields, LoginIdTaken, privilegeOf, Users } from "./Users.ts"

const User = Schema.Struct({ userId: UserId, loginId: Schema.String, name: Schema.String, role: Role, tier: Tier })

const ids = query(Schema.Struct({ user_id: Schema.String }))
const users = query(User)
const credentials = query(Schema.Struct({ ...User.fields, passwordHash: Schema.String }))

export const layer = Layer.effect(
  Users,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const user = sql`'usr_' || user_id AS "userId", login_id AS "loginId", name, role, tier`

    return Users.of({
      register: Effect.fn("Users.register")(function* ({ userId, loginId, name, role, passwordHash }) {
        const { of: given, by } = role
        const record = by && { ...by, entity: userId, details: { role: given } }
        const added = yield* ids(sql`
          WITH added AS (
            INSERT INTO users (user_id, login_id, name, role, password_hash)
            VALUES (${uuidOf(userId)}, ${loginId}, ${name}, ${given}, ${passwordHash})
            ON CONFLICT (login_id) DO NOTHING RETURNING user_id
          ), owed AS (
            INSERT INTO owed_coupons (user_id, coupon_id)
            SELECT added.user_id, c.coupon_id FROM added CROSS JOIN coupons c
            WHERE c.grant_on = 'REGISTRATION' AND c.condition = 'OPEN' AND c.issued < c.total_quantity
              AND coalesce(c.issue_from <= now(), true)
              AND coalesce(least(c.issue_until, c.valid_until) > now(), true)
          ), audited AS (${PgAudit.insert(sql, record, "added")})
          INSERT INTO wallets (user_id) SELECT user_id FROM added RETURNING user_id`)
        if (added.length === 0) yield* new LoginIdTaken({ loginId })
      }),

      get: Effect.fn("Users.get")(function* (userId) {
        const [found] = yield* users(sql`
          SELECT ${user} FROM users WHERE user_id = ${uuidOf(userId)} AND withdrawn_at IS NULL`)
        return found
      }),

      update: Effect.fn("Users.update")(function* (target, change) {
        const { of: userId } = target
        const { name, passwordHash, tier, role } = change
        const by = privilegeOf(target, change)
        const record = by && { ...by, entity: userId, details: changedFields(change) }
        const [changed] = yield* users(sql`
          WITH changed AS (
            UPDATE users SET
              name = coalesce(${name ?? null}, name),
              password_hash = coalesce(${passwordHash ?? null}, password_hash),
              tier = coalesce(${tier?.of ?? null}, tier),
              role = coalesce(${role?.of ?? null}, role)
            WHERE user_id = ${uuidOf(userId)} AND withdrawn_at IS NULL RETURNING ${user}
          ), audited AS (${PgAudit.insert(sql, record, "changed")})
          SELECT * FROM changed`)
        return changed
      }),

      credentials: Effect.fn("Users.credentials")(function* (loginId) {
        if (!storable(loginId)) return undefined
        const [found] = yield* credentials(sql`
          SELECT ${user}, password_hash AS "passwordHash" FROM users WHERE login_id = ${loginId}`)
        if (found === undefined) return undefined
        const { passwordHash, ...rest } = found
        return { user: rest, passwordHash }
      })
    })
  })
)
