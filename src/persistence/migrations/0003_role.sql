-- What the application may do. It does not own the tables, so it can't change them either; the ledger, the outbox
-- and the audit can only grow.
GRANT USAGE ON SCHEMA public TO sluice_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sluice_app;
GRANT INSERT ON settings, order_history, ledger, outbox, audit TO sluice_app;
GRANT INSERT, UPDATE ON partitions, users, products, orders, order_lines, payments, refunds, coupons,
  user_coupons TO sluice_app;
GRANT INSERT, UPDATE, DELETE ON wallets, owed_coupons TO sluice_app;
GRANT INSERT, DELETE ON transactions, absent, managers TO sluice_app;
