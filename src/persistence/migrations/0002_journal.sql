-- The database's half of the journal's protocol (src/persistence/Journal.ts). Lock class 7107 is the partitions'.
-- All functions are VOLATILE, so each statement inside sees what committed before it: an epoch compared after the lock
-- was granted is the epoch of now.

CREATE FUNCTION clock_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
  $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- Takes partitions over. Waits for commits in progress, then fences all that come later with the old epoch. An epoch is
-- no less than the time: a replica that becomes the primary without the last claims does not give their epochs again.
CREATE FUNCTION journal_claim(claimed int[], seen bigint[], new_owner text)
RETURNS TABLE (partition_id int, new_epoch bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7107, p) FROM (SELECT DISTINCT p FROM unnest(claimed) p ORDER BY p) sorted;
  RETURN QUERY
    INSERT INTO partitions AS old (partition, epoch, owner)
      SELECT partition, greatest(c.epoch + 1, clock_ms()), new_owner
      FROM unnest(claimed, seen) c(partition, epoch) LEFT JOIN partitions p USING (partition)
      WHERE c.epoch = coalesce(p.epoch, 0)
    ON CONFLICT (partition) DO UPDATE
      SET epoch = excluded.epoch, owner = excluded.owner, claimed_at = now()
    RETURNING old.partition, old.epoch;
END $$;

