/**
 * Leases in Redis: one script per operation, over all shards it names.
 *
 * Shards and members are fields of two hashes, and their ends are scores beside them, by the server's clock; every script
 * first forgets what has ended. Not a key with a TTL for each: all keys a script touches are then known beforehand, as
 * Redis Cluster demands, all leases of an owner can be found, and no eviction policy for volatile keys takes them.
 */
import { Effect, Layer, type Redacted, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { bounded, failure, format, Leases, type Member, type Options, parse } from "./Leases.ts"
import * as RedisConnection from "./RedisConnection.ts"

export interface RedisOptions extends Options {
  readonly url: Redacted.Redacted
  /** What all keys begin with: clusters that share a Redis differ in it. */
  readonly prefix: string
}

/** Every script gets all the keys, and as its first arguments the owner, its address, its nonce, and the TTL. */
const prelude = `
local shards, shardEnds, members, memberEnds, machines = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local me, address, nonce, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function drop(values, ends, field)
  redis.call('HDEL', values, field)
  redis.call('ZREM', ends, field)
end
local function put(values, ends, field, value)
  redis.call('HSET', values, field, value)
  redis.call('ZADD', ends, now + ttl, field)
end
local function forget(values, ends)
  for _, field in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do drop(values, ends, field) end
end
forget(shards, shardEnds)
forget(members, memberEnds)

-- Ends the leases whose owner is one of them; returns the shards.
local function free(isOne)
  local freed, all = {}, redis.call('HGETALL', shards)
  for i = 1, #all, 2 do
    if isOne(all[i + 1]) then
      drop(shards, shardEnds, all[i])
      freed[#freed + 1] = all[i]
    end
  end
  return freed
end
-- A member is "nonce healthy runner".
local function isOurs(member)
  return member and member:sub(1, #nonce + 1) == nonce .. ' '
end
`

const scripts = {
  register: `
    local other = address .. '/'
    free(function (owner) return owner ~= me and owner:sub(1, #other) == other end)
    put(members, memberEnds, address, ARGV[5])
    -- Counts on from the time of day, so that it does not repeat itself after a flush.
    redis.call('SET', machines, now, 'NX')
    return redis.call('INCR', machines)`,
  unregister: `
    if isOurs(redis.call('HGET', members, address)) then drop(members, memberEnds, address) end`,
  members: `
    local all, ends = redis.call('HGETALL', members), redis.call('ZRANGE', memberEnds, 0, -1, 'WITHSCORES')
    local remaining = {}
    for i = 1, #ends, 2 do remaining[ends[i]] = tostring(ends[i + 1] - now) end
    local listed = {}
    for i = 1, #all, 2 do listed[#listed + 1] = { all[i], all[i + 1], remaining[all[i]] or '0' } end
    return listed`,
  setHealth: `
    local member = redis.call('HGET', members, ARGV[5])
    if member then
      local theirs, runner = member:match('^(%S+) %d (.*)$')
      redis.call('HSET', members, ARGV[5], theirs .. ' ' .. ARGV[6] .. ' ' .. runner)
    end`,
  acquire: `
    local ours = {}
    for i = 5, #ARGV do
      local owner = redis.call('HGET', shards, ARGV[i])
      if not owner or owner == me then
        put(shards, shardEnds, ARGV[i], me)
        ours[#ours + 1] = ARGV[i]
      end
    end
    return ours`,
  refresh: `
    local member = redis.call('HGET', members, address) or (ARGV[5] ~= '' and ARGV[5])
    if isOurs(member) then put(members, memberEnds, address, member) end
    local ours = {}
    for i = 6, #ARGV do
      if redis.call('HGET', shards, ARGV[i]) == me then
        put(shards, shardEnds, ARGV[i], me)
        ours[#ours + 1] = ARGV[i]
      end
    end
    return ours`,
  release: `
    if redis.call('HGET', shards, ARGV[5]) == me then drop(shards, shardEnds, ARGV[5]) end`,
  releaseAll: `
    free(function (owner) return owner == me end)`,
  holders: `
    return redis.call('HGETALL', shards)`,
  breakLeases: `
    if isOurs(redis.call('HGET', members, address)) then drop(members, memberEnds, address) end
    return free(function (owner) return owner == me end)`
}

const Nothing = Schema.Null
const Texts = Schema.Array(Schema.String)
const Members = Schema.Array(Schema.Tuple([Schema.String, Schema.String, Schema.FiniteFromString]))

const pairs = (flat: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  flat.flatMap((field, index) => (index % 2 === 0 ? [[field, flat[index + 1] ?? ""] as const] : []))

const writeMember = (nonce: string, healthy: boolean, runner: string) => `${nonce} ${healthy ? 1 : 0} ${runner}`

const readMember = ([address, member, remainingMs]: (typeof Members.Type)[number]): Member => {
  const [nonce = "", healthy = ""] = member.split(" ", 2)
  return { address, nonce, healthy: healthy === "1", runner: member.slice(nonce.length + 3), remainingMs }
}

const make = Effect.fnUntraced(function* (options: RedisOptions) {
  const client = yield* RedisConnection.connect(options)
  const random = yield* SecureRandom.SecureRandom
  const nonce = yield* random.uuidV7()
  const keys = ["shards", "shard-ends", "members", "member-ends", "machines"].map(
    (name) => `{${options.prefix}}:leases:${name}`
  )
  /** Members of this process, by address: a store that forgot them is told again. */
  const registered = new Map<string, string>()

  const ask = Effect.fnUntraced(
    function* <A>(
      operation: keyof typeof scripts,
      answer: Schema.Decoder<A>,
      owner: { readonly address: string; readonly nonce?: string },
      ...args: ReadonlyArray<string>
    ) {
      const who = { nonce, ...owner }
      const given = [format(who), who.address, who.nonce, options.ttlMs, ...args]
      const script = prelude + scripts[operation]
      const reply = yield* RedisConnection.attempt(() => client.eval(script, keys.length, ...keys, ...given))
      return yield* Schema.decodeUnknownEffect(answer)(reply)
    },
    Effect.mapError(failure),
    bounded(options)
  )

  const members = Effect.map(ask("members", Members, { address: "" }), (reply) =>
    reply.map((member) => readMember(member))
  )
  return Leases.of({
    nonce,
    getRunners: Effect.map(members, (all) => all.map(({ runner, healthy }) => [runner, healthy])),
    register: (address, runner, healthy) => {
      const member = writeMember(nonce, healthy, runner)
      registered.set(address, member)
      return ask("register", Schema.Int, { address }, member)
    },
    unregister: (address) => {
      registered.delete(address)
      return Effect.asVoid(ask("unregister", Nothing, { address }))
    },
    setRunnerHealth: (address, healthy) =>
      Effect.asVoid(ask("setHealth", Nothing, { address }, address, healthy ? "1" : "0")),
    acquire: (address, shards) => Effect.map(ask("acquire", Texts, { address }, ...shards), Array.from<string>),
    refresh: (address, shards) => ask("refresh", Texts, { address }, registered.get(address) ?? "", ...shards),
    release: (address, shard) => Effect.asVoid(ask("release", Nothing, { address }, shard)),
    releaseAll: (address) => Effect.asVoid(ask("releaseAll", Nothing, { address })),
    members,
    holders: ask("holders", Texts, { address: "" }).pipe(
      Effect.map((reply) => new Map(pairs(reply).map(([shard, owner]) => [shard, parse(owner)])))
    ),
    breakLeases: (owner) => ask("breakLeases", Texts, owner)
  })
})

export const layer = (options: RedisOptions): Layer.Layer<Leases, never, SecureRandom.SecureRandom> =>
  Layer.effect(Leases, make(options))
