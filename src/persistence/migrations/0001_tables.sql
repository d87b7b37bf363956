-- Hot state (products.on_hand, wallets.balance) changes only through journal_commit. Every invariant the actors keep
-- stands here again: the last line, never the first.

CREATE TABLE settings (
  name  text PRIMARY KEY,
  value text NOT NULL
);

-- Who may commit for a partition. Raised by every claim; the truth about ownership.
CREATE TABLE partitions (
  partition  int PRIMARY KEY,
  epoch      bigint NOT NULL CHECK (epoch > 0),
  owner      text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  user_id       uuid PRIMARY KEY,
  login_id      text UNIQUE,
  name          text NOT NULL,
  password_hash text,
  role          text NOT NULL CHECK (role IN ('BUYER', 'SELLER', 'MANAGER', 'ADMIN')),
  tier          text NOT NULL DEFAULT 'BRONZE' CHECK (tier IN ('BRONZE', 'SILVER', 'GOLD', 'VIP')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  withdrawn_at  timestamptz,
  CHECK (withdrawn_at IS NOT NULL OR (login_id IS NOT NULL AND password_hash IS NOT NULL))
);

-- Who acts for which seller.
CREATE TABLE managers (
  seller_id   uuid NOT NULL REFERENCES users,
  manager_id  uuid NOT NULL REFERENCES users,
  assigned_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (seller_id, manager_id)
);
CREATE INDEX managers_manager ON managers (manager_id, seller_id);

CREATE TABLE wallets (
  user_id uuid PRIMARY KEY REFERENCES users,
  balance bigint NOT NULL DEFAULT 0 CHECK (balance BETWEEN 0 AND 1000000000000000)
) WITH (fillfactor = 70);

CREATE TABLE products (
  product_id  uuid PRIMARY KEY,
  seller_id   uuid NOT NULL REFERENCES users,
  name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  description text NOT NULL,
  category    text,
  price       bigint NOT NULL CHECK (price BETWEEN 0 AND 1000000000),
  on_hand     bigint NOT NULL CHECK (on_hand BETWEEN 0 AND 1000000000),
  -- Of them, pieces of orders that are not paid.
  reserved    bigint NOT NULL DEFAULT 0 CHECK (reserved BETWEEN 0 AND on_hand),
  sale_status text NOT NULL CHECK (sale_status IN ('PREPARING', 'ON_SALE', 'SUSPENDED', 'DISCONTINUED')),
  version     int NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX products_category ON products (category, product_id);
CREATE INDEX products_price ON products (price, product_id);

-- Coupons, and what users have of them. `coupons.issued` changes only through journal_commit, and ranks are given by it:
-- the order of commits is the only order without gaps, for what is not committed is not in it (decision 10).
CREATE TABLE coupons (
  coupon_id        uuid PRIMARY KEY,
  seller_id        uuid REFERENCES users,
  code             text NOT NULL UNIQUE CHECK (char_length(code) BETWEEN 1 AND 40),
  name             text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  discount_type    text NOT NULL CHECK (discount_type IN ('FIXED', 'PERCENTAGE')),
  -- Won, or basis points.
  discount_value   bigint NOT NULL CHECK (discount_value > 0),
  max_discount     bigint CHECK (max_discount > 0),
  min_order_amount bigint NOT NULL CHECK (min_order_amount >= 0),
  first_purchase_only boolean NOT NULL DEFAULT false,
  product_ids      uuid[] NOT NULL,
  categories       text[] NOT NULL,
  tiers            text[] NOT NULL DEFAULT '{}' CHECK (tiers <@ '{BRONZE,SILVER,GOLD,VIP}'),
  total_quantity   int NOT NULL CHECK (total_quantity > 0),
  per_user_limit   smallint NOT NULL CHECK (per_user_limit > 0),
  issue_by         text[] NOT NULL CHECK (issue_by <@ '{FIRST_COME,CODE,GRANT}' AND cardinality(issue_by) > 0),
  grant_on         text CHECK (grant_on IN ('REGISTRATION')),
  issue_from       timestamptz,
  issue_until      timestamptz,
  valid_from       timestamptz,
  valid_until      timestamptz,
  condition        text NOT NULL DEFAULT 'OPEN' CHECK (condition IN ('OPEN', 'SUSPENDED', 'CANCELLED')),
  issued           int NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND total_quantity),
  version          int NOT NULL DEFAULT 1 CHECK (version > 0),
  created_by       uuid NOT NULL REFERENCES users,
  created_at       timestamptz NOT NULL DEFAULT now(),
  CHECK (grant_on IS NULL OR 'GRANT' = ANY (issue_by)),
  CHECK (issue_from < issue_until),
  CHECK (valid_from < valid_until),
  CHECK (discount_type = 'FIXED' AND max_discount IS NULL OR discount_type = 'PERCENTAGE' AND discount_value <= 10000)
) WITH (fillfactor = 50);

CREATE INDEX coupons_granted ON coupons (grant_on) WHERE grant_on IS NOT NULL;

-- Coupons that users are to get by themselves: written in one commit with what they are for, deleted once granted or
-- refused (decision 12). `due`: when somebody is to grant it next; whoever tries puts it off.
CREATE TABLE owed_coupons (
  user_id   uuid NOT NULL,
  coupon_id uuid NOT NULL,
  due       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, coupon_id)
);
CREATE INDEX owed_coupons_due ON owed_coupons (due);

