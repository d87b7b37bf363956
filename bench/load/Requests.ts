/** What buyers send: requests made once, of which only what is an order's own is written anew. */
import { couponUuid, productUuid, userUuid } from "../Shop.ts"
import type { Template } from "./Buyer.ts"
import type { Plan } from "./Protocol.ts"
import type { Tokens } from "./Tokens.ts"

/** What a buyer does for one order, and how its id is marked in the answer that acknowledges it, the last. */
export interface Errand {
  readonly steps: ReadonlyArray<Template>
  readonly idMark: Buffer
}

export const uuidLength = 36

/** The UUID that follows a mark; nothing, if the mark is not there. */
export const idIn = (body: Buffer, mark: Buffer): Buffer => {
  const at = body.indexOf(mark)
  return at < 0 ? Buffer.alloc(0) : body.subarray(at + mark.length, at + mark.length + uuidLength)
}

/** Idempotency keys differ by the number of the order alone. */
const digits = 9
const zero = 48

const writeNumber = (number: number, request: Buffer, end: number) => {
  let rest = number
  for (let at = end - 1; at >= end - digits; at--) {
    request[at] = zero + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

const orderMark = '"orderId":"ord_'
const noId = "0".repeat(uuidLength)
const piece = { items: [{ productId: `prd_${productUuid}`, quantity: 1 }] }

export interface Options {
  readonly host: string
  readonly port: number
  /** Order `n` is that of user `n mod users`. */
  readonly users: number
  /** What all Idempotency-Keys begin with. */
  readonly keys: string
}

/** To one node, from users with these tokens. */
export const requests = ({ host, port, users, keys }: Options, tokens: Tokens) => {
  /** A request with a place for the buyer's token. */
  const requestOf = (line: string, headers: ReadonlyArray<string>, body = "") => {
    const asking = `Authorization: Bearer ${"t".repeat(tokens.length)}`
    const head = [line, `Host: ${host}:${port}`, asking, ...headers].join("\r\n")
    const tokenAt = head.indexOf(asking) + asking.length - tokens.length
    const writeToken = (number: number, request: Buffer) => {
      const from = (number % users) * tokens.length
      tokens.bytes.copy(request, tokenAt, from, from + tokens.length)
    }
    return { bytes: Buffer.from(`${head}\r\n\r\n${body}`, "latin1"), headLength: head.length, writeToken }
  }

  const post = (path: string, hoped: 200 | 201, body: object, prefix = keys): Template => {
    const text = JSON.stringify(body)
    const { bytes, headLength, writeToken } = requestOf(
      `POST ${path} HTTP/1.1`,
      [
        "Content-Type: application/json",
        `Content-Length: ${text.length}`,
        `Idempotency-Key: ${prefix}-${"0".repeat(digits)}`
      ],
      text
    )
    const fill = (number: number, request: Buffer) => {
      writeToken(number, request)
      writeNumber(number, request, headLength)
    }
    return { bytes, hoped, fill }
  }

  /** Pays the order that the answer before told of. */
  const payment = (): Template => {
    const asked = post("/api/v1/payments/process", 200, { orderId: `ord_${noId}` }, `${keys}-payment`)
    const idAt = asked.bytes.lastIndexOf(noId)
    const mark = Buffer.from(orderMark)
    const fill = (number: number, request: Buffer, told: Buffer) => {
      asked.fill(number, request, told)
      idIn(told, mark).copy(request, idAt)
    }
    return { ...asked, fill }
  }

  /** A look at one's balance. */
  const arrival = (): Template => {
    const path = "GET /api/v1/balances/usr_"
    const { bytes, writeToken } = requestOf(`${path}${userUuid(0)} HTTP/1.1`, [])
    const fill = (user: number, request: Buffer) => {
      writeToken(user, request)
      request.write(userUuid(user), path.length, "latin1")
    }
    return { bytes, hoped: 200, fill }
  }

  const errand = (wanted: Plan["wanted"]): Errand => {
    switch (wanted) {
      case "order":
        return { steps: [post("/api/v1/checkout", 201, piece)], idMark: Buffer.from(orderMark) }
      case "coupon":
        return {
          steps: [post("/api/v1/coupons/issue/limited", 201, { couponId: `cpn_${couponUuid}` })],
          idMark: Buffer.from('"userCouponId":"uco_')
        }
      case "purchase":
        return {
          steps: [post("/api/v1/orders", 201, piece), payment()],
          idMark: Buffer.from(orderMark)
        }
    }
  }

  return { arrival, errand }
}
