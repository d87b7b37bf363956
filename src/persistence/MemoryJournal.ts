/** The journal over plain maps: the same protocol and the same constraints as on Postgres, without I/O. */
import { Clock, Effect, Layer, Struct } from "effect"
import type { Actors, KindName } from "../domain/Actors.ts"
import { couponId, Epoch, TransactionId, userCouponId, userId, uuidOf } from "../domain/Ids.ts"
import { maxBalance, maxPrice, maxStock, pieces, won } from "../domain/Money.ts"
import type { Order } from "../domain/Order.ts"
import { dueAt } from "../domain/OrderLife.ts"
import { Policy } from "../domain/Policy.ts"
import { make as makeProduct } from "../domain/Product.ts"
import type { Fence, Transaction } from "../domain/Transaction.ts"
import { couponFrom, isSpendable, type UserCoupon } from "../domain/UserCoupon.ts"
import { make as makeWallet } from "../domain/Wallet.ts"
import { BatchRejected, type Decision, Journal, Rank, type Resolution, type Verdict } from "./Journal.ts"
import { MemoryTables, type Tables, type TransactionRecord } from "./MemoryTables.ts"
import * as Rows from "./Rows.ts"

/** A table with changes that are not made yet. */
const draftOf = <K, V>(table: Map<K, V>) => {
  const changed = new Map<K, V | undefined>()
  return {
    get: (key: K): V | undefined => (changed.has(key) ? changed.get(key) : table.get(key)),
    set: (key: K, value: V | undefined) => void changed.set(key, value),
    entries: (): ReadonlyArray<readonly [K, V]> =>
      Array.from(new Set([...table.keys(), ...changed.keys()])).flatMap((key): ReadonlyArray<readonly [K, V]> => {
        const value = changed.has(key) ? changed.get(key) : table.get(key)
        return value === undefined ? [] : [[key, value]]
      }),
    save: () => {
      for (const [key, value] of changed) {
        if (value === undefined) table.delete(key)
        else table.set(key, value)
      }
    }
  }
}

