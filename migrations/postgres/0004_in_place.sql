-- Rows that change in place. PostgreSQL writes a changed row into all of its table's indexes anew, unless no column that any index
-- speaks of has changed and its page has room. A payout goes from stage to stage four times; so its indexes speak of
-- `resting_stage`, which says nothing from the signature on until something goes wrong, and its pages are half empty.

DROP INDEX payout_payable;
DROP INDEX payout_held;
DROP INDEX payout_overdue;
DROP INDEX payout_waiting_for_room;
DROP INDEX payout_resting;
DROP INDEX payout_ended_unpaid;

ALTER TABLE payout SET (fillfactor = 45);
-- The stage of a payout that waits before its signature, ended unpaid or wants a person; NULL on its way and when it is settled.
-- Nobody writes it: it follows `stage`. What is on its way is found by its transfer.
ALTER TABLE payout ADD COLUMN resting_stage TEXT COLLATE "C" GENERATED ALWAYS AS (
    CASE stage WHEN 'signed' THEN NULL WHEN 'broadcast' THEN NULL WHEN 'included' THEN NULL WHEN 'unknown' THEN NULL
        WHEN 'settled' THEN NULL ELSE stage END) STORED;

CREATE INDEX payout_payable ON payout (priority DESC, id, not_before_ms) WHERE resting_stage = 'admitted';
CREATE INDEX payout_held ON payout (priority DESC, id, reason) WHERE resting_stage = 'held';
CREATE INDEX payout_overdue ON payout (not_after_ms, id) WHERE resting_stage = 'held' AND not_after_ms IS NOT NULL;
CREATE INDEX payout_waiting_for_room ON payout (account, reason, amount_micro_usdt) WHERE resting_stage = 'held';
CREATE INDEX payout_ended_unpaid ON payout (resting_stage, id)
    WHERE resting_stage IN ('rejected', 'failed', 'cancelled', 'mismatched');

-- A transfer belongs to a payout that is on file. A foreign key would ask for each row by itself, and write into the payout's row
-- that it has asked; payouts are never deleted and their ids never change, so that one look a statement says the same.
ALTER TABLE transfer DROP CONSTRAINT transfer_payout_id_fkey;
CREATE FUNCTION payoutd_knows_payouts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM filed WHERE NOT EXISTS (SELECT 1 FROM payout AS p WHERE p.id = filed.payout_id)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a transfer belongs to a payout that is on file';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER transfer_has_payout AFTER INSERT ON transfer REFERENCING NEW TABLE AS filed
FOR EACH STATEMENT EXECUTE FUNCTION payoutd_knows_payouts();
