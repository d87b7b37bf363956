import { assert, type Vitest } from "@effect/vitest"
import { Effect, Struct } from "effect"
import { type Audited, permit, type Privilege } from "../../src/domain/Authority.ts"
import { Epoch, userId, type UserId } from "../../src/domain/Ids.ts"
import { Audit, type AuditEntry } from "../../src/persistence/Audit.ts"
import { Journal } from "../../src/persistence/Journal.ts"
import { Managers } from "../../src/persistence/Managers.ts"
import { Users } from "../../src/persistence/Users.ts"
import type { Storage } from "./Backends.ts"
import * as Scene from "./Scene.ts"

type It = Vitest.MethodsNonLive<Storage>

const page = { limit: 20, cursor: undefined }

const powerOf = (actorId: UserId): Privilege => ({
  actorId,
  role: "ADMIN",
  act: "tests.act",
  onBehalfOf: undefined,
  traceId: undefined
})

/** Somebody of whom nothing is in the audit yet, and what was done by them since, newest first. */
const administrator = Effect.gen(function* () {
  const admin = yield* Scene.register("ADMIN")
  const done = Effect.gen(function* () {
    const { items } = yield* (yield* Audit).list(permit({ ...page, actorId: admin, entity: undefined }))
    return items
  })
  return { admin, by: powerOf(admin), done }
})

/** What a row says of the act itself. */
const deeds = (rows: ReadonlyArray<AuditEntry>) => rows.map(({ entity, details }) => [entity, { ...details }] as const)

export const ofManagers = (it: It) => {
  const team = Effect.gen(function* () {
    const managers = yield* Managers
    const [seller, manager] = [yield* Scene.register("SELLER"), yield* Scene.register("MANAGER")]
    return { managers, seller, manager }
  })

  it.effect("a manager acts for a seller from the assignment until it is taken back", () =>
    Effect.gen(function* () {
      const { managers, seller, manager } = yield* team
      const other = yield* Scene.register("SELLER")
      assert.isFalse(yield* managers.isAssigned(seller, manager))
      yield* managers.assign(permit({ sellerId: seller, managerId: manager }))
      assert.isTrue(yield* managers.isAssigned(seller, manager))
      assert.isFalse(yield* managers.isAssigned(other, manager))
      assert.isFalse(yield* managers.isAssigned(manager, seller))
      yield* managers.remove(permit({ sellerId: seller, managerId: manager }))
      assert.isFalse(yield* managers.isAssigned(seller, manager))
    })
  )

  it.effect("who is no manager, or no seller, any more neither acts nor has anybody act", () =>
    Effect.gen(function* () {
      const { managers, seller, manager } = yield* team
      const users = yield* Users
      yield* managers.assign(permit({ sellerId: seller, managerId: manager }))
      const told = Effect.gen(function* () {
        const { items } = yield* managers.list(seller, page)
        return [yield* managers.isAssigned(seller, manager), items.length, (yield* managers.sellersOf(manager)).length]
      })
      for (const [who, role] of [
        [manager, "MANAGER"],
        [seller, "SELLER"]
      ] as const) {
        assert.deepEqual(yield* told, [true, 1, 1])
        yield* users.update(permit(who), { role: permit("BUYER") })
        assert.deepEqual(yield* told, [false, 0, 0])
        yield* users.update(permit(who), { role: permit(role) })
      }
    })
  )

  it.effect("it can be told whether a manager acts for exactly one seller", () =>
    Effect.gen(function* () {
      const { managers, seller, manager } = yield* team
      assert.deepEqual(yield* managers.sellersOf(manager), [])
      yield* managers.assign(permit({ sellerId: seller, managerId: manager }))
      assert.deepEqual(yield* managers.sellersOf(manager), [seller])
      yield* managers.assign(permit({ sellerId: yield* Scene.register("SELLER"), managerId: manager }))
      yield* managers.assign(permit({ sellerId: yield* Scene.register("SELLER"), managerId: manager }))
      assert.lengthOf(yield* managers.sellersOf(manager), 2)
    })
  )

  it.effect("who has withdrawn neither acts for anybody nor has anybody act", () =>
    Effect.gen(function* () {
      const fences = [yield* Scene.claimed]
      for (const leaves of ["seller", "manager"] as const) {
        const { managers, ...both } = yield* team
        yield* managers.assign(permit({ sellerId: both.seller, managerId: both.manager }))
        yield* Scene.commit(fences, [{ _tag: "UserWithdrew", userId: both[leaves] }])
        assert.isFalse(yield* managers.isAssigned(both.seller, both.manager), leaves)
        assert.deepEqual(yield* managers.sellersOf(both.manager), [])
        assert.deepEqual((yield* managers.list(both.seller, page)).items, [])
      }
    })
  )

  it.effect("a seller's managers are listed by their ids, over pages of any size", () =>
    Effect.gen(function* () {
      const { managers, seller } = yield* team
      const all = [yield* Scene.register("MANAGER"), yield* Scene.register("MANAGER"), yield* Scene.register("MANAGER")]
      for (const manager of all.toReversed()) yield* managers.assign(permit({ sellerId: seller, managerId: manager }))
      const first = yield* managers.list(seller, { limit: 2, cursor: undefined })
      const second = yield* managers.list(seller, { limit: 2, cursor: first.nextCursor ?? undefined })
      assert.isNull(second.nextCursor)
      const items = [...first.items, ...second.items]
      assert.deepEqual(
        items.map(({ managerId }) => managerId),
        all
      )
      assert.isTrue(items.every(({ assignedAt }) => Number.isInteger(assignedAt)))
      assert.strictEqual((yield* Effect.flip(managers.list(seller, { limit: 2, cursor: "x" })))._tag, "InvalidCursor")
    })
  )

  it.effect("what changes an assignment is in the audit, and what changes none is not", () =>
    Effect.gen(function* () {
      const { managers, seller, manager } = yield* team
      const { by, done } = yield* administrator
      const { assign, remove } = managers
      for (const change of [assign, assign, remove, remove])
        yield* change(permit({ sellerId: seller, managerId: manager }, by))
      assert.deepEqual(deeds(yield* done), [
        [seller, { managerId: manager }],
        [seller, { managerId: manager }]
      ])
    })
  )
}

