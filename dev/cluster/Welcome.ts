/** What is said once all nodes are ready: where, and what to look at. */

export interface Facts {
  readonly port: number
  readonly count: number
  readonly buyer: string
  readonly productId: string
}

export const welcome = ({ port, count, buyer, productId }: Facts) => `
${count} nodes behind http://127.0.0.1:${port} (docs: http://127.0.0.1:${port}/docs). Ctrl-C drains and stops all.

Try it: copy, paste, in another terminal. The token is that of demo-buyer (password: sluice-demo), good for a day.

  API=http://127.0.0.1:${port}/api/v1
  BUYER=${buyer}
  PRODUCT=${productId}

  # buy a piece, and another, and another; each answer with its status and its time
  S=$(date +%s); for N in $(seq 500); do
    curl -s $API/checkout -H "authorization: Bearer $BUYER" -H 'content-type: application/json' \\
      -H "idempotency-key: order-$S-$N" -d "{\\"items\\":[{\\"productId\\":\\"$PRODUCT\\",\\"quantity\\":1}]}" \\
      -o /dev/null -w '%{http_code} %{time_total} s\\n'; sleep 0.2
  done

  # what is left on sale
  curl -s "$API/products/$PRODUCT?fresh=true"; echo

And while it buys, type here:

  nodes      how they are, how many partitions each owns, and who owns this product and this buyer's wallet
  kill 2     the others take its partitions over, in a fraction of a second; start 2 lets it come back
  freeze 2   nobody can know at once: if it owns the product or the wallet, purchases wait until its lease has ended,
             after 4 s; if not, one waits about a second, until the balancer asks another node; thaw 2
  stop 2     hands over what it owns before it goes; nobody should notice; start 2
`
