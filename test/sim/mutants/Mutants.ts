/**
 * Bugs someone would ship, each planted by changing a few words of the real code, or of the simulated database where
 * the real rule is SQL. The checks are as good as what they catch of these.
 */
export interface Mutant extends Edit {
  readonly name: string
  /** Where one guard covers for another, the bug takes both. */
  readonly also?: Edit
}

export interface Edit {
  readonly file: string
  /** Found once in the file, whatever the white space. */
  readonly find: string
  readonly plant: string
}

const transact = "src/saga/Transact.ts"
const local = "src/actors/Local.ts"
const partition = "src/actors/Partition.ts"
const groupCommit = "src/persistence/GroupCommit.ts"
/** What the database does: `0002_journal.sql` in words of TypeScript. */
const rules = "src/persistence/MemoryJournal.ts"
const rows = "src/persistence/Rows.ts"
const database = "test/sim/Database.ts"
const journal = "test/sim/RemoteJournal.ts"
const remote = "src/actors/Remote.ts"
const ownership = "src/cluster/Ownership.ts"
const product = "src/domain/Product.ts"
const wallet = "src/domain/Wallet.ts"
const orderLife = "src/domain/OrderLife.ts"
const payments = "src/saga/Payments.ts"
const orderMoves = "src/domain/OrderMoves.ts"
const coupon = "src/domain/Coupon.ts"
const userCoupon = "src/domain/UserCoupon.ts"
const issuing = "src/saga/Coupons.ts"

