/** Which member each partition should be with: the same answer wherever it is asked, and few moves when it changes. */
import { HashRing, PrimaryKey } from "effect"
import { PartitionId } from "../domain/Ids.ts"

interface Node {
  readonly address: string
  [PrimaryKey.symbol](): string
}

/** Addresses by partition; empty if there are no members. */
export const assign = (addresses: ReadonlyArray<string>, partitions: number): ReadonlyArray<string> => {
  const ring = HashRing.make<Node>()
  HashRing.addMany(
    ring,
    addresses.map((address) => ({ address, [PrimaryKey.symbol]: () => address }))
  )
  return (HashRing.getShards(ring, partitions) ?? []).map(({ address }) => address)
}

export const ofMember = (ring: ReadonlyArray<string>, address: string): ReadonlySet<PartitionId> =>
  new Set(ring.flatMap((owner, id) => (owner === address ? [PartitionId(id)] : [])))
