/** What kind of world a seed is. Swarm style: of all faults about half are off, so the others meet undisturbed. */
import { Schema } from "effect"
import type { Link as LinkOptions } from "./Network.ts"
import { Rng } from "./Rng.ts"

/** What the nemesis does to whole nodes and to the database. */
export const nemeses = [
  "kill",
  "stop",
  "freeze",
  /** As freeze, of the node that sells the hot product, alone, and for a little longer than its lease. */
  "nap",
  "jump",
  "isolate",
  "vanish",
  "databaseCrash",
  "databaseStall",
  "databaseFailover",
  "storeCrash",
  "storeStall",
  "storeFlush",
  "storeRollback",
  "storeCut",
  /** The same node stands still until another one has sold in its place and died, and nobody owns anything. */
  "relay",
  /** Half an hour goes by in a moment, or as long as somebody waits for a buyer, or for a node that says nothing. */
  "lapse"
] as const
export type Nemesis = (typeof nemeses)[number]

/** In wait, or not at all. */
const common = nemeses.filter((nemesis) => nemesis !== "relay" && nemesis !== "lapse")

const linkFaults = ["lost", "late", "replyLost", "doubled", "refused", "slow"] as const

export const statements = ["claim", "load", "commit", "resolve", "find", "epochs"] as const
export type Statement = (typeof statements)[number]

const Range = Schema.Tuple([Schema.Finite, Schema.Finite])
const Probability = Schema.Finite

const Link = Schema.Struct({
  latencyMs: Range,
  noticeMs: Schema.Finite,
  lost: Probability,
  late: Probability,
  replyLost: Probability,
  doubled: Probability,
  refused: Probability,
  slow: Probability
})

/** What makes nodes one cluster; without it, each takes what it is asked for. */
const Cluster = Schema.Struct({
  ttlMs: Schema.Finite,
  /** How many of the nodes take no partitions. */
  guests: Schema.Int,
  /** All nodes begin within so long. */
  joinWithinMs: Schema.Finite,
  toPeers: Link,
  toStore: Link
})
export type Cluster = typeof Cluster.Type

export const Options = Schema.Struct({
  seed: Schema.Int,
  nodes: Schema.Int,
  clients: Schema.Int,
  /** How often clients ask at the least while things go wrong: requests, and their repetitions. */
  attempts: Schema.Int,
  partitions: Schema.Int,
  residentActors: Schema.Int,
  batchSize: Schema.Int,
  inFlight: Schema.Int,
  queueSize: Schema.Int,
  stepsMost: Schema.Int,
  requestTimeoutMs: Schema.Int,
  buyers: Schema.Int,
  products: Schema.Int,
  /** How likely a request is about the hot product, or the hot buyer. */
  heat: Probability,
  /** Which node a client asks: always the same while it answers, or any. */
  routing: Schema.Literals(["sticky", "any"]),
  yieldProbability: Probability,
  taskMs: Schema.Finite,
  /** How likely a client hangs up in the middle of something. */
  hangUp: Probability,
  /** How long the database works on a statement, at the least and at the most. */
  databaseMs: Range,
  /** The statements that take much longer now and then, if any. */
  laggard: Schema.Literals(["none", ...statements]),
  lagging: Probability,
  lagMs: Schema.Finite,
  toNode: Link,
  toDatabase: Link,
  /** The time between two strikes of the nemesis, on average. */
  strikeEveryMs: Schema.Finite,
  nemeses: Schema.Array(Schema.Literals(nemeses)),
  /** Whether clients ask through HTTP; else at the use cases. */
  http: Schema.optional(Schema.Boolean),
  /** Whether there are coupons, and requests that are about them. */
  coupons: Schema.optional(Schema.Boolean),
  /** Whether there are orders that are paid later, and what becomes of them. */
  orders: Schema.optional(Schema.Boolean),
  /** How likely a payment gateway does not do what it is asked, or does not say so. */
  gatewayFails: Schema.optional(Probability),
  /** The way to the payment gateways. */
  toGateways: Schema.optional(Link),
  cluster: Schema.optional(Cluster)
})
export type Options = typeof Options.Type

export const calm: LinkOptions = {
  latencyMs: [0.05, 1],
  noticeMs: 20,
  lost: 0,
  late: 0,
  replyLost: 0,
  doubled: 0,
  refused: 0,
  slow: 0
}

