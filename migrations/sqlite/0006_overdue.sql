-- Whose time is over is found wherever it waits: what is admitted waits as long as the wallet covers nothing, too.

DROP INDEX payout_overdue;
CREATE INDEX payout_overdue ON payout (not_after_ms, id)
    WHERE stage IN ('held', 'admitted') AND not_after_ms IS NOT NULL;
