/** Tokens of many users, signed as the node would (HS256), in one buffer: all of them have the same length. */
import { createHmac } from "node:crypto"
import { userUuid } from "../Shop.ts"

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url")

const lifetimeS = 3600

export interface Tokens {
  readonly bytes: Buffer
  /** Of one token. */
  readonly length: number
}

export const mint = (secret: string, users: number): Tokens => {
  const iat = Math.floor(Date.now() / 1000)
  const header = encode({ alg: "HS256", typ: "JWT" })
  const token = (user: number) => {
    const claims = { sub: `usr_${userUuid(user)}`, role: "BUYER", iss: "sluice", aud: "sluice-api" }
    const signed = `${header}.${encode({ ...claims, iat, exp: iat + lifetimeS })}`
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`
  }
  const { length } = token(0)
  const bytes = Buffer.allocUnsafe(users * length)
  for (let user = 0; user < users; user++) bytes.write(token(user), user * length, "latin1")
  return { bytes, length }
}
