/** Secure random bytes, drawn from the system a pool at a time: a UUID per order would be a system call per order. */
import { Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { getRandomValues } from "node:crypto"

const poolSize = 8192

const make = () => {
  const pool = new Uint8Array(poolSize)
  let used = poolSize
  return SecureRandom.make((size) => {
    if (size > poolSize) return getRandomValues(new Uint8Array(size))
    if (used + size > poolSize) {
      getRandomValues(pool)
      used = 0
    }
    used += size
    return pool.slice(used - size, used)
  })
}

export const layer = Layer.sync(SecureRandom.SecureRandom, make)
