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
  const owners = (HashRing.getShards(ring, partitions) ?? []).map(({ address }) => address)
  return level(owners, addresses.toSorted())
}

/** The hash ring gives everybody the same, and what is left over to anybody; here nobody gets two of it. */
const level = (owners: ReadonlyArray<string>, addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const most = Math.ceil(owners.length / addresses.length)
  const shares = new Map(addresses.map((address) => [address, 0]))
  for (const owner of owners) shares.set(owner, (shares.get(owner) ?? 0) + 1)
  const change = (address: string, by: number) => shares.set(address, (shares.get(address) ?? 0) + by)
  return owners.map((owner) => {
    if ((shares.get(owner) ?? 0) <= most) return owner
    const other = addresses.find((address) => (shares.get(address) ?? 0) < most) ?? owner
    change(owner, -1)
    change(other, 1)
    return other
  })
}

export const ofMember = (ring: ReadonlyArray<string>, address: string): ReadonlySet<PartitionId> =>
  new Set(ring.flatMap((owner, id) => (owner === address ? [PartitionId(id)] : [])))