/** Decisions on all, after writing what those that passed wrote; or the first constraint that was violated. */
const commit = (tables: Tables, batch: ReadonlyArray<Transaction>, now: number): ReadonlyArray<Decision> | string => {
  const transactions = draftOf(tables.transactions)
  const passed = new Set<number>()

  const judge = (transaction: Transaction, t: number): Verdict => {
    const known = transactions.get(transaction.key)
    // An earlier attempt at this very transaction was committed.
    if (known?.id === transaction.id) return "Committed"
    if (transaction.fences.some(({ partition, epoch }) => tables.partitions.get(partition)?.epoch !== epoch)) {
      return "Fenced"
    }
    if (transaction.deadline <= now || tables.absent.has(transaction.id)) return "Expired"
    if (known !== undefined) return "Duplicate"
    const { id, key, fences, answered } = transaction
    transactions.set(key, { id, fences, bodyHash: answered?.bodyHash, answer: answered?.answer, createdAt: now })
    passed.add(t)
    return "Committed"
  }

  const decisions: Array<Decision> = batch.map((transaction, index) => judge(transaction, index + 1))
  const written = Rows.make(batch)
  const of = <Row extends { readonly t: number }>(rows: ReadonlyArray<Row>) => rows.filter(({ t }) => passed.has(t))
  const idOf = (t: number) => batch[t - 1]?.id ?? ""

  let violated: string | undefined
  const need = (condition: boolean, what: string) => {
    if (!condition) violated ??= what
  }
  const whole = (value: number, maximum: number) => Number.isSafeInteger(value) && value >= 0 && value <= maximum
  const text = (value: string | null) => value === null || !value.includes("\0")

  const products = draftOf(tables.products)
  for (const { product, ...row } of of(written.products)) {
    need(products.get(product) === undefined, "a product's id is its own")
    need(tables.users.get(row.seller)?.withdrawn === false, "a product has a seller who is there")
    products.set(product, { ...row, onHand: 0, reserved: 0, version: 1, createdAt: now, updatedAt: now })
  }

  const orders = draftOf(tables.orders)
  const net = ({ totalAmount, discountAmount }: Order) => totalAmount - discountAmount
  const keepOrder = (order: Order) => {
    const { status, lines, totalAmount, discountAmount, paidAmount } = order
    need(whole(discountAmount, totalAmount), "a discount is at most the total")
    need(whole(paidAmount, net(order)), "no more is paid than is due")
    need(status === "CREATED" || status === "CANCELLED" || paidAmount === net(order), "a confirmed order is paid")
    need(
      status !== "CREATED" || (paidAmount === 0 && dueAt(order) !== undefined),
      "an open order waits for its payment"
    )
    need((status === "CANCELLED") === (order.cancelReason !== undefined), "what was cancelled has a reason")
    for (const line of lines) {
      need(products.get(uuidOf(line.productId)) !== undefined, "a line has a product")
      need(whole(line.discount, line.unitPrice * line.quantity), "a line's discount is at most its amount")
      need(line.quantity > 0 && line.unitPrice >= 0 && text(line.name), "a line has pieces and a price")
      need(whole(line.cancelled, line.quantity), "no more comes back than was bought")
    }
    const tenders = new Set(order.payments.map(({ paymentId, method }) => `${paymentId} ${method}`))
    need(tenders.size === order.payments.length, "a payment has each of its tenders once")
    for (const { amount, refunded } of order.payments) {
      need(whole(amount, maxBalance) && whole(refunded, amount), "a payment is no debt, and gives back what it had")
    }
    for (const { paymentKey, status: paymentStatus } of order.payments) {
      if (paymentKey === undefined || paymentStatus === "FAILED") continue
      const isAnothers = orders
        .entries()
        .some(
          ([, other]) =>
            other.orderId !== order.orderId &&
            other.payments.some((payment) => payment.paymentKey === paymentKey && payment.status !== "FAILED")
        )
      need(!isAnothers, "a key of a gateway's pays one order")
    }
    orders.set(uuidOf(order.orderId), order)
  }
  batch.forEach(({ changes }, index) => {
    if (!passed.has(index + 1)) return
    for (const change of changes) {
      if (change._tag === "OrderPlaced") {
        const { order } = change
        need(orders.get(uuidOf(order.orderId)) === undefined, "an order's id is its own")
        need(tables.users.has(uuidOf(order.userId)), "an order has a buyer")
        keepOrder(order)
      }
      if (change._tag === "OrderChanged") {
        const known = orders.get(uuidOf(change.after.orderId))
        need(known?.version === change.before.version, "an order is as it was")
        keepOrder(change.after)
      }
    }
  })

  const slots = new Set<string>()
  const slotOf = ({ user, coupon, slot }: { user: string; coupon: string; slot: number }) => `${user} ${coupon} ${slot}`
  const userCoupons = draftOf(tables.userCoupons)
  for (const { userCoupon, user, order, to } of of(written.uses)) {
    const record = userCoupons.get(userCoupon)
    const isTheirs = record !== undefined && record.user === user && couponFrom[to].includes(record.status)
    const isFree = record !== undefined && isSpendable(record)
    need(isTheirs && (isFree || record.order === order), "a coupon is its user's, and can be used")
    const { discountAmount, lines = [] } = orders.get(order) ?? {}
    need(discountAmount === lines.reduce((sum, { discount }) => sum + discount, 0), "discounts add up")
    if (record !== undefined)
      userCoupons.set(userCoupon, { ...record, status: to, order: to === "ISSUED" ? null : order })
  }

  const isForFirst = (id: string, owner: string) => {
    const { user, coupon = "", status, order } = userCoupons.get(id) ?? {}
    const isInUse = (status === "HELD" || status === "USED") && orders.get(order ?? "")?.status !== "CANCELLED"
    return user === owner && isInUse && tables.coupons.get(coupon)?.firstPurchaseOnly === true
  }
  for (const { userCoupon, user } of of(written.uses)) {
    if (!isForFirst(userCoupon, user)) continue
    const others = Array.from(tables.userCoupons.keys()).filter((id) => id !== userCoupon && isForFirst(id, user))
    need(others.length === 0, "a user has one first purchase")
  }

  for (const { userCoupon, user, reason } of of(written.revocations)) {
    const record = userCoupons.get(userCoupon)
    need(record?.user === user && isSpendable(record), "what is revoked is its user's, and could be used")
    need(reason.length > 0 && text(reason), "a coupon is revoked for a reason")
    if (record !== undefined) userCoupons.set(userCoupon, { ...record, status: "REVOKED", revokeReason: reason })
  }

  const wallets = draftOf(tables.wallets)
  // Sums first: within a batch money comes and goes at once.
  for (const [user, delta] of sums(of(written.wallets), "user")) {
    const balance = wallets.get(user)
    need(balance !== undefined, "there is a wallet")
    need(whole((balance ?? 0) + delta, maxBalance), "a balance is within its bounds")
    wallets.set(user, (balance ?? 0) + delta)
  }
  const users = draftOf(tables.users)
  for (const { user } of of(written.withdrawals)) {
    const record = users.get(user)
    const theirs = orders.entries().filter(([, order]) => uuidOf(order.userId) === user)
    const isWaiting = theirs.some(([, { status }]) => status === "CREATED")
    need(record !== undefined && wallets.get(user) === 0 && !isWaiting, "who withdraws has an empty wallet")
    const isSelling = products.entries().some(([, { seller, status }]) => seller === user && status === "ON_SALE")
    need(record?.role !== "ADMIN" && !isSelling, "who withdraws is no administrator, and sells nothing")
    wallets.set(user, undefined)
    for (const [id, order] of theirs) orders.set(id, { ...order, shippingAddress: undefined })
    if (record !== undefined) {
      users.set(user, { ...record, loginId: undefined, passwordHash: undefined, name: "", withdrawn: true })
    }
  }

  const coupons = draftOf(tables.coupons)
  for (const { t, userCoupon, ...issue } of of(written.issues)) {
    const coupon = coupons.get(issue.coupon)
    need(coupon !== undefined && tables.users.has(issue.user), "there is a coupon, and a user to have it")
    if (coupon === undefined) continue
    const rank = Rank(coupon.issued + 1)
    const had = Array.from(tables.userCoupons.values()).filter((other) => other.user === issue.user)
    const isTaken = had.some((other) => other.coupon === issue.coupon && other.slot === issue.slot)
    need(rank <= coupon.totalQuantity, "no more is issued than there is")
    need(userCoupons.get(userCoupon) === undefined && !slots.has(slotOf(issue)) && !isTaken, "a slot is taken once")
    need(issue.slot > 0 && issue.slot <= coupon.perUserLimit, "a user has no more than one user may have")
    slots.add(slotOf(issue))
    coupons.set(issue.coupon, { ...coupon, issued: rank })
    userCoupons.set(userCoupon, { ...issue, rank, status: "ISSUED", revokeReason: null, order: null })
    decisions[t - 1] = rank
  }
  for (const { coupon, condition } of of(written.couponEdits)) {
    const record = coupons.get(coupon)
    need(record !== undefined && record.condition !== "CANCELLED", "there is a coupon to edit")
    if (record !== undefined) coupons.set(coupon, { ...record, condition, version: record.version + 1 })
  }

  const reservations = sums(
    of(written.stock).map(({ product, reserved: delta }) => ({ product, delta })),
    "product"
  )
  for (const [product, delta] of sums(of(written.stock), "product")) {
    const record = products.get(product)
    need(record !== undefined, "there is a product")
    if (record === undefined) continue
    const onHand = record.onHand + delta
    const reserved = record.reserved + (reservations.get(product) ?? 0)
    need(whole(onHand, maxStock) && whole(reserved, onHand), "a stock is within its bounds")
    products.set(product, { ...record, onHand, reserved })
  }
  for (const { product, name, description, category, price, status } of of(written.edits)) {
    const record = products.get(product)
    need(record !== undefined, "there is a product")
    if (record === undefined) continue
    products.set(product, {
      ...record,
      name: name ?? record.name,
      description: description ?? record.description,
      category: category ?? record.category,
      price: price ?? record.price,
      status: status ?? record.status,
      version: record.version + 1,
      updatedAt: now
    })
  }
  for (const product of new Set([...of(written.products), ...of(written.edits)].map((row) => row.product))) {
    const { name = "", description = "", category = "", price = 0 } = products.get(product) ?? {}
    need(name.length > 0 && [...name].length <= Policy.product.nameMax, "a product has a name")
    need([name, description, category].every(text), "text can be stored")
    need(whole(price, maxPrice), "a price is within its bounds")
  }

  if (violated !== undefined) return violated
  for (const table of [transactions, products, orders, wallets, users, coupons, userCoupons]) table.save()
  for (const row of of(written.ledger)) tables.ledger.push({ ...row, transactionId: idOf(row.t), createdAt: now })
  for (const row of of(written.events)) tables.outbox.push({ ...row, transactionId: idOf(row.t), createdAt: now })
  for (const { audited } of of(written.audits)) tables.audit.push({ ...audited, at: now })
  return decisions
}