/** Worlds that lie in wait for bugs that need three unlikely things at once. */
const ambushes: ReadonlyArray<Partial<Options>> = [
  // A commit in doubt, its repetition and its deadline, all in the same moment.
  {
    nodes: 1,
    clients: 2,
    attempts: 400,
    requestTimeoutMs: 100,
    hangUp: 0.3,
    databaseMs: [0.1, 2],
    laggard: "commit",
    lagging: 0.5,
    lagMs: 400,
    batchSize: 64,
    inFlight: 3,
    toDatabase: { ...calm, late: 0.3, slow: 0.3 },
    nemeses: []
  },
  // A partition that changes hands, and is taken back, while one of its actors is loaded.
  {
    nodes: 3,
    clients: 16,
    attempts: 300,
    heat: 0.9,
    routing: "any",
    partitions: 1,
    residentActors: 4,
    requestTimeoutMs: 3000,
    laggard: "load",
    lagging: 0.5,
    lagMs: 1000,
    toDatabase: calm,
    nemeses: []
  },
  // Transactions that wait in a queue while the database's clock steps back.
  {
    nodes: 1,
    clients: 16,
    attempts: 400,
    requestTimeoutMs: 600,
    hangUp: 0,
    queueSize: 1000,
    stepsMost: 1000,
    batchSize: 1,
    inFlight: 1,
    databaseMs: [0.5, 40],
    laggard: "commit",
    lagging: 0.3,
    lagMs: 900,
    toNode: calm,
    toDatabase: calm,
    nemeses: ["databaseFailover"],
    strikeEveryMs: 500
  },
  // Clients that hang up between any two lines.
  { nodes: 1, hangUp: 0.5, yieldProbability: 0.3, requestTimeoutMs: 3000, toDatabase: calm, nemeses: [] }
]

const clusterAmbushes: ReadonlyArray<Partial<Options> & { readonly cluster: Cluster }> = [
  // A node that stands still for a little longer than its lease, with a question to the store under way.
  {
    nodes: 3,
    clients: 5,
    attempts: 300,
    partitions: 2,
    queueSize: 1000,
    stepsMost: 1000,
    requestTimeoutMs: 300,
    heat: 0.9,
    routing: "any",
    hangUp: 0,
    databaseMs: [0.1, 2],
    laggard: "none",
    toNode: calm,
    toDatabase: calm,
    nemeses: ["nap", "stop"],
    strikeEveryMs: 500,
    cluster: { ttlMs: 500, guests: 0, joinWithinMs: 0, toPeers: calm, toStore: { ...calm, latencyMs: [10, 35] } }
  },
  // The only owner seems to be gone while commits it granted are under way, and comes back: nobody else can take over.
  {
    nodes: 2,
    clients: 8,
    partitions: 2,
    queueSize: 1000,
    stepsMost: 1000,
    requestTimeoutMs: 3000,
    routing: "any",
    hangUp: 0,
    databaseMs: [0.1, 2],
    laggard: "commit",
    lagging: 0.5,
    lagMs: 1000,
    toNode: calm,
    toDatabase: calm,
    nemeses: ["nap"],
    strikeEveryMs: 500,
    cluster: { ttlMs: 500, guests: 1, joinWithinMs: 0, toPeers: calm, toStore: calm }
  },
  // A partition that was somebody else's while its owner stood still, and is nobody's when that wakes up.
  {
    nodes: 2,
    clients: 16,
    attempts: 250,
    partitions: 1,
    queueSize: 1000,
    stepsMost: 1000,
    requestTimeoutMs: 1000,
    heat: 0.9,
    routing: "any",
    hangUp: 0,
    databaseMs: [0.1, 2],
    laggard: "none",
    toNode: calm,
    toDatabase: calm,
    nemeses: ["relay"],
    strikeEveryMs: 250,
    cluster: { ttlMs: 200, guests: 0, joinWithinMs: 0, toPeers: calm, toStore: calm }
  },
  // Partitions that go from hand to hand, and are lost while they are claimed.
  {
    nodes: 3,
    clients: 8,
    partitions: 4,
    queueSize: 1000,
    stepsMost: 1000,
    requestTimeoutMs: 1000,
    heat: 0.9,
    routing: "any",
    hangUp: 0,
    laggard: "claim",
    lagging: 0.3,
    lagMs: 1000,
    toNode: calm,
    toDatabase: calm,
    nemeses: ["kill", "stop"],
    strikeEveryMs: 500,
    cluster: { ttlMs: 4000, guests: 0, joinWithinMs: 3000, toPeers: calm, toStore: calm }
  },
  // Messages between nodes that get lost or come twice, and clients that ask again elsewhere.
  {
    nodes: 3,
    clients: 8,
    attempts: 300,
    requestTimeoutMs: 300,
    routing: "any",
    hangUp: 0,
    toNode: { ...calm, replyLost: 0.2 },
    toDatabase: calm,
    nemeses: [],
    cluster: {
      ttlMs: 4000,
      guests: 1,
      joinWithinMs: 0,
      toPeers: { ...calm, latencyMs: [0.5, 10], noticeMs: 400, lost: 0.3, late: 0.1, doubled: 0.3 },
      toStore: calm
    }
  }
]

