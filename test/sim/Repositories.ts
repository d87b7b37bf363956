/** What the handlers read of the database, at the other end of a network. */
import { Context, Effect, type Exit, Layer } from "effect"
import { Audit } from "../../src/persistence/Audit.ts"
import { Catalogue } from "../../src/persistence/Catalogue.ts"
import { Coupons } from "../../src/persistence/Coupons.ts"
import { Unavailable } from "../../src/persistence/Failures.ts"
import { Managers } from "../../src/persistence/Managers.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import { Statements } from "../../src/persistence/Statements.ts"
import { Users } from "../../src/persistence/Users.ts"
import type { Database } from "./Database.ts"
import type { Host, Link, Network } from "./Network.ts"

/** By then `Queries` has given up. */
const patienceMs = 5000

export const layer = (network: Network, link: Link, from: Host, database: Database) => {
  const ask = <A, E>(query: Effect.Effect<A, E>): Effect.Effect<A, E | Unavailable> =>
    Effect.callback((resume) =>
      network.call<Exit.Exit<A, E>>({
        link,
        from,
        to: database,
        patienceMs,
        serve: (reply) => database.query(query, reply),
        done: (delivery) => resume(delivery._tag === "Replied" ? delivery.value : Effect.fail(new Unavailable()))
      })
    )
  const { repositories } = database
  const audit = Context.get(repositories, Audit)
  const catalogue = Context.get(repositories, Catalogue)
  const coupons = Context.get(repositories, Coupons)
  const managers = Context.get(repositories, Managers)
  const orders = Context.get(repositories, Orders)
  const statements = Context.get(repositories, Statements)
  const users = Context.get(repositories, Users)

  return Layer.mergeAll(
    Layer.succeed(Audit, { seen: (record) => ask(audit.seen(record)), list: (query) => ask(audit.list(query)) }),
    Layer.succeed(Catalogue, {
      get: (id) => ask(catalogue.get(id)),
      isSelling: (seller) => ask(catalogue.isSelling(seller)),
      list: (query) => ask(catalogue.list(query))
    }),
    Layer.succeed(Coupons, {
      create: (coupon, by, once) => ask(coupons.create(coupon, by, once)),
      get: (id) => ask(coupons.get(id)),
      statistics: (id) => ask(coupons.statistics(id)),
      claimable: (code) => ask(coupons.claimable(code)),
      issuable: (page) => ask(coupons.issuable(page)),
      ofSeller: (seller, page) => ask(coupons.ofSeller(seller, page)),
      ofUser: (user, query) => ask(coupons.ofUser(user, query)),
      takeOwed: (limit) => ask(coupons.takeOwed(limit)),
      settleOwed: (owed) => ask(coupons.settleOwed(owed))
    }),
    Layer.succeed(Managers, {
      assign: (delegation) => ask(managers.assign(delegation)),
      remove: (delegation) => ask(managers.remove(delegation)),
      list: (seller, page) => ask(managers.list(seller, page)),
      isAssigned: (seller, manager) => ask(managers.isAssigned(seller, manager)),
      sellersOf: (manager) => ask(managers.sellersOf(manager))
    }),
    Layer.succeed(Orders, {
      get: (id) => ask(orders.get(id)),
      due: (by, limit, after) => ask(orders.due(by, limit, after)),
      ofPaymentKey: (key) => ask(orders.ofPaymentKey(key)),
      waitingRefunds: (query) => ask(orders.waitingRefunds(query)),
      stuckPayments: (page, at) => ask(orders.stuckPayments(page, at)),
      hasOpen: (user) => ask(orders.hasOpen(user)),
      list: (user, page) => ask(orders.list(user, page)),
      sold: (seller, page) => ask(orders.sold(seller, page))
    }),
    Layer.succeed(Statements, { list: (user, page) => ask(statements.list(user, page)) }),
    Layer.succeed(Users, {
      register: (user) => ask(users.register(user)),
      get: (id) => ask(users.get(id)),
      update: (id, changes) => ask(users.update(id, changes)),
      credentials: (loginId) => ask(users.credentials(loginId))
    })
  )
}