export const mutants: ReadonlyArray<Mutant> = [
  // Ownership.
  {
    name: "no fence: a commit does not compare epochs",
    file: rules,
    find: `if (transaction.fences.some(({ partition, epoch }) => tables.partitions.get(partition)?.epoch !== epoch)) { return "Fenced" }`,
    plant: ""
  },
  {
    name: "a claim does not raise the epoch",
    file: rules,
    find: `const raised = Epoch((epoch ?? 0) + 1)`,
    plant: `const raised = Epoch(epoch ?? 1)`
  },
  {
    name: "epochs come from a store that forgets",
    file: rules,
    find: `const raised = Epoch((epoch ?? 0) + 1)`,
    plant: `const raised = Epoch(((epoch ?? 0) % 7) + 1)`
  },
  {
    name: "a claim does not wait for commits in progress",
    file: database,
    find: `this.#locked(partitions, "exclusive", reply, (end) => this.#works("claim", () => { const exit = this.#run(this.nowMs, this.#journal.claim`,
    plant: `this.#locked([], "exclusive", reply, (end) => this.#works("claim", () => { const exit = this.#run(this.nowMs, this.#journal.claim`
  },
  {
    name: "actors are loaded into the owner of after the query, not of before",
    file: local,
    find: `const partitions = missing.map((id) => ownerOf(kind, id)) const states = missing.length === 0 ? [] : yield* journal.load(kind, missing)`,
    plant: `const states = missing.length === 0 ? [] : yield* journal.load(kind, missing)
      const partitions = missing.map((id) => ownerOf(kind, id))`
  },
  {
    name: "a dropped partition is read again at its old epoch",
    file: local,
    find: `if (owners[partition]?.epoch === epoch) owners[partition] = undefined`,
    plant: `if (owners[partition]?.epoch === epoch) owners[partition] = new Partition(partition, epoch, capacity)`
  },
  {
    name: "a fenced partition is not dropped",
    file: local,
    find: `drop(fenced)`,
    plant: ``
  },
  {
    name: "memory is read on the word of old epochs",
    file: local,
    find: `monotonicMs() - checkedAt > unconfirmedMostMs`,
    plant: `monotonicMs() < 0`
  },
  // Holds.
  {
    name: "stock is checked against what is committed, not what is available",
    file: product,
    find: `available(product) < quantity ?`,
    plant: `product.onHand < quantity ?`
  },
  {
    name: "money that is held can be spent again",
    file: wallet,
    find: `return available(wallet) < amount`,
    plant: `return wallet.balance < amount`
  },
  {
    name: "a charge can be spent before it is committed",
    file: wallet,
    find: `export const available = (wallet: Wallet): Money => won(wallet.balance - wallet.held)`,
    plant: `export const available = (wallet: Wallet): Money => won(wallet.balance + wallet.incoming - wallet.held)`
  },
  {
    name: "a wallet is closed while money is on its way in",
    file: wallet,
    find: `if (balance + incoming > 0) return`,
    plant: `if (balance > 0) return`
  },
  {
    name: "a user leaves while buying something for nothing",
    file: wallet,
    find: `if (purchases > 0) return Result.fail(new OrdersOpen())`,
    plant: ""
  },
  {
    name: "two edits of a product at once",
    file: product,
    find: `if (product.version !== command.version || product.pending === "edit") {`,
    plant: `if (product.version !== command.version) {`
  },
  {
    name: "an actor with holds is passivated",
    file: partition,
    find: `if (cell.recent || cell.holds > 0 || this.#awaited.has(id)) {`,
    plant: `if (cell.recent || this.#awaited.has(id)) {`
  },
  {
    name: "an actor is passivated before it was asked",
    file: partition,
    find: `if (cell.recent || cell.holds > 0 || this.#awaited.has(id)) {`,
    plant: `if (cell.recent || cell.holds > 0) {`
  },
  {
    name: "actors are never passivated",
    file: partition,
    find: `if (this.resident >= this.#capacity) this.#passivate()`,
    plant: ``
  },
  {
    name: "a hold is released at its deadline without asking",
    file: local,
    find: `const resolutions = yield* journal.resolve(doubts)`,
    plant: `const resolutions = doubts.map(() => "Absent")`
  },
  {
    name: "a hold is settled at its deadline without asking",
    file: local,
    find: `const resolutions = yield* journal.resolve(doubts)`,
    plant: `const resolutions = doubts.map(() => "Committed")`
  },
  {
    name: "a resolution does not wait for commits in progress",
    file: database,
    find: `(fencesOf(doubts), "exclusive", reply,`,
    plant: `([], "exclusive", reply,`,
    also: {
      file: rules,
      find: `if (transaction.deadline <= now || tables.absent.has(transaction.id)) return "Expired"`,
      plant: `if (transaction.deadline <= now) return "Expired"`
    }
  },
  {
    name: "the database commits after the deadline",
    file: rules,
    find: `if (transaction.deadline <= now || tables.absent.has(transaction.id)) return "Expired"`,
    plant: ``
  },
  {
    name: "deadlines are made of the node's own clock",
    file: journal,
    find: `now: () => monotonicMs() + offsetMs + database.lapsedMs,`,
    plant: `now: () => clock.currentTimeMillisUnsafe(),`
  },
  {
    name: "a commit is sent after its deadline",
    file: groupCommit,
    find: `return { late: batch.filter(({ until }) => until <= now), timely: batch.filter(({ until }) => until > now) }`,
    plant: `return { late: batch.filter(({ until }) => until <= now - 1e9), timely: batch }`,
    also: {
      file: rules,
      find: `if (transaction.deadline <= now || tables.absent.has(transaction.id)) return "Expired"`,
      plant: `if (transaction.deadline <= now) return "Expired"`
    }
  },
  {
    name: "settling twice is settling twice",
    file: partition,
    find: `this.#groups.delete(transaction)`,
    plant: ``
  },
  // Commit and settle.
  {
    name: "answered before the commit",
    file: groupCommit,
    find: `return Queue.offerUnsafe(queue, { ...submission, until })`,
    plant: `const accepted = Queue.offerUnsafe(queue, { ...submission, until, done: () => {} })
            if (accepted) submission.done("Committed")
            return accepted`
  },
  {
    name: "settled before the commit",
    file: transact,
    find: `on.submitted() waiting.set(`,
    plant: `directory.settle(step)
      on.submitted()
      waiting.set(`
  },
  {
    name: "a commit of unknown outcome is taken for none",
    file: groupCommit,
    find: `OutcomeUnknown: () => settleDoubt(batch),`,
    plant: `OutcomeUnknown: () => answer(batch, "Expired"),`
  },
  {
    name: "a commit of unknown outcome is taken for done",
    file: groupCommit,
    find: `OutcomeUnknown: () => settleDoubt(batch),`,
    plant: `OutcomeUnknown: () => answer(batch, "Committed"),`
  },
  {
    name: "a commit of unknown outcome is repeated blindly",
    file: groupCommit,
    find: `OutcomeUnknown: () => settleDoubt(batch),`,
    plant: `OutcomeUnknown: () => retry(batch),`
  },
  {
    name: "a transaction that is not there yet is given up",
    file: groupCommit,
    find: `Effect.andThen(commit(timely, true)),`,
    plant: `Effect.andThen(answer(timely, "Expired")),`
  },
  {
    name: "one refused transaction costs its batch",
    file: groupCommit,
    find: `if (batch.length === 1) return confirm(batch, ["Rejected"])`,
    plant: `if (batch.length > 0) return confirm(batch, batch.map(() => "Rejected"))`
  },
  {
    name: "a split batch forgets its second half",
    file: groupCommit,
    find: `return Effect.andThen(commit(batch.slice(0, middle), inDoubt), commit(batch.slice(middle), inDoubt))`,
    plant: `return commit(batch.slice(0, middle), inDoubt)`
  },
  {
    name: "the queue of commits has no bound",
    file: groupCommit,
    find: `{ capacity: options.queueSize, strategy: "dropping" }`,
    plant: `{ capacity: 1_000_000, strategy: "dropping" }`
  },
  {
    name: "whoever hangs up takes the verdict along",
    file: transact,
    find: `waiting.set(step.id, { deadline: step.deadline, giveUp: () => resume(Effect.fail(new TimedOut())) })`,
    plant: `waiting.set(step.id, { deadline: step.deadline, giveUp: () => resume(Effect.fail(new TimedOut())) })
      return Effect.sync(() => directory.release(step))`
  },
  {
    name: "giving up gives the holds back",
    file: transact,
    find: `waiting.delete(id) giveUp()`,
    plant: `waiting.delete(id)
      directory.release({ id, fences: directory.owned().map(({ id: partition, epoch }) => ({ partition, epoch })) })
      giveUp()`
  },
  // Idempotency.
  {
    name: "the key is written by the node, not by the commit",
    file: rules,
    find: `for (const table of [transactions, products, orders, wallets, users, coupons, userCoupons]) table.save()`,
    plant: `for (const table of [products, orders, wallets, users, coupons, userCoupons]) table.save()`
  },
  {
    name: "a key answers any body",
    file: transact,
    find: `if (found.bodyHash !== request?.bodyHash) return yield* new KeyReused()`,
    plant: ``
  },
  {
    name: "a request is refused before it is looked up",
    file: transact,
    find: `return undecided ? Effect.fail(error) : orReplay(Effect.fail(error))`,
    plant: `return Effect.fail(error)`
  },
  {
    name: "a duplicate is settled like a commit",
    file: transact,
    find: `verdict === "Committed" ? directory.settle(step)`,
    plant: `verdict === "Committed" || verdict === "Duplicate" ? directory.settle(step)`
  },
  {
    name: "a repetition waits for an original that is never decided",
    file: "src/saga/Originals.ts",
    find: `if (--this.#pending > 0) return`,
    plant: `if (--this.#pending >= 0) return`
  },
  {
    name: "who is interrupted at the wrong moment keeps the key",
    file: transact,
    find: `Effect.uninterruptibleMask((restore) => { const { request } = wanted`,
    plant: `Effect.suspend(() => {
      const restore = <X>(effect: X): X => effect
      const { request } = wanted`
  },
  // The cluster.
  {
    name: "memory is read after the lease has ended",
    file: ownership,
    find: `mine: (id) => holdings.isValid(id, now()),`,
    plant: `mine: (id) => holdings.has(id),`
  },
  {
    name: "a partition that was lost while it was claimed is kept",
    file: local,
    find: `const kept = losses[id] === before[index] && ownership.mine(id)`,
    plant: `const kept = true`,
    also: {
      file: ownership,
      find: `mine: (id) => holdings.isValid(id, now()),`,
      plant: `mine: () => true,`
    }
  },
  {
    name: "what was lost is remembered",
    file: local,
    find: `losses[id] = (losses[id] ?? 0) + 1 owners[id] = undefined`,
    plant: `losses[id] = (losses[id] ?? 0) + 1`
  },
  {
    name: "a commit does not carry the epochs of other nodes",
    file: remote,
    find: `if (known === undefined) step.fences.push(fence)`,
    plant: ``
  },
  {
    name: "transactions that have ended are not remembered",
    file: remote,
    find: `const over = ended.has(step.id) || step.deadline <= journal.now()`,
    plant: `const over = step.deadline <= journal.now()`
  },
  {
    name: "an ask that arrives twice is granted twice",
    file: remote,
    find: `if (over || ids.some((id) => local.holds(step.id, kind, id))) return new Fenced()`,
    plant: `if (over) return new Fenced()`
  },
  {
    name: "a hold whose requester never came back is never asked for",
    file: local,
    find: `if (doubts.length === 0) continue`,
    plant: `if (doubts.length >= 0) continue`
  },
  {
    name: "an ask whose answer was lost held nothing",
    file: remote,
    find: `return Effect.fail(reason === "Overloaded" ? new Overloaded() : new Fenced())`,
    plant: `return Effect.fail(reason === "Overloaded" ? new Overloaded() : new Elsewhere())`,
    also: {
      file: remote,
      find: `if (over || ids.some((id) => local.holds(step.id, kind, id))) return new Fenced()`,
      plant: `if (over) return new Fenced()`
    }
  },
  {
    name: "answered before the owners have heard",
    file: transact,
    find: `resume(Effect.as(settled, { verdict, rank }))`,
    plant: `resume(Effect.succeed({ verdict, rank }))`
  },
  {
    name: "a settlement that got lost is not told again",
    file: remote,
    find: `if (still.length === 0) return Effect.void`,
    plant: `if (still.length >= 0) return Effect.void`
  },
  {
    name: "the leases of the dead are not broken, and not waited for",
    file: "src/cluster/View.ts",
    find: `believed.set(address, { address, nonce, until: sentAt + remainingMs })`,
    plant: `believed.set(address, { address, nonce, until: Infinity })`
  },
  {
    name: "a commit is not told any more to an owner that seems to be gone",
    file: remote,
    find: `const mayBeAsked = ({ fences }: Grantor): Effect.Effect<boolean> =>`,
    plant: `const mayBeAsked = ({ fences, address }: Grantor): Effect.Effect<boolean> =>
    fences.length > 0 ? Effect.succeed(fences.some(({ partition }) => ownership.ownerOf(partition) === address)) :`
  },
  {
    name: "a repetition at another node tells nobody",
    file: transact,
    find: `yield* directory.settleOther(step, found)`,
    plant: ``
  },
  {
    name: "a refresh takes back what was lost",
    file: "src/cluster/MemoryLeases.ts",
    find: `shards.filter((shard) => same(this.#leases.get(shard)?.owner, owner)),`,
    plant: `shards,`
  },
  {
    name: "a partition is handed over and kept",
    file: ownership,
    find: `yield* estate.lose(given)`,
    plant: ``
  },
  {
    name: "the refusal of a repeated commit is believed at once",
    file: groupCommit,
    find: `(inDoubt ? confirm(batch, decisions) : answer(batch, decisions))`,
    plant: `answer(batch, decisions)`
  },
  // Rows.
  {
    name: "a charge has no posting",
    file: rows,
    find: `rows.ledger.push({ t, asset: "KRW", ...entry, reason: change.reason, order })`,
    plant: `if (change.reason === "PAYMENT") rows.ledger.push({ t, asset: "KRW", ...entry, reason: change.reason, order })`
  },
  {
    name: "half a transaction: stock moves for the first line only",
    file: orderMoves,
    find: `for (const { productId, held, gone } of stock) {`,
    plant: `for (const { productId, held, gone } of stock.slice(0, 1)) {`
  },
  {
    name: "an order without its event",
    file: orderMoves,
    find: `events: eventsOf(before, after)`,
    plant: `events: after.lines.length > 1 ? [] : eventsOf(before, after)`
  },
  {
    name: "memory forgets a price that was edited",
    file: product,
    find: `price: command.edit.price ?? product.price,`,
    plant: `price: product.price,`
  },
  {
    name: "the total the buyer expects is not compared",
    file: "src/domain/Pricing.ts",
    find: `return expectedTotal !== undefined && expectedTotal !== payable`,
    plant: `return expectedTotal !== undefined && expectedTotal < 0`
  },
  // Coupons.
  {
    name: "one coupon more is promised than there is",
    file: coupon,
    find: `coupon.issued + coupon.held >= coupon.totalQuantity`,
    plant: `coupon.issued + coupon.held > coupon.totalQuantity`
  },
  {
    name: "one coupon more is issued than there is",
    file: coupon,
    find: `coupon.issued + coupon.held >= coupon.totalQuantity`,
    plant: `coupon.issued + coupon.held > coupon.totalQuantity`,
    also: { file: rules, find: `need(rank <= coupon.totalQuantity, "no more is issued than there is")`, plant: "" }
  },
  {
    name: "a coupon is said to be exhausted while its last one may come back",
    file: coupon,
    find: `? Result.fail(new CouponUndecided())`,
    plant: `? Result.fail(new CouponExhausted({ couponId: coupon.couponId }))`
  },
  {
    name: "a rank is told before the commit",
    file: issuing,
    find: `const created = { userCouponId: userCouponId(id), couponId: wanted }`,
    plant: `const created = { userCouponId: userCouponId(id), couponId: wanted }
        Issue.told ??= new Map()
        Issue.told.set(created.userCouponId, coupon.issued + coupon.held + 1)`,
    also: {
      file: issuing,
      find: `answer: { ...answer, rank, issuedAt, validUntil }`,
      plant: `answer: { ...answer, rank: Issue.told?.get(answer.userCouponId) ?? rank, issuedAt, validUntil }`
    }
  },
  {
    name: "ranks come from a sequence, which a refused batch has drawn from",
    file: rules,
    find: `const rank = Rank(coupon.issued + 1)`,
    plant: `const drawn = (tables.sequences ??= new Map())
    const rank = Rank((drawn.get(issue.coupon) ?? 0) + 1)
    drawn.set(issue.coupon, rank)`
  },
  {
    name: "a repetition of an issue is told another rank",
    file: rules,
    find: `{ rank: Rank(issued.rank) }`,
    plant: `{ rank: Rank(issued.rank + 1) }`
  },
  {
    name: "coupons that are on their way do not count against what one may have",
    file: wallet,
    find: `if (had.length >= limit || unused.length >= perWalletMost) return`,
    plant: `if (unused.length >= perWalletMost) return`
  },
  {
    name: "two coupons in one slot",
    file: userCoupon,
    find: `while (taken.has(slot)) slot++`,
    plant: "",
    also: {
      file: rules,
      find: `need(userCoupons.get(userCoupon) === undefined && !slots.has(slotOf(issue)) && !isTaken, "a slot is taken once")`,
      plant: ""
    }
  },
  {
    name: "a coupon that is being used can be used",
    file: userCoupon,
    find: `if (coupon.pending !== undefined) return "HELD"`,
    plant: ""
  },
  {
    name: "a coupon can be used twice",
    file: userCoupon,
    find: `case "HELD": case "USED": case "EXPIRED":`,
    plant: `case "USED": return undefined
    case "HELD": case "EXPIRED":`,
    also: {
      file: rules,
      find: `need(isTheirs && (isFree || record.order === order), "a coupon is its user's, and can be used")`,
      plant: ""
    }
  },
  {
    name: "a coupon stays held when its order is not committed",
    file: wallet,
    find: `purchases: wallet.purchases - 1,
          coupons: withCoupon(wallet.coupons, command.userCouponId, (coupon) => ({ ...coupon, pending: undefined }))`,
    plant: `purchases: wallet.purchases - 1`
  },
  {
    name: "a discount is rounded up",
    file: "src/domain/Money.ts",
    find: `Math.floor((rest * share) / 10_000)`,
    plant: `Math.ceil((rest * share) / 10_000)`
  },
  {
    name: "a won is lost when a discount is divided",
    file: "src/domain/Money.ts",
    find: `extra.has(n) ? share + 1 : share`,
    plant: `share`
  },
  {
    name: "a discount has no limit",
    file: coupon,
    find: `least(shareOf(amount, discount.share), discount.most ?? amount)`,
    plant: `shareOf(amount, discount.share)`
  },
  {
    name: "a suspended coupon can be used",
    file: coupon,
    find: `if (condition !== "OPEN") return condition`,
    plant: ""
  },
  {
    name: "memory forgets that a coupon was suspended",
    file: coupon,
    find: `return { ...coupon, ...command.edit, version: coupon.version + 1, pending: undefined }`,
    plant: `return { ...coupon, version: coupon.version + 1, pending: undefined }`
  },
  // Orders.
  {
    name: "pieces that were cancelled are paid back again with the next ones",
    file: orderLife,
    find: `minus(worth(line, less[n]?.cancelled ?? 0), worth(line, line.cancelled))`,
    plant: `worth(line, less[n]?.cancelled ?? 0)`
  },
  {
    name: "a coupon that went back with its order goes back again",
    file: orderMoves,
    find: `return before !== undefined && couponStatus(before) === to ? undefined : { userCouponId, to }`,
    plant: `return { userCouponId, to }`
  },
  {
    name: "a gateway's payment fails, and the wallet's part of it is kept",
    file: orderMoves,
    find: `(payment.status === "COMPLETED" || payment.status === "DEBITED")`,
    plant: `(payment.status === "COMPLETED" || payment.status === "DEBITED" || payment.status === "FAILED")`
  },
  {
    name: "a payment that was declined is taken for approved",
    file: payments,
    find: `return declined(asked, payment, failure)`,
    plant: `return step(asked, () => ({ _tag: "Approved", paymentId: payment.paymentId, gatewayId: "declined" }))`
  },
  {
    name: "a payment that was declined may be tried again",
    file: payments,
    find: `_tag: "NotPaid", paymentId: id, cancel: "PAYMENT_FAILED"`,
    plant: `_tag: "NotPaid", paymentId: id, cancel: undefined`
  },
  {
    name: "a payment of unknown outcome is taken for declined",
    file: payments,
    find: `case "OutcomeUnknown": return Effect.succeed(unknown)`,
    plant: `case "OutcomeUnknown":
          return declined(asked, payment, { code: "UNKNOWN", reason: "No answer" })`
  },
  {
    name: "who asks a gateway again takes its silence for a no",
    file: payments,
    find: `if (asOf !== undefined) return yield* approve(asked, order, payment, asOf)`,
    plant: `return yield* approve(asked, order, payment, asOf ?? order.version)`
  },
  {
    name: "a gateway is asked before it is written down that it will be",
    file: payments,
    find: `const pays: Deeds = (id) =>`,
    plant: `if (isSaga) {
      const { amount } = tenders.find((tender) => tender.method !== "WALLET")
      const early = { paymentId: paymentId(order.of.slice(4)), orderId: order.of, paymentKey, amount, method }
      yield* Effect.ignore(gateways.of(gateway).approve(early))
    }
    const pays: Deeds = (id) =>`
  },
  {
    name: "a timer does what it read, not what is due when it is decided",
    file: "src/saga/Timers.ts",
    find: `deed: () => ({ _tag: "Elapse" }),`,
    plant: `deed: () => due.deed,`
  },
  {
    name: "orders that nobody pays are left alone",
    file: "src/saga/Timers.ts",
    find: `case "Do":`,
    plant: `case "Do":
      return Effect.void
    case "Never":`
  },
  {
    name: "pieces stay reserved when nobody pays for them",
    file: orderMoves,
    find: `(order?.status === "CREATED" ? quantity : 0)`,
    plant: `(order?.status === "CREATED" || (order?.status === "CANCELLED" && isUnpaid(order)) ? quantity : 0)`
  },
  {
    name: "what comes back is rounded up",
    file: orderLife,
    find: `(BigInt(amount - discount) * BigInt(count)) / BigInt(quantity)`,
    plant: `(BigInt(amount - discount) * BigInt(count) + BigInt(quantity - 1)) / BigInt(quantity)`
  },
  {
    name: "two deeds of an order at once, and nobody compares versions",
    file: orderLife,
    find: `if (state.pending !== undefined) return Result.fail(new OrderUndecided())`,
    plant: "",
    also: { file: rules, find: `need(known?.version === change.before.version, "an order is as it was")`, plant: "" }
  },
  {
    name: "who has too little money cancels what somebody else has paid",
    file: orderLife,
    find: `if (isForUnpaid(reason)) return refused`,
    plant: ""
  },
  {
    name: "a refund is asked for under another id each time",
    file: payments,
    find: `refundId: id, amount: viaGateway,`,
    plant: `refundId: id + refund.attempts,
      amount: viaGateway,`
  },
  {
    name: "what a gateway takes is in nobody's books",
    file: orderMoves,
    find: `if (viaGateway !== 0) changes.push(`,
    plant: `if (viaGateway > 1e9) changes.push(`
  },
  {
    name: "an order waits, and its buyer leaves",
    file: wallet,
    find: `purchases: wallet.purchases - 1 + opens,`,
    plant: `purchases: wallet.purchases - 1,`
  },
  // HTTP.
  {
    name: "an answer does not tell that it was given before",
    file: "src/http/api/Fields.ts",
    find: `replayed ? { "idempotent-replayed": "true" as const } : {}`,
    plant: `replayed ? {} : {}`
  },
  {
    name: "a commit that may still come is told as if nothing had happened",
    file: "src/http/Problem.ts",
    find: `rows.get(error._tag)`,
    plant: `rows.get(error._tag === "TimedOut" ? "Unavailable" : error._tag)`
  },
  {
    name: "a change that cannot be shown is told as if it had not been made",
    file: "src/http/handlers/Products.ts",
    find: `Effect.catchTag(current(productId), ["Overloaded", "Unavailable"],`,
    plant: `Effect.catchTag(current(productId), ["Overloaded"],`
  },
  {
    name: "a handler edits the version of now, whatever If-Match says",
    file: "src/http/handlers/Products.ts",
    find: `const adjusted = adjustStock(product, headers["if-match"], payload.delta)`,
    plant: `const { version = 0 } = (yield* directory.read("product", product)) ?? {}
        const adjusted = adjustStock(product, version, payload.delta)`
  }
]