/** A world with fewer attempts tests too little. */
export const attemptsLeast = 200

export const draw = (seed: number): Options => withOrders(drawWorld(seed), new Rng(seed, "orders"))

/** Half an hour goes by while a commit is under way, and what gateways say of what they have done gets lost. */
const orderAmbush: Partial<Options> = {
  nodes: 1,
  clients: 8,
  attempts: 300,
  requestTimeoutMs: 3000,
  hangUp: 0,
  queueSize: 1000,
  batchSize: 64,
  inFlight: 3,
  stepsMost: 1000,
  databaseMs: [0.1, 2],
  laggard: "commit",
  lagging: 0.25,
  lagMs: 1000,
  toNode: calm,
  toDatabase: calm,
  nemeses: ["lapse"],
  strikeEveryMs: 1000,
  cluster: undefined
}

/** More actors than there is room for, and few of them asked at once. */
const crowd: Partial<Options> = {
  clients: 4,
  partitions: 1,
  residentActors: 1,
  buyers: 6,
  heat: 0.2,
  hangUp: 0,
  toNode: calm,
  coupons: true
}

/** Half of all worlds have orders, and in half of these time goes by. Relays are rare enough to be left undisturbed. */
const withOrders = (drawn: Options, rng: Rng): Options => {
  if (drawn.nemeses.includes("relay") || !rng.chance(0.5)) {
    const isCalm = drawn.cluster === undefined && drawn.nemeses.length === 0
    return isCalm && rng.chance(0.2) ? { ...drawn, ...crowd } : drawn
  }
  const isAmbush = rng.chance(0.25)
  const options = isAmbush ? { ...drawn, ...orderAmbush } : drawn
  const lapses = rng.chance(0.5)
  return {
    ...options,
    orders: true,
    gatewayFails: rng.pick([0, 0.1, 0.4]),
    toGateways: isAmbush ? { ...calm, replyLost: 0.2 } : rng.chance(0.3) ? calm : link(rng),
    nemeses: lapses ? [...options.nemeses.filter((nemesis) => nemesis !== "lapse"), "lapse"] : options.nemeses
  }
}

const drawWorld = (seed: number): Options => {
  const rng = new Rng(seed, "options")
  const options = drawFrom(seed, rng)
  if (rng.chance(clustered)) return drawCluster(options, rng)
  return rng.chance(ambushed) ? { ...options, ...rng.some(ambushes) } : options
}

const clustered = 0.5
const ambushed = 0.6
const clusterAmbushed = 0.75

const drawCluster = (options: Options, rng: Rng): Options => {
  if (rng.chance(clusterAmbushed)) return { ...options, ...rng.some(clusterAmbushes) }
  const nodes = rng.pick([2, 3, 3, 5])
  // Half of the stores keep what they are told, and then every read is up to date.
  const storeKeeps = rng.chance(0.5)
  return {
    ...options,
    nodes,
    routing: rng.pick(["sticky", "any"]),
    nemeses: common.filter((nemesis) => rng.chance(0.5) && !(storeKeeps && nemesis.startsWith("store"))),
    cluster: {
      ttlMs: rng.pick([1000, 2000, 4000]),
      guests: rng.chance(0.2) ? nodes >> 1 : 0,
      joinWithinMs: rng.pick([0, 300, 3000]),
      toPeers: rng.chance(0.3) ? calm : link(rng),
      toStore: storeKeeps ? calm : link(rng)
    }
  }
}

