/**
 * Clients that buy, charge and read, each with a wallet of its own and one thing at a time: so each knows what it must
 * have, whatever happens to the nodes. What is not answered is asked again with the same key, somewhere else.
 */
import { Effect, Fiber, Option, Schedule, Schema } from "effect"
import { type Cluster, type Member, send } from "./Cluster.ts"
import { type Answer, Balance, Bought, call, expect, person } from "./Nodes.ts"

const price = 1000
const funds = 1_000_000
const stock = 1_000_000
const products = 3
/** More than is spent between two charges. */
const chargeAmount = 20_000
const pauseMs = 20

export interface Said {
  readonly atMs: number
  readonly text: string
}

/** Nothing happened yet, or nobody could say: the same request may be sent again. */
const ofTheMoment = ({ status, body }: Answer) =>
  status === 503 || status === 504 || Schema.is(Schema.Struct({ code: Schema.Literal("REQUEST_IN_PROGRESS") }))(body)

interface Client {
  readonly userId: string
  readonly token: string
  balance: number
  orders: number
}

export const workload = Effect.fnUntraced(function* (nodes: Cluster, count = 6) {
  const first = yield* Effect.fromNullishOr(nodes.members[0])
  const { api } = first.node
  const startedAt = performance.now()
  const history: Array<Said> = []
  const say = (text: string) => void history.push({ atMs: Math.round(performance.now() - startedAt), text })

  const seller = yield* person(api, "seller", "SELLER")
  const onSale = yield* Effect.forEach(Array.from({ length: products }), (_, n) =>
    expect(
      call(`${api}/products`, { token: seller.token, body: { name: `Sneaker ${n}`, price, stock } }),
      Schema.Struct({ productId: Schema.String })
    )
  )
  const clients = yield* Effect.forEach(Array.from({ length: count }), (_, n) =>
    Effect.gen(function* () {
      const { userId, token } = yield* person(api, `buyer-${n}`, "BUYER")
      yield* expect(call(`${api}/balances/charge`, { token, key: "first", body: { amount: funds } }), Balance)
      const client: Client = { userId, token, balance: funds, orders: 0 }
      return client
    })
  )

  const orders = new Set<string>()
  /** What no fault excuses. */
  const wrong: Array<string> = []
  /** Reads of what was no longer so. */
  const stale: Array<Said> = []
  const until = { stopped: false }
  let [round, acknowledged] = [0, 0]
  /** Somebody who is not known to stand still; a balancer would not ask those. */
  const asleep = new Set<Member>()
  const anybody = () => {
    const awake = nodes.members.filter((member) => !asleep.has(member))
    return awake[round++ % awake.length]
  }

  /** Asks until it is answered: refusals of the moment are no answers. */
  const insist = Effect.fnUntraced(function* (path: string, client: Client, key: string, body: unknown) {
    for (;;) {
      const member = anybody()
      if (member === undefined) {
        yield* Effect.sleep(pauseMs)
        continue
      }
      const sent = yield* send(`${member.node.api}${path}`, client.token, key, body)
      if (sent._tag === "Answered") {
        const { status } = sent.answer
        say(`${key} ${path} at ${member.address}: ${status}`)
        if (status < 300) return sent.answer.body
        if (!ofTheMoment(sent.answer)) {
          wrong.push(`${key} ${path}: ${status} ${JSON.stringify(sent.answer.body)}`)
          return undefined
        }
      } else say(`${key} ${path} at ${member.address}: ${sent._tag}`)
      yield* Effect.sleep(pauseMs)
    }
  })

  const read = Effect.fnUntraced(function* (client: Client) {
    const member = anybody()
    if (member === undefined) return
    const answer = yield* call(`${member.node.api}/balances/${client.userId}`, { token: client.token }).pipe(
      Effect.timeoutOption("10 seconds"),
      Effect.map(Option.flatten)
    )
    const seen = Option.flatMap(answer, ({ body }) => Schema.decodeUnknownOption(Balance)(body))
    if (Option.isNone(seen) || seen.value.balance === client.balance) return
    const text = `${client.userId} at ${member.address}: read ${seen.value.balance} instead of ${client.balance}`
    say(text)
    stale.push({ atMs: performance.now() - startedAt, text })
  })

  const act = Effect.fnUntraced(function* (client: Client, n: number, key: string) {
    if (n % 10 === 7) {
      if ((yield* insist("/balances/charge", client, key, { amount: chargeAmount })) !== undefined)
        client.balance += chargeAmount
    } else if (n % 10 > 7) {
      return yield* read(client)
    } else {
      const items = n % 5 === 0 ? onSale : onSale.slice(n % products, (n % products) + 1)
      const body = { items: items.map(({ productId }) => ({ productId, quantity: 1 })) }
      const bought = Schema.decodeUnknownOption(Bought)(yield* insist("/checkout", client, key, body))
      if (Option.isNone(bought)) return
      if (orders.has(bought.value.orderId)) wrong.push(`${key} was answered with another one's order`)
      orders.add(bought.value.orderId)
      client.balance -= price * items.length
      client.orders++
      if (bought.value.balance > client.balance) wrong.push(`${key} left ${bought.value.balance} of ${client.balance}`)
    }
    acknowledged++
  })

  const fiber = yield* Effect.forkScoped(
    Effect.forEach(
      clients,
      Effect.fnUntraced(function* (client, c) {
        for (let n = 0; !until.stopped; n++) yield* act(client, n, `client-${c}-${n}`)
      }),
      { concurrency: count, discard: true }
    )
  )
  const reached = (wanted: number, within: string) =>
    Effect.suspend(() => (acknowledged >= wanted ? Effect.void : Effect.fail("not yet"))).pipe(
      Effect.retry(Schedule.spaced("5 millis")),
      Effect.timeoutOrElse({
        duration: "60 seconds",
        orElse: () => Effect.die(new Error(`${within}: stuck; the last words:\n${lastWords()}`))
      })
    )
  const lastWords = (most = 100) =>
    history
      .slice(-most)
      .map(({ atMs, text }) => `${atMs} ${text}`)
      .join("\n")

  return {
    clients,
    orders,
    wrong,
    stale,
    history,
    lastWords,
    say,
    asleep,
    acknowledged: () => acknowledged,
    /** Waits for so many more purchases and charges. */
    more: (wanted: number, why = "more") => Effect.suspend(() => reached(acknowledged + wanted, why)),
    /** All that was begun is answered. */
    stop: Effect.suspend(() => ((until.stopped = true), Fiber.join(fiber))).pipe(
      Effect.timeoutOrElse({
        duration: "20 seconds",
        orElse: () => Effect.die(new Error(`stuck at the end; the last words:\n${lastWords()}`))
      })
    )
  }
})
export type Workload = Effect.Success<ReturnType<typeof workload>>

/** What the database must say at the end. */
export const expected = ({ clients, orders }: Workload) => ({
  orders: orders.size,
  lost: 0,
  wallets: clients.map(({ balance }) => balance).toSorted((a, b) => a - b),
  unexplained: 0,
  unbalanced: 0,
  pieces: 0
})