/** The rank of the issue a transaction was. */
const rankOf = ({ userCoupons }: Tables, id: string) => {
  const issued = userCoupons.get(id)
  return issued === undefined ? {} : { rank: Rank(issued.rank) }
}

const sums = <Of extends string>(
  rows: ReadonlyArray<{ readonly [_ in Of]: string } & { readonly delta: number }>,
  of: Of
) => {
  const totals = new Map<string, number>()
  for (const row of rows) totals.set(row[of], (totals.get(row[of]) ?? 0) + row.delta)
  return totals
}

const loaders: {
  readonly [K in KindName]: (tables: Tables, id: Actors[K]["id"]) => Actors[K]["state"] | undefined
} = {
  product: ({ products }, id) => {
    const record = products.get(uuidOf(id))
    if (record === undefined) return undefined
    const { seller, name, category, price, onHand, reserved, status, version } = record
    const product = { productId: id, sellerId: userId(seller), name, price: won(price), onHand: pieces(onHand) }
    return {
      ...makeProduct({ ...product, saleStatus: status }, category ?? undefined),
      reserved: pieces(reserved),
      version
    }
  },
  wallet: ({ wallets, userCoupons, orders }, id) => {
    const balance = wallets.get(uuidOf(id))
    const theirs = Array.from(userCoupons).flatMap(([uuid, { user, coupon, slot, status }]): Array<UserCoupon> =>
      user === uuidOf(id)
        ? [{ userCouponId: userCouponId(uuid), couponId: couponId(coupon), slot, status, pending: undefined }]
        : []
    )
    const theirOrders = Array.from(orders.values()).filter(({ userId: user }) => user === id)
    const placed = theirOrders.filter(({ status }) => status !== "CANCELLED")
    const unpaid = theirOrders.filter(({ status }) => status === "CREATED")
    return balance === undefined ? undefined : makeWallet(id, won(balance), theirs, placed.length, unpaid.length)
  },
  coupon: ({ coupons }, id) => {
    const record = coupons.get(uuidOf(id))
    if (record === undefined) return undefined
    const coupon = Struct.omit(record, ["code", "name", "grantOn", "createdBy", "createdAt"])
    return { ...coupon, couponId: id, held: 0, pending: undefined }
  },
  order: ({ orders }, id) => {
    const order = orders.get(uuidOf(id))
    return order === undefined ? undefined : { order, pending: undefined }
  }
}

