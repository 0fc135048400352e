-- Whose time is over is found wherever it waits: what is admitted waits as long as the wallet covers nothing, too. The old index stays
-- until the new one is made, so that payouts are read meanwhile.

ALTER INDEX payout_overdue RENAME TO payout_overdue_before;
CREATE INDEX payout_overdue ON payout (not_after_ms, id)
    WHERE resting_stage IN ('held', 'admitted') AND not_after_ms IS NOT NULL;
DROP INDEX payout_overdue_before;
