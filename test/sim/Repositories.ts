/** What the handlers read of the database, at the other end of a network. */
import { Context, Effect, type Exit, Layer } from "effect"
import { Catalogue } from "../../src/persistence/Catalogue.ts"
import { Coupons } from "../../src/persistence/Coupons.ts"
import { Unavailable } from "../../src/persistence/Failures.ts"
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
  const catalogue = Context.get(repositories, Catalogue)
  const coupons = Context.get(repositories, Coupons)
  const orders = Context.get(repositories, Orders)
  const statements = Context.get(repositories, Statements)
  const users = Context.get(repositories, Users)

  return Layer.mergeAll(
    Layer.succeed(Catalogue, { get: (id) => ask(catalogue.get(id)), list: (query) => ask(catalogue.list(query)) }),
    Layer.succeed(Coupons, {
      create: (coupon) => ask(coupons.create(coupon)),
      get: (id) => ask(coupons.get(id)),
      issuable: (page) => ask(coupons.issuable(page)),
      ofUser: (user, query) => ask(coupons.ofUser(user, query))
    }),
    Layer.succeed(Orders, { get: (id) => ask(orders.get(id)), list: (user, page) => ask(orders.list(user, page)) }),
    Layer.succeed(Statements, { list: (user, page) => ask(statements.list(user, page)) }),
    Layer.succeed(Users, {
      register: (user) => ask(users.register(user)),
      get: (id) => ask(users.get(id)),
      update: (id, changes) => ask(users.update(id, changes)),
      credentials: (loginId) => ask(users.credentials(loginId))
    })
  )
}