-- For each doubtful transaction: 0 committed, 1 absent for good, 2 pending. Exclusive locks, so that a commit which
-- passed its deadline check and is still in progress is waited for. One that relied on another epoch than the doubt is as
-- good as absent: who claimed since has read what it wrote. `f_n` is the ordinal (from 1) of the doubt a fence is of.
CREATE FUNCTION journal_resolve(
  f_n int[], f_partition int[], f_epoch bigint[], keys uuid[], ids uuid[], deadlines bigint[]
) RETURNS int[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  resolutions int[];
BEGIN
  PERFORM pg_advisory_xact_lock(7107, p) FROM (SELECT DISTINCT p FROM unnest(f_partition) p ORDER BY p) sorted;
  SELECT array_agg(CASE
      WHEN t.id = d.id AND NOT EXISTS (
        SELECT FROM unnest(f_n, f_partition, f_epoch) f(n, partition, epoch)
        WHERE f.n = d.n AND position(concat(' ', f.partition, ':', f.epoch, ' ') IN t.fences) = 0
      ) THEN 0
      WHEN t.id = d.id OR d.deadline <= clock_ms() THEN 1 ELSE 2 END ORDER BY d.n)
    INTO resolutions
    FROM unnest(keys, ids, deadlines) WITH ORDINALITY d(key, id, deadline, n)
    LEFT JOIN transactions t ON t.key = d.key;
  INSERT INTO absent (id)
    SELECT d.id FROM unnest(ids) WITH ORDINALITY d(id, n) WHERE resolutions[d.n] = 1 ORDER BY d.id
    ON CONFLICT DO NOTHING;
  RETURN resolutions;
END $$;

-- Commits a batch. Returns a verdict per transaction: 0 committed, 1 fenced, 2 expired, 3 duplicate; below 0, the rank of
-- a coupon it issued, and so a commit. A coupon's row is locked before its ranks are given: ranks are the order of commits.
--
-- The columns of each table come as arrays, or as NULL if every row has what is usual there; `…_t` is the ordinal (from 1) of the transaction a row belongs to. A function
-- has at most 100 arguments: rows that are rare come as one, `…_rows`, a JSON array of objects with a `t`.
-- Rows are written in one global order, hot ones last: request keys, users who go and sellers of new products, orders, coupons they are made with or that are revoked, wallets, ledger and
-- outbox, coupons issued, products. Keys and rows that two batches may share are taken in the order of their ids, so
-- batches of two nodes wait for, but never deadlock, one another. The ledger follows the wallets' locks: a wallet's
-- entries are in the order of their commits.
--
-- Plans are made once per session, when tables may still be empty: the settings leave no plan that reads a whole table.
CREATE FUNCTION journal_commit(
  t_key uuid[], t_id uuid[], t_fences text[], t_body uuid[], t_answer text[], t_deadline bigint[],
  f_t int[], f_partition int[], f_epoch bigint[],
  n_t int[], n_product uuid[], n_seller uuid[], n_name text[], n_description text[], n_category text[],
    n_price bigint[], n_status text[],
  o_t int[], o_order uuid[], o_user uuid[], o_status text[], o_total bigint[], o_discount bigint[], o_paid bigint[],
    o_created bigint[], o_coupon uuid[], o_deadline bigint[], o_due bigint[], o_address text[],
  order_changes json, order_statuses json, lines_cancelled json, payment_changes json, refunds_changed json,
  l_t int[], l_order uuid[], l_line int[], l_product uuid[], l_name text[], l_price bigint[], l_quantity int[],
    l_discount bigint[],
  p_t int[], p_order uuid[], p_payment uuid[], p_method text[], p_amount bigint[], p_status text[], p_gateway text[], p_key text[],
    p_due bigint[],
  g_t int[], g_asset text[], g_debit uuid[], g_credit uuid[], g_amount bigint[], g_reason text[], g_order uuid[],
  e_t int[], e_type text[], e_entity text[], e_payload text[],
  x_t int[], x_user uuid[],
  w_t int[], w_user uuid[], w_delta bigint[],
  s_t int[], s_product uuid[], s_delta bigint[], s_reserved bigint[],
  c_t int[], c_product uuid[], c_name text[], c_description text[], c_category text[], c_price bigint[],
    c_status text[],
  u_t int[], u_coupon uuid[], u_user uuid[], u_order uuid[], u_to text[],
  v_rows json,
  i_t int[], i_id uuid[], i_coupon uuid[], i_user uuid[], i_slot int[], i_issued bigint[],
  m_t int[], m_coupon uuid[], m_condition text[],
  a_t int[], a_record text[], a_details text[]
) RETURNS int[] LANGUAGE plpgsql VOLATILE
  SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET random_page_cost = 1
AS $$
DECLARE
  verdicts int[];
  skip     bigint[];
  added    uuid[];
  now_ms   bigint;
  expected int;
  changed  int;
  hot      uuid[];
  before   int[];
  ranks    int[];
  it       record;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7107, p) FROM (SELECT DISTINCT p FROM unnest(f_partition) p ORDER BY p) sorted;

  -- A later statement, and so a snapshot that sees every claim before the locks.
  SELECT coalesce(array_agg(DISTINCT f.t), '{}') INTO skip FROM unnest(f_t, f_partition, f_epoch) f(t, partition, epoch)
    WHERE (f.partition, f.epoch) NOT IN (SELECT p.partition, p.epoch FROM partitions p);
  now_ms := clock_ms();
  SELECT array_agg(CASE WHEN d.t = ANY (skip) THEN 1 WHEN d.deadline <= now_ms THEN 2 ELSE 0 END ORDER BY d.t)
    INTO verdicts FROM unnest(t_deadline) WITH ORDINALITY d(deadline, t);
  IF EXISTS (SELECT FROM absent) THEN
    SELECT array_agg(CASE WHEN v.verdict = 0 AND v.id IN (SELECT a.id FROM absent a) THEN 2 ELSE v.verdict END ORDER BY v.t)
      INTO verdicts FROM unnest(verdicts, t_id) WITH ORDINALITY v(verdict, id, t);
  END IF;
  SELECT coalesce(array_agg(v.t), '{}') INTO skip FROM unnest(verdicts) WITH ORDINALITY v(verdict, t) WHERE v.verdict > 0;

  WITH inserted AS (
    INSERT INTO transactions (key, id, fences, body_hash, answer)
      SELECT r.key, r.id, r.fences, r.body, r.answer
      FROM unnest(t_key, t_id, t_fences, t_body, t_answer) WITH ORDINALITY r(key, id, fences, body, answer, t)
      WHERE r.t <> ALL (skip) ORDER BY r.key, r.t
    ON CONFLICT (key) DO NOTHING RETURNING key
  )
  SELECT array_agg(key) INTO added FROM inserted;

  IF coalesce(cardinality(added), 0) < cardinality(t_key) THEN
    SELECT coalesce(array_agg(r.t), '{}') INTO skip FROM unnest(t_key) WITH ORDINALITY r(key, t)
      WHERE r.t NOT IN (
        SELECT DISTINCT ON (k.key) k.t FROM unnest(t_key) WITH ORDINALITY k(key, t)
        WHERE k.t <> ALL (skip) AND k.key = ANY (added) ORDER BY k.key, k.t
      );
    -- What is there under its own id was committed by an earlier attempt at this very batch.
    SELECT array_agg(CASE WHEN r.t <> ALL (skip) THEN 0
                          WHEN (SELECT old.id FROM transactions old WHERE old.key = r.key) = r.id THEN 0
                          WHEN r.verdict > 0 THEN r.verdict ELSE 3 END ORDER BY r.t)
      INTO verdicts FROM unnest(verdicts, t_key, t_id) WITH ORDINALITY r(verdict, key, id, t);
  END IF;

  -- A product locks its seller, who may be going. Whoever goes is locked before whatever a batch may wait for.
  IF cardinality(x_t) > 0 THEN
    PERFORM 1 FROM users WHERE user_id = ANY (x_user || n_seller) ORDER BY user_id FOR UPDATE;
  END IF;
  INSERT INTO products (product_id, seller_id, name, description, category, price, on_hand, sale_status)
    SELECT r.product, r.seller, r.name, r.description, r.category, r.price, 0, r.status
    FROM unnest(n_t, n_product, n_seller, n_name, n_description, n_category, n_price, n_status)
      r(t, product, seller, name, description, category, price, status)
    WHERE r.t <> ALL (skip) ORDER BY r.seller;
  IF EXISTS (
    SELECT FROM unnest(n_t, n_seller) n(t, seller) JOIN users u ON u.user_id = n.seller
    WHERE n.t <> ALL (skip) AND u.withdrawn_at IS NOT NULL
  ) THEN
    RAISE EXCEPTION 'the seller of a product has withdrawn' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO orders (order_id, user_id, status, total_amount, discount_amount, paid_amount, created_at,
      user_coupon_id, pay_until, due_at, address)
    SELECT r.id, r.usr, r.status, r.total, r.discount, r.paid, to_timestamp(r.created / 1000.0), r.coupon,
      to_timestamp(r.deadline / 1000.0), to_timestamp(r.due / 1000.0), r.address
    FROM unnest(o_t, o_order, o_user, o_status, o_total, o_discount, o_paid, o_created, o_coupon, o_deadline, o_due,
      o_address) r(t, id, usr, status, total, discount, paid, created, coupon, deadline, due, address)
    WHERE r.t <> ALL (skip);
  INSERT INTO order_lines (order_id, line, product_id, name, unit_price, quantity, amount, discount)
    SELECT r.id, r.line, r.product, r.name, r.price, r.quantity, r.price * r.quantity, r.discount
    FROM unnest(l_t, l_order, l_line, l_product, l_name, l_price, l_quantity, l_discount)
      r(t, id, line, product, name, price, quantity, discount)
    WHERE r.t <> ALL (skip);
  -- Keys of gateways, which buyers name, are taken in one order before any is written: the index would wait in the batch's.
  IF payment_changes IS NOT NULL OR cardinality(array_remove(p_key, NULL)) > 0 THEN
    PERFORM pg_advisory_xact_lock(k.lock) FROM (
      SELECT DISTINCT hashtextextended(n.key, 0) AS lock FROM (
        SELECT unnest(p_key) AS key UNION ALL
        SELECT q.key FROM json_to_recordset(payment_changes) q(key text)
      ) n WHERE n.key IS NOT NULL ORDER BY lock
    ) k;
  END IF;
  INSERT INTO payments (order_id, payment_id, method, amount, status, gateway, payment_key, due_at)
    SELECT r.id, r.payment, r.method, r.amount, coalesce(r.status, 'COMPLETED'), r.gateway, r.key, to_timestamp(r.due / 1000.0)
    FROM unnest(p_t, p_order, p_payment, p_method, p_amount, p_status, p_gateway, p_key, p_due)
      r(t, id, payment, method, amount, status, gateway, key, due)
    WHERE r.t <> ALL (skip);

  -- Whoever goes takes the addresses of orders along, which others may change meanwhile.
  IF cardinality(x_t) > 0 THEN
    PERFORM 1 FROM orders WHERE user_id = ANY (x_user)
      OR order_id = ANY (ARRAY(SELECT d.order FROM json_to_recordset(order_changes) d("order" uuid)))
      ORDER BY order_id FOR NO KEY UPDATE;
  END IF;
  IF order_changes IS NOT NULL THEN
    WITH change AS MATERIALIZED (
      SELECT d.* FROM json_to_recordset(order_changes)
        d(t int, "order" uuid, version int, status text, paid bigint, reason text, "paidAt" bigint, due bigint)
      WHERE d.t <> ALL (skip) ORDER BY d.order
    ), changed AS (
      UPDATE orders o SET status = change.status, paid_amount = change.paid, cancel_reason = change.reason,
        paid_at = to_timestamp(change."paidAt" / 1000.0), due_at = to_timestamp(change.due / 1000.0),
        version = o.version + 1
      FROM change WHERE o.order_id = change.order AND o.version = change.version RETURNING 1
    )
    SELECT (SELECT count(*) FROM change), (SELECT count(*) FROM changed) INTO expected, changed;
    IF changed < expected THEN
      RAISE EXCEPTION 'an order is not as it was' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO order_history (order_id, n, status, at, note)
      SELECT h.order, h.n, h.status, to_timestamp(h.at / 1000.0), h.note
      FROM json_to_recordset(order_statuses) h(t int, "order" uuid, n int, status text, at bigint, note text)
      WHERE h.t <> ALL (skip);
    UPDATE order_lines l SET cancelled = k.cancelled
      FROM json_to_recordset(lines_cancelled) k(t int, "order" uuid, line int, cancelled int)
      WHERE k.t <> ALL (skip) AND l.order_id = k.order AND l.line = k.line;
    UPDATE payments p SET status = q.status, refunded = q.refunded, payment_key = q.key, gateway_id = q.transaction,
        due_at = to_timestamp(q.due / 1000.0)
      FROM json_to_recordset(payment_changes) q(t int, "order" uuid, payment uuid, method text, status text,
        refunded bigint, key text, transaction text, due bigint)
      WHERE q.t <> ALL (skip) AND p.order_id = q.order AND p.payment_id = q.payment AND p.method = q.method;
    INSERT INTO refunds AS old
        (refund_id, order_id, amount, via_gateway, status, attempts, due_at, reason, items, requested_at)
      SELECT r.refund, r.order, r.amount, r."viaGateway", r.status, r.attempts, to_timestamp(r.due / 1000.0), r.reason, r.items::json,
        to_timestamp(r.requested / 1000.0)
      FROM json_to_recordset(refunds_changed) r(t int, "order" uuid, refund uuid, amount bigint, "viaGateway" bigint,
        status text, attempts int, due bigint, reason text, items text, requested bigint)
      WHERE r.t <> ALL (skip)
      ON CONFLICT (refund_id) DO UPDATE SET via_gateway = excluded.via_gateway, status = excluded.status,
        attempts = excluded.attempts, due_at = excluded.due_at;
  END IF;

  IF cardinality(u_t) > 0 THEN
    IF EXISTS (
      SELECT FROM unnest(u_t, u_order) u(t, id) JOIN unnest(o_order, o_discount) o(id, discount) USING (id)
      WHERE o.discount <> (SELECT sum(l.discount) FROM unnest(l_order, l_discount) l(id, discount) WHERE l.id = u.id)
    ) THEN
      RAISE EXCEPTION 'a discount that its lines do not add up to' USING ERRCODE = 'check_violation';
    END IF;
    FOR it IN
      SELECT u.* FROM unnest(u_t, u_coupon, u_user, u_order, u_to) u(t, coupon, usr, id, becomes)
      WHERE u.t <> ALL (skip) ORDER BY u.coupon
    LOOP
      -- A coupon is the order's that holds or used it; any other has to find it free.
      UPDATE user_coupons SET status = it.becomes, order_id = CASE WHEN it.becomes = 'ISSUED' THEN NULL ELSE it.id END
        WHERE user_coupon_id = it.coupon AND user_id = it.usr AND CASE it.becomes
          WHEN 'HELD' THEN status IN ('ISSUED', 'REFUNDED')
          WHEN 'USED' THEN status IN ('ISSUED', 'REFUNDED') OR status = 'HELD' AND order_id = it.id
          WHEN 'ISSUED' THEN status = 'HELD' AND order_id = it.id
          WHEN 'REFUNDED' THEN status = 'USED' AND order_id = it.id END;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'user coupon % cannot be used', it.coupon USING ERRCODE = 'check_violation';
      END IF;
    END LOOP;
    -- Not whether it is the user's first order: one that was admitted later may have been committed sooner.
    IF EXISTS (
      SELECT FROM unnest(u_t, u_coupon, u_user) r(t, id, usr)
      JOIN user_coupons mine ON mine.user_coupon_id = r.id
      JOIN coupons kind ON kind.coupon_id = mine.coupon_id AND kind.first_purchase_only
      WHERE r.t <> ALL (skip) AND EXISTS (
        SELECT FROM user_coupons u JOIN coupons c USING (coupon_id) JOIN orders o USING (order_id)
        WHERE u.user_id = r.usr AND u.user_coupon_id <> r.id AND u.status IN ('HELD', 'USED')
          AND c.first_purchase_only AND o.status <> 'CANCELLED'
      )
    ) THEN
      RAISE EXCEPTION 'two first purchases of one user' USING ERRCODE = 'check_violation';
    END IF;
  END IF;

  FOR it IN
    SELECT v.* FROM json_to_recordset(v_rows) v(t int, "userCoupon" uuid, "user" uuid, reason text)
    WHERE v.t <> ALL (skip) ORDER BY v."userCoupon"
  LOOP
    UPDATE user_coupons SET status = 'REVOKED', revoke_reason = it.reason
      WHERE user_coupon_id = it."userCoupon" AND user_id = it."user" AND status IN ('ISSUED', 'REFUNDED');
    IF NOT FOUND THEN
      RAISE EXCEPTION 'user coupon % cannot be revoked', it."userCoupon" USING ERRCODE = 'check_violation';
    END IF;
  END LOOP;

  WITH change AS MATERIALIZED (
    SELECT w.usr, sum(w.delta)::bigint AS delta
    FROM (
      SELECT * FROM unnest(w_t, w_user, w_delta)
      UNION ALL SELECT x.*, 0 FROM unnest(x_t, x_user) x -- to be locked in the same order
    ) w(t, usr, delta)
    WHERE w.t <> ALL (skip) GROUP BY w.usr ORDER BY w.usr
  ), moved AS (
    UPDATE wallets SET balance = balance + change.delta FROM change WHERE wallets.user_id = change.usr RETURNING 1
  )
  SELECT (SELECT count(*) FROM change), (SELECT count(*) FROM moved) INTO expected, changed;
  IF changed < expected THEN
    RAISE EXCEPTION 'a wallet is missing' USING ERRCODE = 'foreign_key_violation';
  END IF;

  INSERT INTO ledger (transaction_id, asset, debit, credit, amount, reason, order_id)
    SELECT t_id[r.t], r.asset, r.debit, r.credit, r.amount, r.reason, r.id
    FROM unnest(g_t, g_asset, g_debit, g_credit, g_amount, g_reason, g_order)
      r(t, asset, debit, credit, amount, reason, id)
    WHERE r.t <> ALL (skip);
  INSERT INTO outbox (transaction_id, type, entity, payload)
    SELECT t_id[r.t], r.type, r.entity, r.payload::json
    FROM unnest(e_t, e_type, e_entity, e_payload) r(t, type, entity, payload)
    WHERE r.t <> ALL (skip);
  IF cardinality(a_t) > 0 THEN
    INSERT INTO audit (actor_id, role, act, entity, on_behalf_of, details, trace_id)
      SELECT r.* FROM unnest(a_t, a_record, a_details) a(t, record, details), audit_row(a.record, a.details) r
      WHERE a.t <> ALL (skip);
  END IF;

  FOR it IN
    SELECT x.usr FROM unnest(x_t, x_user) x(t, usr) WHERE x.t <> ALL (skip) ORDER BY x.usr
  LOOP
    DELETE FROM wallets WHERE user_id = it.usr AND balance = 0
      AND NOT EXISTS (SELECT FROM orders WHERE user_id = it.usr AND status = 'CREATED');
    IF NOT FOUND THEN
      RAISE EXCEPTION 'user % has money left, or an order', it.usr USING ERRCODE = 'check_violation';
    END IF;
    UPDATE orders SET address = NULL WHERE user_id = it.usr AND address IS NOT NULL;
    UPDATE users SET withdrawn_at = now(), login_id = NULL, password_hash = NULL, name = ''
      WHERE user_id = it.usr AND role <> 'ADMIN'
        AND NOT EXISTS (SELECT FROM products WHERE seller_id = it.usr AND sale_status = 'ON_SALE');
    IF NOT FOUND THEN
      RAISE EXCEPTION 'user % is an administrator, or sells something', it.usr USING ERRCODE = 'check_violation';
    END IF;
  END LOOP;

  -- Issues and edits of the same coupons come in one order.
  IF cardinality(m_t) > 0 THEN
    PERFORM 1 FROM coupons WHERE coupon_id = ANY (i_coupon || m_coupon) ORDER BY coupon_id FOR NO KEY UPDATE;
  END IF;
  IF cardinality(i_t) > 0 THEN
    WITH change AS MATERIALIZED (
      SELECT i.coupon, count(*)::int AS n FROM unnest(i_t, i_coupon) i(t, coupon)
      WHERE i.t <> ALL (skip) GROUP BY i.coupon ORDER BY i.coupon
    ), counted AS (
      UPDATE coupons SET issued = issued + change.n FROM change WHERE coupon_id = change.coupon
      RETURNING coupon_id, issued - change.n AS before
    )
    SELECT array_agg(c.coupon_id), array_agg(c.before) INTO hot, before FROM counted c;
    SELECT array_agg(CASE WHEN r.t <> ALL (skip) THEN r.before + r.n END ORDER BY r.ordinal) INTO ranks FROM (
      SELECT i.t, i.ordinal, before[array_position(hot, i.coupon)] AS before,
        row_number() OVER (PARTITION BY i.coupon, i.t = ANY (skip) ORDER BY i.ordinal) AS n
      FROM unnest(i_t, i_coupon) WITH ORDINALITY i(t, coupon, ordinal)
    ) r;
    INSERT INTO user_coupons (user_coupon_id, coupon_id, user_id, slot, rank, status, issued_at)
      SELECT r.id, r.coupon, r.usr, r.slot, r.rank, 'ISSUED', to_timestamp(r.issued / 1000.0)
      FROM unnest(i_t, i_id, i_coupon, i_user, i_slot, i_issued, ranks) r(t, id, coupon, usr, slot, issued, rank)
      WHERE r.t <> ALL (skip);
    FOR n IN 1 .. cardinality(i_t) LOOP
      IF ranks[n] IS NOT NULL THEN verdicts[i_t[n]] := -ranks[n]; END IF;
    END LOOP;
  END IF;
  FOR it IN
    SELECT m.* FROM unnest(m_t, m_coupon, m_condition) m(t, coupon, condition) WHERE m.t <> ALL (skip) ORDER BY m.t
  LOOP
    UPDATE coupons SET condition = it.condition, version = version + 1
      WHERE coupon_id = it.coupon AND condition <> 'CANCELLED';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'coupon % cannot be edited', it.coupon USING ERRCODE = 'check_violation';
    END IF;
  END LOOP;

  -- Edits and sales of the same products come in one order too.
  IF cardinality(c_t) > 0 THEN
    PERFORM 1 FROM products WHERE product_id = ANY (s_product || c_product) ORDER BY product_id FOR NO KEY UPDATE;
  END IF;
  WITH change AS MATERIALIZED (
    SELECT s.product, sum(s.delta)::bigint AS delta, coalesce(sum(s.reserved), 0)::bigint AS reserved
    FROM unnest(s_t, s_product, s_delta, s_reserved) s(t, product, delta, reserved)
    WHERE s.t <> ALL (skip) GROUP BY s.product ORDER BY s.product
  ), moved AS (
    UPDATE products SET on_hand = on_hand + change.delta, reserved = products.reserved + change.reserved FROM change WHERE product_id = change.product RETURNING 1
  )
  SELECT (SELECT count(*) FROM change), (SELECT count(*) FROM moved) INTO expected, changed;
  IF changed < expected THEN
    RAISE EXCEPTION 'a product is missing' USING ERRCODE = 'foreign_key_violation';
  END IF;
  FOR it IN
    SELECT c.* FROM unnest(c_t, c_product, c_name, c_description, c_category, c_price, c_status)
      c(t, product, name, description, category, price, status)
    WHERE c.t <> ALL (skip) ORDER BY c.t
  LOOP
    UPDATE products SET
      name = coalesce(it.name, name), description = coalesce(it.description, description),
      category = coalesce(it.category, category), price = coalesce(it.price, price),
      sale_status = coalesce(it.status, sale_status), version = version + 1, updated_at = now()
    WHERE product_id = it.product;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no product %', it.product USING ERRCODE = 'foreign_key_violation';
    END IF;
  END LOOP;
  RETURN coalesce(verdicts, '{}');
END $$;
