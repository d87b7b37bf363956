-- What sellers look at: orders by what was sold in them, refunds that wait for a decision, and their coupons.
CREATE INDEX products_seller ON products (seller_id, product_id);
-- Without what is on sale, which is nearly all, and changes with each sale.
CREATE INDEX products_status ON products (sale_status, product_id) WHERE sale_status <> 'ON_SALE';
-- By product and not by seller: an order's lines do not know whose products they are of, and need not be told.
CREATE INDEX order_lines_product ON order_lines (product_id, order_id);
CREATE INDEX refunds_requested ON refunds (refund_id) WHERE status = 'REFUND_REQUESTED';
CREATE INDEX coupons_seller ON coupons (seller_id, coupon_id);
