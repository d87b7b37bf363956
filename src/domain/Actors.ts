/** The kinds of actors there are. A new kind is a page of its own, a row here, and a loader in the journal. */
import { type Coupon, type CouponCommand, type CouponGrant, CouponKind, type CouponRefusal } from "./Coupon.ts"
import type { CouponId, OrderId, ProductId, UserId } from "./Ids.ts"
import type { Kind } from "./Kind.ts"
import { type OrderCommand, type OrderGrant, OrderKind, type OrderRefusal, type OrderState } from "./OrderLife.ts"
import { type Product, type ProductCommand, type ProductGrant, ProductKind, type ProductRefusal } from "./Product.ts"
import { type Wallet, type WalletCommand, type WalletGrant, WalletKind, type WalletRefusal } from "./Wallet.ts"

export interface Actors {
  readonly product: {
    readonly id: ProductId
    readonly state: Product
    readonly command: ProductCommand
    readonly grant: ProductGrant
    readonly refusal: ProductRefusal
  }
  readonly wallet: {
    readonly id: UserId
    readonly state: Wallet
    readonly command: WalletCommand
    readonly grant: WalletGrant
    readonly refusal: WalletRefusal
  }
  readonly coupon: {
    readonly id: CouponId
    readonly state: Coupon
    readonly command: CouponCommand
    readonly grant: CouponGrant
    readonly refusal: CouponRefusal
  }
  readonly order: {
    readonly id: OrderId
    readonly state: OrderState
    readonly command: OrderCommand
    readonly grant: OrderGrant
    readonly refusal: OrderRefusal
  }
}

export type KindName = keyof Actors

export type KindOf<K extends KindName> = Kind<
  Actors[K]["id"],
  Actors[K]["state"],
  Actors[K]["command"],
  Actors[K]["grant"],
  Actors[K]["refusal"]
>

export const kinds: { readonly [K in KindName]: KindOf<K> } = {
  product: ProductKind,
  wallet: WalletKind,
  coupon: CouponKind,
  order: OrderKind
}

/** Whether an actor is made by what it is asked, so that there is none to load. */
export const isNew = <K extends KindName>(kind: K, command: Actors[K]["command"]): boolean =>
  kinds[kind].makes?.(command) === true

export const areNew = <K extends KindName>(
  kind: K,
  asks: ReadonlyArray<readonly [id: Actors[K]["id"], command: Actors[K]["command"]]>
): boolean => asks.every(([, command]) => isNew(kind, command))
