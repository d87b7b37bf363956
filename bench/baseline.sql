-- What one writes without Sluice: the same rows in the same tables, one database transaction per order, and a lock on
-- the row of the product.

CREATE SEQUENCE order_numbers;

-- Everything about an order but its product's stock.
CREATE FUNCTION record_order(buyer uuid, wanted uuid, product_name text, unit_price bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  -- Ordered by time, as Sluice's are.
  placed uuid := lpad(to_hex(nextval('order_numbers')), 32, '0')::uuid;
BEGIN
  INSERT INTO transactions (key, id, fences, body_hash, answer)
    VALUES (gen_random_uuid(), placed, '', gen_random_uuid(),
      json_build_object('orderId', placed, 'paidAmount', unit_price));
  UPDATE wallets SET balance = balance - unit_price WHERE user_id = buyer AND balance >= unit_price;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'insufficient balance';
  END IF;
  INSERT INTO orders (order_id, user_id, status, total_amount, discount_amount, paid_amount, created_at)
    VALUES (placed, buyer, 'CONFIRMED', unit_price, 0, unit_price, now());
  INSERT INTO order_lines (order_id, line, product_id, name, unit_price, quantity, amount)
    VALUES (placed, 1, wanted, product_name, unit_price, 1, unit_price);
  INSERT INTO payments (order_id, payment_id, method, amount, status)
    VALUES (placed, placed, 'WALLET', unit_price, 'COMPLETED');
  INSERT INTO ledger (transaction_id, asset, debit, credit, amount, reason, order_id) VALUES
    (placed, 'KRW', buyer, '00000000-0000-0000-0000-000000000002', unit_price, 'PAYMENT', placed),
    (placed, 'PIECE', wanted, '00000000-0000-0000-0000-000000000004', 1, 'SALE', placed);
  INSERT INTO outbox (transaction_id, type, entity, payload)
    VALUES (placed, 'OrderConfirmed', 'ord_' || placed, json_build_object('userId', buyer, 'paidAmount', unit_price));
  RETURN placed;
END $$;

-- The lock comes first, because the price and the stock are read under it.
CREATE FUNCTION buy_locking_first(buyer uuid, wanted uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  product record;
BEGIN
  SELECT name, price, on_hand INTO product FROM products WHERE product_id = wanted FOR UPDATE;
  IF product.on_hand < 1 THEN
    RAISE EXCEPTION 'sold out';
  END IF;
  UPDATE products SET on_hand = on_hand - 1 WHERE product_id = wanted;
  RETURN record_order(buyer, wanted, product.name, product.price);
END $$;

-- The lock is held for as short as can be: the stock is taken last, and everything undone if there is none.
CREATE FUNCTION buy_locking_last(buyer uuid, wanted uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  product record;
  placed uuid;
BEGIN
  SELECT name, price INTO product FROM products WHERE product_id = wanted;
  placed := record_order(buyer, wanted, product.name, product.price);
  UPDATE products SET on_hand = on_hand - 1 WHERE product_id = wanted AND on_hand >= 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sold out';
  END IF;
  RETURN placed;
END $$;