export const ofAudit = (it: It) => {
  it.effect("a row is there as it was written, with its time and number", () =>
    Effect.gen(function* () {
      const audit = yield* Audit
      const { admin, done } = yield* administrator
      const owner = userId(Scene.next())
      const record: Audited = {
        actorId: admin,
        role: "ADMIN",
        act: "users.profile",
        onBehalfOf: owner,
        traceId: "0af7651916cd43dd8448eb211c80319c",
        entity: owner,
        details: { "quotes '": '"\\', nested: [{ n: 1 }, null], "\0": "\0" }
      }
      yield* audit.seen(record)
      yield* audit.seen({ ...record, onBehalfOf: undefined, traceId: undefined })
      const [second, first] = yield* done
      const written = ({ details, ...entry }: AuditEntry) => ({
        ...Struct.omit(entry, ["at", "auditId"]),
        details: { ...details }
      })
      assert.deepEqual(written(first!), record)
      assert.deepEqual(written(second!), { ...record, onBehalfOf: undefined, traceId: undefined })
      assert.isTrue(Number.isInteger(first!.at) && Number(first!.auditId) < Number(second!.auditId))
    })
  )

  it.effect("is listed newest first, by actor and by entity, over pages of any size", () =>
    Effect.gen(function* () {
      const audit = yield* Audit
      const { admin, by } = yield* administrator
      const [one, other] = [userId(Scene.next()), userId(Scene.next())]
      for (const entity of [one, other, one, one]) yield* audit.seen({ ...by, entity, details: {} })
      const list = (query: object) =>
        Effect.map(audit.list(permit({ ...page, actorId: undefined, entity: undefined, ...query })), ({ items }) =>
          items.map(({ entity }) => entity)
        )
      assert.deepEqual(yield* list({ actorId: admin }), [one, one, other, one])
      assert.deepEqual(yield* list({ entity: other }), [other])
      assert.deepEqual(yield* list({ actorId: userId(Scene.next()), entity: one }), [])
      assert.deepEqual(yield* list({ entity: "\0" }), [])
      assert.deepEqual(yield* list({ limit: 1 }), [one])

      const paged: Array<string> = []
      let cursor: string | undefined
      do {
        const { items, nextCursor } = yield* audit.list(permit({ limit: 3, cursor, actorId: admin, entity: undefined }))
        paged.push(...items.map(({ auditId }) => auditId))
        cursor = nextCursor ?? undefined
      } while (cursor !== undefined)
      assert.lengthOf(new Set(paged), 4)
      const bad = audit.list(permit({ limit: 3, cursor: "WzFd", actorId: admin, entity: undefined }))
      assert.strictEqual((yield* Effect.flip(bad))._tag, "InvalidCursor")
    })
  )

  it.effect("a role that was given is in it, and one that nobody had to give is not", () =>
    Effect.gen(function* () {
      const users = yield* Users
      const { by, done } = yield* administrator
      const id = userId(Scene.next())
      const made = { userId: id, loginId: `login-${id}`, name: "Kim", passwordHash: "" }
      yield* users.register({ ...made, role: permit("MANAGER", by) })
      const again = { ...made, userId: userId(Scene.next()) }
      assert.strictEqual(
        (yield* Effect.flip(users.register({ ...again, role: permit("ADMIN", by) })))._tag,
        "LoginIdTaken"
      )
      assert.deepEqual(deeds(yield* done), [[id, { role: "MANAGER" }]])
    })
  )

  it.effect("a user who was changed by another is in it, without what a withdrawal must erase", () =>
    Effect.gen(function* () {
      const users = yield* Users
      const { by, done } = yield* administrator
      const id = yield* Scene.register()
      yield* users.update(permit(id), { name: "Own" })
      yield* users.update(permit(id, by), { name: "Park", passwordHash: "secret" })
      assert.isUndefined(yield* users.update(permit(userId(Scene.next()), by), { name: "Nobody" }))
      yield* users.update(permit(id), { tier: permit("GOLD", by) })
      yield* users.update(permit(id), { role: permit("SELLER", by) })
      assert.deepEqual(deeds(yield* done), [
        [id, { changed: ["role"], role: "SELLER" }],
        [id, { changed: ["tier"], tier: "GOLD" }],
        [id, { changed: ["name", "password"] }]
      ])
    })
  )

  it.effect("a coupon that was made for another is in it, unless its code was taken", () =>
    Effect.gen(function* () {
      const { by, done } = yield* administrator
      const seller = yield* Scene.register("SELLER")
      const id = yield* Scene.offered(seller, { totalQuantity: 7 }, by)
      yield* Effect.flip(Scene.offered(seller, { code: id }, by))
      const [row, ...more] = yield* done
      assert.deepEqual(more, [])
      assert.strictEqual(row?.entity, id)
      assert.deepInclude({ ...row?.details }, { totalQuantity: 7 })
    })
  )

  it.effect("an act of the journal's is in it if it was committed, and only then", () =>
    Effect.gen(function* () {
      const { by, done } = yield* administrator
      const fence = yield* Scene.claimed
      const user = yield* Scene.register()
      const stale = { ...fence, epoch: Epoch(fence.epoch - 1) }
      const charged = (amount: number, fences = [fence], whom = user) =>
        Scene.transaction({
          fences,
          changes: [
            Scene.charge(whom, amount),
            { _tag: "Audited", record: { ...by, entity: whom, details: { amount, "\0": "'" } } }
          ]
        })
      const { commit } = yield* Journal
      const first = yield* charged(1)
      const batch = [first, yield* charged(2, [stale]), { ...(yield* charged(3)), key: first.key }, yield* charged(4)]
      assert.deepEqual(yield* commit(batch), ["Committed", "Fenced", "Duplicate", "Committed"])
      assert.deepEqual(yield* commit([first]), ["Committed"])
      const nobody = yield* charged(5, [fence], userId(Scene.next()))
      assert.strictEqual((yield* Effect.flip(commit([yield* charged(6), nobody])))._tag, "BatchRejected")
      assert.deepEqual(deeds(yield* done), [
        [user, { amount: 4, "\0": "'" }],
        [user, { amount: 1, "\0": "'" }]
      ])
    })
  )
}
