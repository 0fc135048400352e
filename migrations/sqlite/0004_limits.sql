-- Limits of principals, roles and routes (F000-17). What was taken in before is counted for house and account alone: of it nobody
-- knows who ordered it. The books stand beside those of house and accounts, so that a daemon of an earlier version goes on
-- reading its own.

-- Who ordered a payout, and as what.
ALTER TABLE payout ADD COLUMN ordered_by TEXT;
ALTER TABLE payout ADD COLUMN ordered_as TEXT;

DROP TRIGGER payout_order_stays;
CREATE TRIGGER payout_order_stays
BEFORE UPDATE OF id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc,
    not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, created_at_ms, ordered_by, ordered_as ON payout
BEGIN
    SELECT RAISE(ABORT, 'what was ordered is never changed');
END;

-- What is set aside for those who wait for room is told by who spends.
DROP INDEX payout_waiting_for_room;
CREATE INDEX payout_waiting_for_room ON payout (account, ordered_by, ordered_as, route, reason, amount_micro_usdt)
    WHERE stage = 'held' AND reservation = 'reserved';

-- As `reserved` and `spending`; the scope is the text of a limit: `principal:…`, `role:…`, `route:…`.
CREATE TABLE scope_reserved (
    scope               TEXT    PRIMARY KEY NOT NULL,
    reserved_micro_usdt INTEGER NOT NULL CHECK (reserved_micro_usdt >= 0)
) STRICT;
CREATE TABLE scope_spending (
    scope              TEXT    NOT NULL,
    minute_ms          INTEGER NOT NULL,
    settled_micro_usdt INTEGER NOT NULL CHECK (settled_micro_usdt >= 0),
    PRIMARY KEY (scope, minute_ms)
) STRICT;
