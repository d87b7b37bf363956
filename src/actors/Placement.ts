/** Which partition an actor belongs to. Part of the data: changing it moves every actor. */
import { type KindName } from "../domain/Actors.ts"
import { PartitionId } from "../domain/Ids.ts"

/** FNV-1a over kind and id: cheap, and even enough for a few dozen partitions. */
export const partitionOf = (kind: KindName, id: string, partitions: number): PartitionId => {
  let hash = 0x811c9dc5
  for (let i = 0; i < kind.length; i++) hash = Math.imul(hash ^ kind.charCodeAt(i), 0x01000193)
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return PartitionId((hash >>> 0) % partitions)
}
