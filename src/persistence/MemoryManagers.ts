import { Clock, Effect, Layer, Order } from "effect"
import type { Permitted } from "../domain/Authority.ts"
import { userId, type UserId, uuidOf } from "../domain/Ids.ts"
import { cursor, Managers } from "./Managers.ts"
import { insert } from "./MemoryAudit.ts"
import { MemoryTables } from "./MemoryTables.ts"

export const layer = Layer.effect(
  Managers,
  Effect.gen(function* () {
    const tables = yield* MemoryTables
    const { managers, users } = tables
    const clock = yield* Clock.Clock
    const isHere = (id: UserId) => users.get(uuidOf(id))?.withdrawn === false

    const now = () => clock.currentTimeMillisUnsafe()
    const record = ({ of: entity, by }: Permitted<UserId>, managerId: UserId) =>
      insert(tables, by && { ...by, entity, details: { managerId } }, now())
    const assignments = () =>
      Array.from(managers, ([key, assignedAt]) => {
        const [seller = "", manager = ""] = key.split(" ")
        return { sellerId: userId(seller), managerId: userId(manager), assignedAt }
      })
        .filter(({ sellerId, managerId }) => isHere(sellerId) && isHere(managerId))
        .toSorted(Order.mapInput(Order.String, ({ sellerId, managerId }) => `${sellerId} ${managerId}`))
    const keyOf = (seller: UserId, manager: UserId) => `${uuidOf(seller)} ${uuidOf(manager)}`

    return Managers.of({
      assign: (seller, managerId) =>
        Effect.sync(() => {
          const key = keyOf(seller.of, managerId)
          if (managers.has(key)) return
          managers.set(key, now())
          record(seller, managerId)
        }),

      remove: (seller, managerId) =>
        Effect.sync(() => {
          if (managers.delete(keyOf(seller.of, managerId))) record(seller, managerId)
        }),

      list: Effect.fnUntraced(function* (seller, request) {
        const after = yield* cursor.read(request)
        const found = assignments()
          .filter(({ sellerId, managerId }) => sellerId === seller && (after === undefined || managerId > after))
          .map(({ managerId, assignedAt }) => ({ managerId, assignedAt }))
        return cursor.page(found, request, (last) => last.managerId)
      }),

      isAssigned: (seller, manager) =>
        Effect.sync(() => managers.has(keyOf(seller, manager)) && isHere(seller) && isHere(manager)),

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
