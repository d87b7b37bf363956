/** What is in the nodes' memories, beside what is on disk. */
import type { Partition } from "../../src/actors/Partition.ts"
import type { Actors, KindName } from "../../src/domain/Actors.ts"
import { couponId, orderId, productId, userId } from "../../src/domain/Ids.ts"
import type { Database } from "./Database.ts"
import type { Memory, Resident } from "./History.ts"
import type { Node } from "./Node.ts"

/** Of the partitions a node may still commit for: what another node has taken over since is out of date by right. */
export const memoryOf = (nodes: ReadonlyArray<Node>, database: Database): Memory => {
  const { tables } = database
  const owned = nodes.flatMap((node) =>
    (node.directory?.owned() ?? []).map((partition) => ({ node: node.name, partition }))
  )
  const products = Array.from(tables.products.keys(), productId)
  const wallets = Array.from(tables.users.keys(), userId)
  const orders = Array.from(tables.orders.keys(), orderId)
  const coupons = Array.from(tables.coupons.keys(), couponId)
  return {
    partitions: owned.map(({ node, partition }) => ({
      node,
      id: partition.id,
      resident: partition.resident
    })),
    actors: owned
      .filter(({ partition: { id, epoch } }) => tables.partitions.get(id)?.epoch === epoch)
      .flatMap(({ node, partition }) => [
        ...residents(node, partition, database, "product", products),
        ...residents(node, partition, database, "wallet", wallets),
        ...residents(node, partition, database, "coupon", coupons),
        ...residents(node, partition, database, "order", orders)
      ])
  }
}

const residents = <K extends KindName>(
  node: string,
  partition: Partition,
  database: Database,
  kind: K,
  ids: ReadonlyArray<Actors[K]["id"]>
): ReadonlyArray<Resident> =>
  ids.flatMap((id) => {
    const memory = partition.peek(kind, id)
    return memory === undefined ? [] : [{ node, kind, id, memory, disk: database.state(kind, id) }]
  })
