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
  created_at    timestamptz NOT NULL DEFAULT now(),
  withdrawn_at  timestamptz,
  CHECK (withdrawn_at IS NOT NULL OR (login_id IS NOT NULL AND password_hash IS NOT NULL))
);

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
  sale_status text NOT NULL CHECK (sale_status IN ('PREPARING', 'ON_SALE', 'SUSPENDED', 'DISCONTINUED')),
  version     int NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX products_category ON products (category, product_id);
CREATE INDEX products_price ON products (price, product_id);

-- One row per committed transaction. `key` makes it happen once, `id` says which attempt it was; the answer is kept
-- for whoever repeats the request.
CREATE TABLE transactions (
  key        uuid PRIMARY KEY,
  id         uuid NOT NULL,
  body_hash  uuid,
  answer     text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((body_hash IS NULL) = (answer IS NULL))
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
  CHECK (status IN ('CREATED', 'CANCELLED') OR paid_amount = total_amount - discount_amount)
);
CREATE INDEX orders_user ON orders (user_id, order_id);

CREATE TABLE order_lines (
  order_id   uuid NOT NULL,
  line       smallint NOT NULL CHECK (line > 0),
  product_id uuid NOT NULL,
  name       text NOT NULL,
  unit_price bigint NOT NULL CHECK (unit_price >= 0),
  quantity   int NOT NULL CHECK (quantity > 0),
  amount     bigint NOT NULL CHECK (amount = unit_price * quantity),
  PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
  order_id   uuid NOT NULL,
  payment_id uuid NOT NULL,
  method     text NOT NULL CHECK (method IN ('WALLET')),
  amount     bigint NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (order_id, payment_id)
);

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

-- Double entry: one row moves `amount` from one account to another, so postings sum to zero by their shape. Accounts
-- are wallets (their user's id), products (their stock), and the four of the house:
--   …01 FUNDING  money that came from outside      …02 SALES  money earned
--   …03 SUPPLY   pieces that came from outside     …04 SOLD   pieces sold
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