-- `slot`: which of the coupons that one user may have of a kind. Its key is also the index of a user's coupons.
CREATE TABLE user_coupons (
  user_coupon_id uuid PRIMARY KEY,
  coupon_id      uuid NOT NULL,
  user_id        uuid NOT NULL,
  slot           smallint NOT NULL CHECK (slot > 0),
  rank           int NOT NULL CHECK (rank > 0),
  status         text NOT NULL CHECK (status IN ('ISSUED', 'HELD', 'USED', 'REFUNDED', 'REVOKED')),
  order_id       uuid,
  revoke_reason  text CHECK (char_length(revoke_reason) BETWEEN 1 AND 200),
  issued_at      timestamptz NOT NULL,
  UNIQUE (user_id, coupon_id, slot),
  UNIQUE (coupon_id, rank),
  CHECK (order_id IS NOT NULL OR status NOT IN ('HELD', 'USED')),
  CHECK ((revoke_reason IS NOT NULL) = (status = 'REVOKED'))
) WITH (fillfactor = 90);

-- One row per committed transaction. `key` makes it happen once, `id` says which attempt it was; the answer is kept
-- for whoever repeats the request.
CREATE TABLE transactions (
  key        uuid PRIMARY KEY,
  id         uuid NOT NULL,
  -- The partitions it relied on, and their epochs: ' 3:1763600000000 17:1763600000001 '.
  fences     text NOT NULL,
  body_hash  uuid,
  answer     text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((body_hash IS NULL) = (answer IS NULL))
);
-- Transactions that were called absent, so that they stay it whatever the clock does.
CREATE TABLE absent (
  id         uuid PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transactions_created ON transactions USING brin (created_at);

CREATE TABLE orders (
  order_id        uuid PRIMARY KEY,
  user_id         uuid NOT NULL,
  status          text NOT NULL CHECK (status IN
                    ('CREATED', 'CONFIRMED', 'PREPARING', 'SHIPPED', 'DELIVERED', 'COMPLETED', 'CANCELLED')),
  total_amount    bigint NOT NULL CHECK (total_amount >= 0),
  discount_amount bigint NOT NULL CHECK (discount_amount BETWEEN 0 AND total_amount),
  paid_amount     bigint NOT NULL CHECK (paid_amount BETWEEN 0 AND total_amount - discount_amount),
  created_at      timestamptz NOT NULL,
  user_coupon_id  uuid,
  -- Until when it has to be paid; none for one that was paid when it was made.
  pay_until       timestamptz,
  paid_at         timestamptz,
  -- When it does something by itself (src/saga/Timers.ts).
  due_at          timestamptz,
  cancel_reason   text CHECK (cancel_reason IN ('INSUFFICIENT_BALANCE', 'PAYMENT_FAILED', 'PAYMENT_TIMEOUT', 'BUYER',
                    'SELLER', 'ADMIN', 'OUT_OF_STOCK')),
  address         text,
  version         int NOT NULL DEFAULT 1 CHECK (version > 0),
  CHECK (status IN ('CREATED', 'CANCELLED') OR paid_amount = total_amount - discount_amount),
  CHECK (status <> 'CREATED' OR paid_amount = 0 AND due_at IS NOT NULL),
  CHECK ((status = 'CANCELLED') = (cancel_reason IS NOT NULL))
);
CREATE INDEX orders_user ON orders (user_id, order_id);
CREATE INDEX orders_due ON orders (due_at, order_id) WHERE due_at IS NOT NULL;
-- One order per coupon, unless it was cancelled.
CREATE UNIQUE INDEX orders_coupon ON orders (user_coupon_id) WHERE user_coupon_id IS NOT NULL AND status <> 'CANCELLED';

CREATE TABLE order_lines (
  order_id   uuid NOT NULL,
  line       smallint NOT NULL CHECK (line > 0),
  product_id uuid NOT NULL,
  name       text NOT NULL,
  unit_price bigint NOT NULL CHECK (unit_price >= 0),
  quantity   int NOT NULL CHECK (quantity > 0),
  amount     bigint NOT NULL CHECK (amount = unit_price * quantity),
  discount   bigint NOT NULL DEFAULT 0 CHECK (discount BETWEEN 0 AND amount),
  cancelled  int NOT NULL DEFAULT 0 CHECK (cancelled BETWEEN 0 AND quantity),
  PRIMARY KEY (order_id, line)
);

-- Every status of an order but those its own row tells: the first (created_at), and CONFIRMED (paid_at).
CREATE TABLE order_history (
  order_id uuid NOT NULL,
  n        smallint NOT NULL CHECK (n > 1),
  status   text NOT NULL,
  at       timestamptz NOT NULL,
  note     text,
  PRIMARY KEY (order_id, n)
);

-- A row for each tender of each attempt to pay.
CREATE TABLE payments (
  order_id    uuid NOT NULL,
  payment_id  uuid NOT NULL,
  method      text NOT NULL CHECK (method IN ('WALLET', 'CARD', 'BANK_TRANSFER', 'KAKAOPAY', 'NAVERPAY')),
  amount      bigint NOT NULL CHECK (amount >= 0),
  status      text NOT NULL CHECK (status IN ('INITIATED', 'VALIDATING', 'LOCK_ACQUIRED', 'DEBITED',
                'GATEWAY_REQUESTED', 'COMPLETED', 'FAILED')),
  refunded    bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
  -- Who carries it out, and what they know it by; never a card (C42).
  gateway     text CHECK (gateway IN ('toss', 'nice', 'inicis')),
  payment_key text,
  gateway_id  text,
  due_at      timestamptz,
  PRIMARY KEY (order_id, payment_id, method),
  CHECK ((method = 'WALLET') = (gateway IS NULL))
);
-- A key of a gateway's pays one order. It may be longer than an index takes, and whoever pays chooses it.
CREATE FUNCTION key_digest(payment_key text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
  $$ SELECT sha256(replace(payment_key, '\', '\\')::bytea) $$;
CREATE UNIQUE INDEX payments_key ON payments (key_digest(payment_key))
  WHERE payment_key IS NOT NULL AND status <> 'FAILED';
-- What a gateway is asked about: a few, and of them those that wait for a person.
CREATE INDEX payments_asked ON payments (payment_id) WHERE status = 'GATEWAY_REQUESTED';

CREATE TABLE refunds (
  refund_id    uuid PRIMARY KEY,
  order_id     uuid NOT NULL REFERENCES orders,
  amount       bigint NOT NULL CHECK (amount >= 0),
  via_gateway  bigint NOT NULL CHECK (via_gateway BETWEEN 0 AND amount),
  status       text NOT NULL CHECK (status IN ('REFUND_REQUESTED', 'PROCESSING', 'REFUNDED', 'FAILED', 'MANUAL')),
  attempts     smallint NOT NULL,
  due_at       timestamptz,
  reason       text,
  items        json NOT NULL,
  requested_at timestamptz NOT NULL
);
CREATE INDEX refunds_order ON refunds (order_id);
-- What waits for a person.
CREATE INDEX refunds_manual ON refunds (refund_id) WHERE status = 'MANUAL';

-- The foreign keys of what comes in batches, checked once per statement. Postgres' own are checked row by row, at a
-- third of the whole commit's cost, and lock the row they refer to: the hot product's, of all things.
CREATE FUNCTION orders_refer() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ BEGIN
  IF EXISTS (SELECT FROM added WHERE (SELECT 1 FROM users u WHERE u.user_id = added.user_id) IS NULL) THEN
    RAISE EXCEPTION 'an order of nobody' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refer AFTER INSERT ON orders
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION orders_refer();

CREATE FUNCTION order_lines_refer() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ BEGIN
  IF EXISTS (SELECT FROM added WHERE (SELECT 1 FROM orders o WHERE o.order_id = added.order_id) IS NULL
    OR (SELECT 1 FROM products p WHERE p.product_id = added.product_id) IS NULL) THEN
    RAISE EXCEPTION 'a line of no order, or of no product' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refer AFTER INSERT ON order_lines
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION order_lines_refer();

CREATE FUNCTION payments_refer() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ BEGIN
  IF EXISTS (SELECT FROM added WHERE (SELECT 1 FROM orders o WHERE o.order_id = added.order_id) IS NULL) THEN
    RAISE EXCEPTION 'a payment of no order' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refer AFTER INSERT ON payments
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION payments_refer();

CREATE FUNCTION user_coupons_refer() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ BEGIN
  IF EXISTS (SELECT FROM added WHERE (SELECT 1 FROM users u WHERE u.user_id = added.user_id) IS NULL
    OR (SELECT 1 FROM coupons c WHERE c.coupon_id = added.coupon_id AND added.slot <= c.per_user_limit) IS NULL) THEN
    RAISE EXCEPTION 'a coupon of nobody, or of no kind, or beyond what one user may have'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refer AFTER INSERT ON user_coupons
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION user_coupons_refer();

-- Double entry: one row moves `amount` from one account to another, so postings sum to zero by their shape. Accounts
-- are wallets (their user's id), products (their stock), and the five of the house:
--   …01 FUNDING  money that came from outside      …02 SALES  money earned
--   …03 SUPPLY   pieces that came from outside     …04 SOLD   pieces sold
--   …05 GATEWAYS money that payment gateways have for us
CREATE TABLE ledger (
  entry_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction_id uuid NOT NULL,
  asset          text NOT NULL CHECK (asset IN ('KRW', 'PIECE')),
  debit          uuid NOT NULL,
  credit         uuid NOT NULL CHECK (credit <> debit),
  amount         bigint NOT NULL CHECK (amount > 0),
  reason         text NOT NULL,
  order_id       uuid,
  created_at     timestamptz NOT NULL DEFAULT now()
);
-- Only wallets have a history to read; the accounts of the house would be one hot page each.
CREATE INDEX ledger_paid ON ledger (debit, entry_id)
  WHERE asset = 'KRW' AND debit > '00000000-0000-0000-0000-0000000000ff';
CREATE INDEX ledger_received ON ledger (credit, entry_id)
  WHERE asset = 'KRW' AND credit > '00000000-0000-0000-0000-0000000000ff';

CREATE VIEW postings AS
  SELECT entry_id, transaction_id, asset, debit AS account, -amount AS amount FROM ledger
  UNION ALL
  SELECT entry_id, transaction_id, asset, credit AS account, amount FROM ledger;

CREATE TABLE outbox (
  event_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction_id uuid NOT NULL,
  type           text NOT NULL,
  entity         text NOT NULL,
  payload        json NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now()
);

-- One row per privileged act, in the commit of the act. It refers to nothing: it takes whatever happened.
CREATE TABLE audit (
  audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           timestamptz NOT NULL DEFAULT now(),
  actor_id     uuid NOT NULL,
  role         text NOT NULL,
  act          text NOT NULL,
  entity       text NOT NULL,
  on_behalf_of uuid,
  details      json NOT NULL,
  trace_id     text
);
CREATE INDEX audit_actor ON audit (actor_id, audit_id);
CREATE INDEX audit_entity ON audit (entity, audit_id);

-- The columns of a row that comes as JSON; no row of NULL. What Postgres cannot read in its details, it need not.
CREATE FUNCTION audit_row(record text, about text) RETURNS TABLE (
  actor_id uuid, role text, act text, entity text, on_behalf_of uuid, details json, trace_id text
) LANGUAGE sql IMMUTABLE STRICT ROWS 1 AS $$
  SELECT r.actor, r.role, r.act, r.entity, r.owner, about::json, r.trace
  FROM json_to_record(record::json) r(actor uuid, role text, act text, entity text, owner uuid, trace text)
$$;