const reliesOn = (known: TransactionRecord, fences: ReadonlyArray<Fence>) =>
  fences.every(({ partition, epoch }) =>
    known.fences.some((fence) => fence.partition === partition && fence.epoch === epoch)
  )

export const layer = Layer.effect(
  Journal,
  Effect.gen(function* () {
    const tables = yield* MemoryTables
    const clock = yield* Clock.Clock
    const now = () => clock.currentTimeMillisUnsafe()

    return Journal.of({
      now,

      claim: (seen, owner) =>
        Effect.sync(() =>
          seen.map(({ partition, epoch }) => {
            if (tables.partitions.get(partition)?.epoch !== epoch) return undefined
            const raised = Epoch((epoch ?? 0) + 1)
            tables.partitions.set(partition, { epoch: raised, owner })
            return raised
          })
        ),

      load: (kind, ids) => Effect.sync(() => ids.map((id) => loaders[kind](tables, id))),

      commit: (batch) =>
        Effect.suspend(() => {
          const outcome = commit(tables, batch, now())
          return typeof outcome === "string"
            ? Effect.fail(new BatchRejected({ cause: `Violated: ${outcome}` }))
            : Effect.succeed(outcome)
        }),

      resolve: (doubts) =>
        Effect.sync(() =>
          doubts.map(({ id, key, deadline, fences }): Resolution => {
            const known = tables.transactions.get(key)
            if (known?.id === id) return reliesOn(known, fences) ? "Committed" : "Absent"
            if (deadline > now()) return "Pending"
            tables.absent.set(id, now())
            return "Absent"
          })
        ),

      find: (keys) =>
        Effect.sync(() =>
          keys.map((key) => {
            const { id, fences, bodyHash, answer } = tables.transactions.get(key) ?? {}
            return id === undefined || fences === undefined || bodyHash === undefined || answer === undefined
              ? undefined
              : { id: TransactionId(id), fences, bodyHash, answer, ...rankOf(tables, id) }
          })
        ),

      epochs: (partitions) =>
        Effect.sync(() =>
          partitions.map((partition) => {
            const epoch = tables.partitions.get(partition)?.epoch
            return epoch === undefined ? undefined : Epoch(epoch)
          })
        ),

      forget: Effect.sync(() => {
        const oldest = now() - Policy.idempotency.keptHours * 3_600_000
        const forgotten = [...tables.transactions].filter(([, { createdAt }]) => createdAt < oldest)
        for (const [key] of forgotten) tables.transactions.delete(key)
        for (const [id, at] of tables.absent) if (at < oldest) tables.absent.delete(id)
        return forgotten.length
      })
    })
  })
)
