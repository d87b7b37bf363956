import { Effect, Layer } from "effect"
import * as MemoryPeers from "../../src/cluster/MemoryPeers.ts"
import { Backend, contract, stoppable } from "./Peers.contract.ts"

contract(
  "Peers in memory",
  Layer.sync(Backend, () => {
    const network = new MemoryPeers.Network()
    let addresses = 0
    return Backend.of({
      address: Effect.sync(() => `10.0.0.${++addresses}:4000`),
      boot: (address, nonce, options) => stoppable(MemoryPeers.make(network, { address, nonce }, options))
    })
  })
)
