/** I-08: one edit for each version of a product, and whoever asks after its answer sees it. */
import { Equal } from "effect"
import { type ProductId, productId } from "../../../src/domain/Ids.ts"
import type { Change } from "../../../src/domain/Transaction.ts"
import type { Commit, History, Request, Violation } from "../History.ts"
import { answeredAt, askedAt, type Evidence, isDenied } from "./Evidence.ts"

/** What a product is sold for, from the commit that said so to the answer of the edit that said otherwise. */
interface Era {
  readonly price: number
  readonly onSale: boolean
  readonly from: number
  until: number
}

interface Edition {
  readonly version: number
  readonly commit: Commit
  /** Who may have asked for it. */
  readonly asked: ReadonlyArray<Request>
}

interface Biography {
  readonly eras: Array<Era>
  readonly editions: Array<Edition>
}

const biographies = (history: History): ReadonlyMap<ProductId, Biography> => {
  const products = new Map<ProductId, Biography>()
  const begin = (id: ProductId, price: number, onSale: boolean, from: number) =>
    products.set(id, { eras: [{ price, onSale, from, until: Infinity }], editions: [] })
  for (const [id, { price, onSale }] of history.opening.products) begin(productId(id), price, onSale, 0)
  for (const commit of history.commits) {
    for (const change of commit.transaction.changes) {
      if (change._tag === "ProductCreated") {
        begin(change.product.productId, change.product.price, change.product.saleStatus === "ON_SALE", commit.seq)
      }
      if (change._tag === "ProductEdited") edit(history, products.get(change.productId), change, commit)
    }
  }
  return products
}

type ProductEdited = Extract<Change, { readonly _tag: "ProductEdited" }>

const edit = (history: History, product: Biography | undefined, change: ProductEdited, commit: Commit) => {
  if (product === undefined) return
  const version = product.editions.length + 1
  const moved = commit.transaction.changes.find(({ _tag }) => _tag === "StockMoved")
  const asked = history.requests.filter(({ operation }) => {
    if (operation._tag !== "Edit" && operation._tag !== "Adjust") return false
    if (operation.product !== change.productId || operation.version !== version) return false
    return operation._tag === "Edit"
      ? moved === undefined && Equal.equals(operation.edit, change.edit)
      : moved?._tag === "StockMoved" && moved.delta === operation.delta
  })
  product.editions.push({ version, commit, asked })
  const last = product.eras.at(-1)
  if (last === undefined) return
  const { price = last.price, saleStatus } = change.edit
  const onSale = saleStatus === undefined ? last.onSale : saleStatus === "ON_SALE"
  if (price === last.price && onSale === last.onSale) return
  last.until = Math.min(...asked.map(answeredAt))
  product.eras.push({ price, onSale, from: commit.seq, until: Infinity })
}

export const versions = ({ history }: Evidence): ReadonlyArray<Violation> =>
  Array.from(biographies(history), ([product, { editions }]) =>
    editions.flatMap(({ version, commit, asked }) => {
      const violation = (message: string): ReadonlyArray<Violation> => [
        {
          invariant: "I-08 an edit is of the version it saw",
          message,
          about: [product, commit.transaction.id],
          seq: commit.seq
        }
      ]
      const name = history.names.of(product)
      if (asked.length === 0)
        return violation(`nobody asked for the edit of ${name} that made it version ${version + 1}`)
      if (
        isDenied(
          asked.flatMap(({ attempts }) => attempts),
          commit.seq
        )
      ) {
        const seq = Math.max(...asked.flatMap(({ attempts }) => attempts.map(({ returned = 0 }) => returned)))
        const denied = violation(`who made ${name} version ${version + 1} was told that nothing changed`)
        return denied.map((each) => ({ ...each, invariant: "I-05 a refusal changes nothing", seq }))
      }
      const answered = asked.filter((request) => answeredAt(request) < Infinity)
      return answered.length > 1 ? violation(`version ${version} of ${name} was edited ${answered.length} times`) : []
    })
  ).flat()

/** An edit that was answered is there. */
export const kept = ({ history }: Evidence): ReadonlyArray<Violation> => {
  const products = biographies(history)
  return history.requests.flatMap((request) => {
    const { operation, number } = request
    if (operation._tag !== "Edit" && operation._tag !== "Adjust") return []
    const seq = answeredAt(request)
    const edition = products.get(operation.product)?.editions[operation.version - 1]
    const isThere = edition !== undefined && edition.asked.includes(request) && edition.commit.seq < seq
    if (seq === Infinity || isThere) return []
    const message = `request ${number} was answered, and is not there`
    return [{ invariant: "I-06 an answer is durable", message, about: [operation.product, `request ${number}`], seq }]
  })
}

/** No order at a price, or of a product, that was withdrawn before it was asked for. */
export const seen = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { history } = evidence
  const products = biographies(history)
  return history.commits.flatMap((commit) => {
    const request = evidence.requestOf(commit)
    if (request === undefined) return []
    const asked = askedAt(request)
    const lines = commit.transaction.changes.flatMap((change) =>
      change._tag === "OrderPlaced" ? change.order.lines : []
    )
    const outdated = lines.filter(
      (line) =>
        !products
          .get(line.productId)
          ?.eras.some(
            ({ price, onSale, from, until }) => onSale && price === line.unitPrice && from < commit.seq && until > asked
          )
    )
    return outdated.map((line) => ({
      invariant: "I-08 an answered edit is seen",
      message: `${history.names.of(line.productId)} was sold at ${line.unitPrice}, as it was no longer offered`,
      about: [line.productId, commit.transaction.key],
      seq: commit.seq
    }))
  })
}
