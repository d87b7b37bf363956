import { describe, layer } from "@effect/vitest"
import * as authority from "./Authority.contract.ts"
import { backends } from "./Backends.ts"
import * as contract from "./Repositories.contract.ts"

describe.each(backends)("%s", (_, backend) => {
  layer(backend, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    describe("users", () => {
      contract.ofUsers(it)
    })
    describe("managers", () => {
      authority.ofManagers(it)
    })
    describe("the audit", () => {
      authority.ofAudit(it)
    })
    describe("the catalogue", () => {
      contract.ofCatalogue(it)
    })
    describe("orders", () => {
      contract.ofOrders(it)
    })
    describe("coupons", () => {
      contract.ofCoupons(it)
    })
    describe("statements", () => {
      contract.ofStatements(it)
    })
  })
})
