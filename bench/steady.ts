/**
 * Orders at a steady pace, or as fast as they are answered, at one node or at several in turns: noise of the machine is
 * everybody's then. A process of its own (`Remote.ts` starts it); it takes its plan as an argument and says one line.
 */
import { Schema } from "effect"
import { argv, stdout } from "node:process"
import { Buyer } from "./load/Buyer.ts"
import { Histogram } from "./load/Histogram.ts"
import { requests } from "./load/Requests.ts"
import { mint } from "./load/Tokens.ts"
import { Pace, type Paced } from "./Pace.ts"

const pace = Schema.decodeUnknownSync(Schema.fromJsonString(Pace))(argv[2])
const { host, ports, users, secret, ordersPerSecond, connections, turns, turnSeconds } = pace
const tokens = mint(secret, users)

let order = 0
let counting = false

/** The buyers of one node. */
const crowd = (port: number) => {
  const { steps } = requests({ host, port, users, keys: pace.prefix }, tokens).errand("order")
  const latency = new Histogram()
  const idle: Array<{ readonly buy: () => void }> = []
  const counts = { sold: 0, failed: 0 }
  let flooding = false
  for (let n = 0; n < connections; n++) {
    let wanted = false
    const buyer = new Buyer({
      host,
      port,
      steps: () => steps,
      next: () => {
        const more = wanted || flooding
        wanted = false
        return more ? order++ : undefined
      },
      answered: () => {},
      over: (isBought, micros) => {
        if (!counting) return
        if (isBought) counts.sold++
        else counts.failed++
        latency.record(micros)
      },
      broken: () => void counts.failed++,
      mayReconnect: () => false,
      left: () => void idle.push(paced)
    })
    const paced = {
      buy: () => {
        wanted = true
        buyer.buy()
      }
    }
    idle.push(paced)
  }
  return {
    latency,
    counts,
    flood: (on: boolean) => {
      flooding = on
      if (on) for (const each of idle.splice(0)) each.buy()
    },
    one: () => idle.pop()?.buy()
  }
}

const crowds = ports.map(crowd)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** One node's turn. */
const turn = async ({ flood, one }: ReturnType<typeof crowd>) => {
  const startedAt = performance.now()
  const seconds = () => (performance.now() - startedAt) / 1000
  flood(ordersPerSecond === 0)
  for (let sent = 0; seconds() < turnSeconds; await pause(1)) {
    for (; sent < seconds() * ordersPerSecond; sent++) one()
  }
  flood(false)
  const took = seconds()
  // What is under way is not the next one's.
  await pause(200)
  return took
}

const took = ports.map(() => 0)
// Everybody's code is warm before anything counts.
for (const each of crowds) await turn(each)
counting = true
for (let n = 0; n < turns; n++) {
  for (const [index, each] of crowds.entries()) took[index] = (took[index] ?? 0) + (await turn(each))
}
const said: Paced = crowds.map(({ latency, counts }, index) => ({
  ...counts,
  seconds: took[index] ?? 0,
  p50: latency.percentile(0.5),
  p99: latency.percentile(0.99)
}))
stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0))
