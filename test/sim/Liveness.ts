/** After the faults: what is mended, and what must then come to an end. */
import { Effect } from "effect"
import {
  type CouponId,
  PartitionId,
  type ProductId,
  productId,
  type UserId,
  userId,
  uuidOf
} from "../../src/domain/Ids.ts"
import { maxBalance } from "../../src/domain/Money.ts"
import { dueAt } from "../../src/domain/OrderLife.ts"
import { Client, isDecided, versionIn } from "./Client.ts"
import type { Request } from "./History.ts"
import { lateMost } from "./Network.ts"
import type { Node } from "./Node.ts"
import type { World } from "./World.ts"

/** Mends a random majority of the nodes, the network and the database. The other nodes are left dead, or frozen. */
export const mend = (world: World): void => {
  const { nodes, network, database, store, gateways, recorder, rng } = world
  gateways.mend()
  network.faulty = false
  network.heal()
  database.mend()
  store.mend()
  const [first, ...others] = shuffled(world)
  const core = [first, ...others.slice(0, nodes.length >> 1)] as const
  world.serving = core
  for (const node of nodes) {
    if (core.includes(node)) {
      node.process.thaw()
      // One that comes up may wait for an answer that got lost.
      if (node.directory === undefined) node.kill()
      world.boot(node)
    } else {
      world.abandoned.add(node)
      rng.pick([() => node.kill(), () => node.vanish(), () => node.process.freeze()])()
    }
  }
  recorder.note(`mended: the database and ${core.map(({ name }) => name).join(", ")}`, [])
}

const shuffled = ({ nodes: [first, ...others], rng }: World): World["nodes"] => {
  const [lead, ...rest] = [first, ...others]
    .map((node) => ({ node, place: rng.next() }))
    .toSorted((a, b) => a.place - b.place)
  return lead === undefined ? [first] : [lead.node, ...rest.map(({ node }) => node)]
}

/** Every partition is decided for by one node, and by one only. */
const isServed = ({ options, nodes }: World): boolean =>
  Array.from({ length: options.partitions }, (_, id) => PartitionId(id)).every(
    (id) => nodes.filter((node) => node.serves(id)).length === 1
  )

/** Waits until it is; returns how long that took. */
export const served = (world: World): Effect.Effect<number> => {
  const begun = world.simulation.now
  const wait: Effect.Effect<number> = Effect.suspend(() =>
    isServed(world) ? Effect.succeed(world.simulation.now - begun) : Effect.delay(wait, "20 millis")
  )
  return wait
}

/** Who decides for each partition now. */
export const ownersOf = ({ options, nodes }: World): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: options.partitions }, (_, id) =>
    nodes.flatMap((node) => (node.serves(PartitionId(id)) ? [node.name] : []))
  )

/** Requests that may be made again, and of which nobody knows what became of them. */
export const undecided = ({ recorder: { requests } }: World): ReadonlyArray<Request> =>
  requests.filter(
    ({ keyed, attempts }) =>
      keyed !== undefined && !attempts.some(({ outcome }) => outcome !== undefined && isDecided(outcome))
  )

/** How long what is due may take until it is done. */
const dueWithinMs = 20_000

/** Lets time go by until no order has anything to wait for: a little more at a time, for as long as there is more. */
const elapse = (world: World): Effect.Effect<void> => {
  const { database, simulation } = world
  const dues = () => [...database.tables.orders.values()].flatMap((order) => dueAt(order) ?? [])
  const isLeft = () => dues().some((at) => at <= database.nowMs)
  const pass = (slackMs: number): Effect.Effect<void> =>
    Effect.gen(function* () {
      const until = simulation.now + dueWithinMs
      while (isLeft() && simulation.now < until) yield* Effect.sleep(100)
      const next = Math.min(...dues())
      if (next === Infinity) return
      if (next > database.nowMs) world.lapse(next - database.nowMs + slackMs)
      yield* pass(slackMs * 1.5)
    })
  return pass(15_000)
}

/**
 * Asks until every request is decided, and every actor has made a change, each at one of the nodes. Once the clients have
 * come to an end with what they had begun, time goes by.
 */
export const finish = (world: World, shopped: () => boolean): Effect.Effect<void> => {
  const { shop, database, serving } = world
  const client = new Client(world, 0, shop.rich)
  const soon = () => client.rng.between(20, 200)

  const decide = (request: Request): Effect.Effect<void> =>
    Effect.flatMap(client.once(request), (outcome) =>
      isDecided(outcome) ? Effect.void : Effect.delay(decide(request), soon())
    )
  const serveWallet = (user: UserId, node: Node): Effect.Effect<void> => {
    const request = client.request("serve", { _tag: "Charge", key: client.key(), user, amount: 1000 })
    // Who was about to leave may do so meanwhile.
    const isGone = () => !database.tables.wallets.has(uuidOf(user))
    const ask: Effect.Effect<void> = Effect.flatMap(client.at(node, request), ({ _tag }) =>
      _tag === "Ok" || isGone() ? Effect.void : Effect.delay(ask, soon())
    )
    return Effect.suspend(() => (isGone() ? Effect.void : ask))
  }
  const serveProduct = (product: ProductId, node: Node): Effect.Effect<void> =>
    Effect.gen(function* () {
      const version = versionIn(yield* client.at(node, client.request("serve", { _tag: "ReadProduct", product }))) ?? 0
      const edit = { _tag: "Edit", seller: shop.seller, product, version, edit: {} } as const
      const { _tag } = yield* client.at(node, client.request("serve", edit))
      if (_tag !== "Ok") yield* Effect.delay(serveProduct(product, node), soon())
    })
  const serveCoupon = (coupon: CouponId, node: Node): Effect.Effect<void> =>
    Effect.gen(function* () {
      const version = versionIn(yield* client.at(node, client.request("serve", { _tag: "ReadCoupon", coupon }))) ?? 0
      const edit = { _tag: "EditCoupon", seller: shop.seller, coupon, version, condition: "OPEN" } as const
      const { _tag } = yield* client.at(node, client.request("serve", edit))
      if (_tag !== "Ok") yield* Effect.delay(serveCoupon(coupon, node), soon())
    })

  return Effect.gen(function* () {
    yield* Effect.forEach(undecided(world), decide, { concurrency: 8, discard: true })
    const { wallets, products } = database.tables
    const open = [...wallets].flatMap(([uuid, balance]) => (balance < maxBalance / 2 ? [userId(uuid)] : []))
    const nodeOf = (n: number) => serving[n % serving.length] ?? serving[0]
    yield* Effect.forEach(open, (user, n) => serveWallet(user, nodeOf(n)), { concurrency: 8, discard: true })
    yield* Effect.forEach([...products.keys()], (uuid, n) => serveProduct(productId(uuid), nodeOf(n)), {
      concurrency: 8,
      discard: true
    })
    yield* Effect.forEach(shop.coupons, (coupon, n) => serveCoupon(coupon, nodeOf(n)), {
      concurrency: 8,
      discard: true
    })
    if (world.options.orders !== true) return
    while (!shopped()) yield* Effect.sleep(100)
    // A request that was late or doubled may still make an order.
    yield* Effect.sleep(world.options.toNode.noticeMs + lateMost)
    yield* elapse(world)
  })
}
