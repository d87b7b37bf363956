-- Codes are asked for in upper case. Where several differ by that alone, one keeps the code: who has it already, or was first.
UPDATE coupons SET code = upper(code) WHERE code <> upper(code) AND coupon_id IN (
  SELECT DISTINCT ON (upper(code)) coupon_id FROM coupons ORDER BY upper(code), code <> upper(code), coupon_id
);
