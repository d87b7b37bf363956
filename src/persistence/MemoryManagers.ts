import { Clock, Effect, Layer, Order } from "effect"
import type { Role } from "../domain/Authority.ts"
import { userId, type UserId, uuidOf } from "../domain/Ids.ts"
import { cursor, type Delegation, delegationRecord, Managers } from "./Managers.ts"
import { insert } from "./MemoryAudit.ts"
import { MemoryTables } from "./MemoryTables.ts"

export const layer = Layer.effect(
  Managers,
  Effect.gen(function* () {
    const tables = yield* MemoryTables
    const { managers, users } = tables
    const clock = yield* Clock.Clock
    const is = (role: Role, id: UserId) => {
      const user = users.get(uuidOf(id))
      return user?.role === role && !user.withdrawn
    }
    const inForce = ({ sellerId, managerId }: Delegation) => is("SELLER", sellerId) && is("MANAGER", managerId)

    const now = () => clock.currentTimeMillisUnsafe()
    const assignments = () =>
      Array.from(managers, ([key, assignedAt]) => {
        const [seller = "", manager = ""] = key.split(" ")
        return { sellerId: userId(seller), managerId: userId(manager), assignedAt }
      })
        .filter(inForce)
        .toSorted(Order.mapInput(Order.String, ({ sellerId, managerId }) => `${sellerId} ${managerId}`))
    const keyOf = ({ sellerId, managerId }: Delegation) => `${uuidOf(sellerId)} ${uuidOf(managerId)}`

    return Managers.of({
      assign: (delegation) =>
        Effect.sync(() => {
          const key = keyOf(delegation.of)
          if (managers.has(key)) return
          managers.set(key, now())
          insert(tables, delegationRecord(delegation), now())
        }),

      remove: (delegation) =>
        Effect.sync(() => {
          if (managers.delete(keyOf(delegation.of))) insert(tables, delegationRecord(delegation), now())
        }),

      list: Effect.fnUntraced(function* (seller, request) {
        const after = yield* cursor.read(request)
        const found = assignments()
          .filter(({ sellerId, managerId }) => sellerId === seller && (after === undefined || managerId > after))
          .map(({ managerId, assignedAt }) => ({ managerId, assignedAt }))
        return cursor.page(found, request, (last) => last.managerId)
      }),

      isAssigned: (sellerId, managerId) =>
        Effect.sync(() => managers.has(keyOf({ sellerId, managerId })) && inForce({ sellerId, managerId })),

      sellersOf: (manager) =>
        Effect.sync(() =>
          assignments()
            .filter(({ managerId }) => managerId === manager)
            .map(({ sellerId }) => sellerId)
            .slice(0, 2)
        )
    })
  })
)