/** Whether the lease store, and the way to it, can be relied on: then no two nodes believe they own a partition. */
export const storeKeeps = ({ cluster, nemeses: faults }: Options): boolean => {
  const { lost = 0, late = 0, replyLost = 0, refused = 0, slow = 0 } = cluster?.toStore ?? {}
  return lost + late + replyLost + refused + slow === 0 && !faults.some((nemesis) => nemesis.startsWith("store"))
}

/** A stream of their own, and the rest of a world is what it was before there was a choice. */
const drawAsked = (rng: Rng) => ({ http: rng.chance(1 / 3), coupons: rng.chance(2 / 3) })

const drawFrom = (seed: number, rng: Rng): Options => {
  const nodes = rng.pick([1, 1, 2, 3, 5])
  return {
    seed,
    nodes,
    clients: rng.between(1, 16),
    attempts: rng.between(attemptsLeast, attemptsLeast + 10),
    partitions: rng.pick([1, 2, 4, 8]),
    residentActors: rng.pick([1, 4, 16, 1000]),
    batchSize: rng.pick([1, 2, 8, 64]),
    inFlight: rng.pick([1, 2, 3]),
    queueSize: rng.pick([2, 8, 1000]),
    stepsMost: rng.pick([4, 1000]),
    requestTimeoutMs: rng.pick([300, 1000, 3000]),
    buyers: rng.between(1, 6),
    products: rng.between(1, 4),
    heat: rng.pick([0.2, 0.5, 0.9]),
    routing: rng.pick(["sticky", "sticky", "any"]),
    yieldProbability: rng.pick([0, 0.02, 0.1, 0.3]),
    taskMs: rng.pick([0, 0.002, 0.02]),
    hangUp: rng.pick([0, 0, 0.05, 0.3]),
    databaseMs: rng.pick([
      [0.1, 2],
      [0.5, 40]
    ]),
    laggard: rng.chance(0.5) ? "none" : rng.pick(statements),
    lagging: 0.2,
    lagMs: rng.pick([10, 100, 1000]),
    toNode: link(rng),
    toDatabase: link(rng),
    strikeEveryMs: rng.pick([500, 2000, 6000]),
    nemeses: common.filter((nemesis) => rng.chance(0.5) && !nemesis.startsWith("store")),
    ...drawAsked(new Rng(seed, "asked")),
    cluster: undefined
  }
}

const link = (rng: Rng): LinkOptions => {
  const faults = Object.fromEntries(
    linkFaults.map((fault) => [fault, rng.chance(0.5) ? rng.pick([0.01, 0.05, 0.15]) : 0])
  )
  const { lost = 0, late = 0, replyLost = 0, doubled = 0, refused = 0, slow = 0 } = faults
  const least = rng.pick([0.05, 0.5])
  const latencyMs = [least, least * rng.pick([1, 3, 20])] as const
  return { latencyMs, noticeMs: rng.pick([20, 400, 4000]), lost, late, replyLost, doubled, refused, slow }
}

const none = (value: number) => value === 0

const describeLink = ({ latencyMs: [least, most], noticeMs, ...faults }: LinkOptions) =>
  [
    `${least}–${most} ms, losses noticed in ${noticeMs} ms`,
    ...Object.entries(faults).flatMap(([fault, probability]) => (none(probability) ? [] : [`${fault} ${probability}`]))
  ].join(", ")

const describeCluster = ({ ttlMs, guests, joinWithinMs, toPeers, toStore }: Cluster) =>
  [
    `a cluster with leases of ${ttlMs} ms, ${guests} guests, all there within ${joinWithinMs} ms`,
    `to peers (${describeLink(toPeers)})`,
    `to the store (${describeLink(toStore)})`
  ].join(" · ")

/** One line that says what kind of world it is. */
export const describe = ({
  seed: _,
  toNode,
  toDatabase,
  toGateways,
  nemeses: faults,
  cluster,
  ...rest
}: Options): string =>
  [
    ...Object.entries(rest).map(([name, value]) => `${name} ${value}`),
    `to nodes (${describeLink(toNode)})`,
    `to the database (${describeLink(toDatabase)})`,
    ...(toGateways === undefined ? [] : [`to the gateways (${describeLink(toGateways)})`]),
    ...(cluster === undefined ? [] : [describeCluster(cluster)]),
    `nemeses (${faults.join(", ") || "none"})`
  ].join(" · ")
