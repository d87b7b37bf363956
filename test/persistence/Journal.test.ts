import { describe, layer } from "@effect/vitest"
import { backends } from "./Backends.ts"
import { ofGroupCommit } from "./GroupCommit.contract.ts"
import { ofJournal } from "./Journal.contract.ts"
import { ofOrders } from "./Orders.contract.ts"

describe.each(backends)("the journal %s", (_, backend) => {
  layer(backend, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    ofJournal(it)
    ofOrders(it)
    ofGroupCommit(it)
  })
})
