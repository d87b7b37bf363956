-- Until when a coupon can be had; once there are none left, it cannot. An issue changes it only if it is the last one, so
-- that issues change no index.
ALTER TABLE coupons ADD COLUMN had_until timestamptz NOT NULL GENERATED ALWAYS AS (
  CASE WHEN issued < total_quantity THEN coalesce(least(issue_until, valid_until), 'infinity') ELSE '-infinity' END
) STORED;
-- Those that can be had now are few among all that ever were.
CREATE INDEX coupons_open ON coupons (had_until) WHERE condition = 'OPEN';
