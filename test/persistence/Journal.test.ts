import { describe, layer } from "@effect/vitest"
import { backends } from "./Backends.ts"
import * as contract from "./Journal.contract.ts"

describe.each(backends)("the journal %s", (_, backend) => {
  layer(backend, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    contract.ofJournal(it)
  })
})
