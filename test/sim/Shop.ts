/** Who buys what in a world: written to the database before the first request. */
import {
  type CouponId,
  couponId,
  type ProductId,
  productId,
  type UserId,
  userId,
  uuidOf
} from "../../src/domain/Ids.ts"
import type { Coupon } from "../../src/domain/Coupon.ts"
import { basisPoints, maxBalance, won } from "../../src/domain/Money.ts"
import { Policy } from "../../src/domain/Policy.ts"
import type { SaleStatus } from "../../src/domain/Product.ts"
import type { Tables } from "../../src/persistence/MemoryTables.ts"
import { house } from "../../src/persistence/Rows.ts"
import type { Opening } from "./History.ts"
import type { Names } from "./Names.ts"
import type { Options } from "./Options.ts"
import { epochMs } from "./Simulation.ts"

export const uuid = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`

export class Shop {
  readonly seller: UserId
  readonly hotBuyer: UserId
  readonly buyers: Array<UserId> = []
  /** One for each client: nobody else moves their money. */
  readonly owners: Array<UserId> = []
  readonly poor: UserId
  /** Whose wallet is almost full. */
  readonly rich: UserId
  /** Whose wallets are empty, and who will leave. */
  readonly leavers: Array<UserId> = []
  readonly nobody = userId(uuid(0xffff01))

  readonly hot: ProductId
  readonly scarce: ProductId
  readonly plenty: ProductId
  readonly free: ProductId
  readonly withheld: ProductId
  /** All that can be bought; grows when sellers add products. */
  readonly products: Array<ProductId> = []
  readonly nothing = productId(uuid(0xffff02))

  /** Everybody wants one. */
  readonly hotCoupon = couponId(uuid(0x2001))
  /** There are only a few. */
  readonly scarceCoupon = couponId(uuid(0x2002))
  /** One for each. */
  readonly onceCoupon = couponId(uuid(0x2003))
  readonly withheldCoupon = couponId(uuid(0x2004))
  readonly noCoupon = couponId(uuid(0xffff03))
  /** Enough for everybody, and as many as one likes. */
  readonly generous: ReadonlyArray<CouponId> = []
  /** All that can be had; none in a world without. */
  readonly coupons: ReadonlyArray<CouponId> = []

  readonly opening: Opening
  readonly #balances = new Map<string, number>()
  readonly #products = new Map<string, { readonly stock: number; readonly price: number; readonly onSale: boolean }>()
  readonly #coupons = new Map<string, { readonly isOpen: boolean }>()
  readonly #tables: Tables
  readonly #names: Names

  constructor(options: Options, tables: Tables, names: Names) {
    this.#tables = tables
    this.#names = names
    this.seller = this.#user(1, "seller", 0)
    this.poor = this.#user(2, "poor", 0)
    this.rich = this.#user(3, "rich", maxBalance - 2000)
    this.hotBuyer = this.#user(4, "buyer1", 3000)
    this.buyers.push(this.hotBuyer)
    for (let n = 2; n <= options.buyers; n++) this.buyers.push(this.#user(3 + n, `buyer${n}`, 2000))
    for (let n = 1; n <= options.clients; n++) this.owners.push(this.#user(0x100 + n, `owner${n}`, 30_000))
    for (let n = 1; n <= 6; n++) this.leavers.push(this.#user(0x200 + n, `leaver${n}`, 0))

    this.hot = this.#product(1, "hot", 1000, 100)
    this.scarce = this.#product(2, "scarce", 500, 2)
    this.plenty = this.#product(3, "plenty", 1, 200_000)
    this.free = this.#product(4, "free", 0, 20)
    this.withheld = this.#product(5, "withheld", 100, 10, "SUSPENDED")
    this.products.push(this.hot, this.scarce, this.free)
    for (let n = 1; n <= options.products; n++) this.products.push(this.#product(5 + n, `cold${n}`, 300 * n, 10))
    if (options.coupons === true) {
      const many = { totalQuantity: 100_000, perUserLimit: 100 }
      const fixed = (amount: number) => ({ discount: { _tag: "FIXED", amount: won(amount) } }) as const
      const share = (ofTenThousand: number, most?: number) =>
        ({
          discount: {
            _tag: "PERCENTAGE",
            share: basisPoints(ofTenThousand),
            most: most === undefined ? undefined : won(most)
          }
        }) as const
      this.generous = [
        this.#coupon(0x2005, "a fixed one", { ...many, ...fixed(101) }),
        this.#coupon(0x2006, "a generous one", { ...many, ...fixed(1_000_000) }),
        this.#coupon(0x2007, "a share", { ...many, ...share(3333) }),
        this.#coupon(0x2008, "a share of the hot", { ...many, ...share(777, 55), productIds: [this.hot] })
      ]
      this.coupons = [
        this.#coupon(0x2001, "the hot coupon", { totalQuantity: 40, perUserLimit: 5, ...fixed(77) }),
        this.#coupon(0x2002, "the scarce coupon", { totalQuantity: 3, perUserLimit: 2, ...fixed(333) }),
        this.#coupon(0x2003, "one for each", { totalQuantity: 100, perUserLimit: 1, ...share(1111) }),
        ...this.generous
      ]
      this.#coupon(0x2004, "a withheld one", { ...many, ...fixed(1), condition: "SUSPENDED" })
    }
    this.opening = { balances: this.#balances, products: this.#products, coupons: this.#coupons }
    names.give(uuidOf(this.nobody), "nobody")
    names.give(uuidOf(this.nothing), "nothing")
  }

  #user(n: number, name: string, balance: number): UserId {
    const id = uuid(n)
    const { users, wallets, ledger } = this.#tables
    const role = name === "seller" ? "SELLER" : "BUYER"
    users.set(id, { loginId: name, name, role, tier: "BRONZE", passwordHash: "", withdrawn: false })
    wallets.set(id, balance)
    if (balance > 0)
      ledger.push({ asset: "KRW", debit: house.FUNDING, credit: id, amount: balance, reason: "CHARGE", ...opening })
    this.#balances.set(id, balance)
    this.#names.give(id, name)
    return userId(id)
  }

  #coupon(
    n: number,
    name: string,
    terms: Pick<Coupon, "totalQuantity" | "perUserLimit" | "discount"> & Partial<Coupon>
  ): CouponId {
    const id = uuid(n)
    const window = { from: undefined, until: undefined }
    this.#tables.coupons.set(id, {
      sellerId: this.seller,
      grantOn: undefined,
      tiers: [],
      firstPurchaseOnly: false,
      issueBy: Policy.coupon.issueBy,
      minOrderAmount: won(0),
      productIds: [],
      categories: [],
      issue: window,
      validity: window,
      condition: "OPEN",
      issued: 0,
      version: 1,
      code: `CODE-${n}`,
      name,
      createdBy: this.seller,
      createdAt: epochMs,
      ...terms
    })
    this.#coupons.set(id, { isOpen: terms.condition === undefined })
    this.#names.give(id, name)
    return couponId(id)
  }

  #product(n: number, name: string, price: number, stock: number, status: SaleStatus = "ON_SALE"): ProductId {
    const id = uuid(0x1000 + n)
    const texts = { name, description: "", category: null }
    const times = { createdAt: epochMs, updatedAt: epochMs }
    this.#tables.products.set(id, {
      ...texts,
      ...times,
      seller: uuidOf(this.seller),
      price,
      status,
      onHand: stock,
      reserved: 0,
      version: 1
    })
    this.#tables.ledger.push({
      asset: "PIECE",
      debit: house.SUPPLY,
      credit: id,
      amount: stock,
      reason: "INITIAL",
      ...opening
    })
    this.#products.set(id, { stock, price, onSale: status === "ON_SALE" })
    this.#names.give(id, name)
    return productId(id)
  }
}

const opening = { order: null, transactionId: uuid(0), createdAt: epochMs }
