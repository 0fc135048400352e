-- Limits of principals, roles and routes (F000-17). What was taken in before is counted for house and account alone: of it nobody
-- knows who ordered it. The books stand beside those of house and accounts, so that a daemon of an earlier version goes on
-- reading its own.

-- Who ordered a payout, and as what.
ALTER TABLE payout ADD COLUMN ordered_by TEXT COLLATE "C";
ALTER TABLE payout ADD COLUMN ordered_as TEXT COLLATE "C";

DROP TRIGGER payout_order_stays ON payout;
CREATE TRIGGER payout_order_stays
BEFORE UPDATE OF id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc,
    not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, created_at_ms, ordered_by, ordered_as ON payout
FOR EACH STATEMENT EXECUTE FUNCTION payoutd_refuses('what was ordered is never changed');

-- What is set aside for those who wait for room is told by who spends.
DROP INDEX payout_waiting_for_room;
CREATE INDEX payout_waiting_for_room ON payout (account, ordered_by, ordered_as, route, reason, amount_micro_usdt)
    WHERE resting_stage = 'held';

-- As `reserved` and `spending`; the scope is the text of a limit: `principal:…`, `role:…`, `route:…`.
CREATE TABLE scope_reserved (
    scope               TEXT    COLLATE "C" PRIMARY KEY NOT NULL,
    reserved_micro_usdt BIGINT  NOT NULL CHECK (reserved_micro_usdt >= 0)
);
CREATE TABLE scope_spending (
    scope              TEXT    COLLATE "C" NOT NULL,
    minute_ms          BIGINT  NOT NULL,
    settled_micro_usdt BIGINT  NOT NULL CHECK (settled_micro_usdt >= 0),
    PRIMARY KEY (scope, minute_ms)
);
