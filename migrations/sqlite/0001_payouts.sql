-- Payouts: the table that is the queue. One row an order; what happened to it stands in `journal`.
-- Text ids, whole numbers for money (micro-USDT) and time (unix ms); every write is guarded by `version`.
-- The words in each CHECK are those of the life cycle in Rust; a test compares the two.

CREATE TABLE payout (
    id                TEXT    PRIMARY KEY NOT NULL,
    account           TEXT    NOT NULL,
    idempotency_key   TEXT    NOT NULL,
    request_digest    BLOB    NOT NULL CHECK (length(request_digest) = 32),
    recipient         TEXT    NOT NULL,
    amount_micro_usdt INTEGER NOT NULL CHECK (amount_micro_usdt > 0),
    route             TEXT    NOT NULL CHECK (route IN ('transfer', 'router_v0', 'router_kyc')),
    reference         TEXT,
    memo              TEXT,
    kyc               TEXT,
    not_before_ms     INTEGER,
    not_after_ms      INTEGER,
    priority          INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
    metadata          TEXT,
    order_digest      BLOB    NOT NULL CHECK (length(order_digest) = 32),
    -- The journal's record of its first event, whose order_digest a signer compares.
    admitted_seq      INTEGER NOT NULL,
    -- The journal's record of its last event: of a settled payout, its proof.
    last_seq          INTEGER NOT NULL,
    stage             TEXT    NOT NULL CHECK (stage IN ('admitted', 'held', 'rejected', 'signed', 'broadcast',
                                  'included', 'settled', 'failed', 'mismatched', 'unknown', 'cancelled')),
    reason            TEXT,
    reservation       TEXT    NOT NULL CHECK (reservation IN ('none', 'reserved', 'settled', 'released')),
    -- Transfers signed so far: says whether there are rows in `transfer` beside the one that may be alive.
    attempts          INTEGER NOT NULL CHECK (attempts >= 0),
    version           INTEGER NOT NULL CHECK (version >= 1),
    created_at_ms     INTEGER NOT NULL,
    updated_at_ms     INTEGER NOT NULL,
    settled_at_ms     INTEGER,
    -- Who was given it to pay, and until when it is kept for them; written only where several processes share a store.
    claimed_by        TEXT,
    claimed_until_ms  INTEGER,
    -- One order a key, for as long as the payout is kept (F-P01).
    UNIQUE (account, idempotency_key)
) STRICT;

-- Few indexes, and partial ones: they hold what is on its way, so that a million settled payouts weigh nothing in them.
CREATE INDEX payout_payable ON payout (priority DESC, id, not_before_ms) WHERE stage = 'admitted';
CREATE INDEX payout_held ON payout (priority DESC, id, reason) WHERE stage = 'held';
CREATE INDEX payout_overdue ON payout (not_after_ms, id) WHERE stage = 'held' AND not_after_ms IS NOT NULL;
CREATE INDEX payout_waiting_for_room ON payout (account, reason, amount_micro_usdt)
    WHERE stage = 'held' AND reservation = 'reserved';
CREATE INDEX payout_resting ON payout (stage, updated_at_ms, id)
    WHERE stage IN ('admitted', 'held', 'signed', 'broadcast', 'included', 'mismatched', 'unknown');
CREATE INDEX payout_ended_unpaid ON payout (stage, id) WHERE stage IN ('rejected', 'failed', 'cancelled');
CREATE INDEX payout_reference ON payout (reference, id) WHERE reference IS NOT NULL;

-- What was ordered stays as it was ordered. (The keyed digest tells even when somebody drops this trigger.)
CREATE TRIGGER payout_order_stays
BEFORE UPDATE OF id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc,
    not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, created_at_ms ON payout
BEGIN
    SELECT RAISE(ABORT, 'what was ordered is never changed');
END;
CREATE TRIGGER payout_stays BEFORE DELETE ON payout
BEGIN
    SELECT RAISE(ABORT, 'payouts are never deleted');
END;

-- Transfers: every transaction that was ever signed, on file before its bytes leave (F-P02).
CREATE TABLE transfer (
    txid             BLOB    NOT NULL CHECK (length(txid) = 32),
    payout_id        TEXT    NOT NULL REFERENCES payout (id),
    attempt          INTEGER NOT NULL CHECK (attempt >= 1),
    raw_data         BLOB    NOT NULL,
    signature        BLOB    NOT NULL,
    owner            TEXT    NOT NULL,
    token            TEXT    NOT NULL,
    contract         TEXT    NOT NULL,
    route            TEXT    NOT NULL CHECK (route IN ('transfer', 'router_v0', 'router_kyc')),
    ref_block_number INTEGER NOT NULL,
    ref_block_id     BLOB    NOT NULL CHECK (length(ref_block_id) = 32),
    expires_at_ms    INTEGER NOT NULL,
    fee_limit_sun    INTEGER NOT NULL,
    signed_at_ms     INTEGER NOT NULL,
    outcome          TEXT    NOT NULL CHECK (outcome IN ('pending', 'settled', 'failed', 'expired', 'mismatched')),
    block_number     INTEGER,
    block_id         BLOB    CHECK (length(block_id) = 32),
    -- A txid says its expiration too, so the two are as unique as the txid alone; in this order new rows stand beside each other in
    -- the index, where txids alone are strewn over all of it.
    PRIMARY KEY (expires_at_ms, txid),
    CHECK ((block_number IS NULL) = (block_id IS NULL))
) STRICT;

-- One payment (F-P03): of all transfers of a payout at most one is not proved dead.
CREATE UNIQUE INDEX transfer_one_alive ON transfer (payout_id) WHERE outcome <> 'expired';
CREATE UNIQUE INDEX transfer_buried ON transfer (payout_id, attempt) WHERE outcome = 'expired';
CREATE INDEX transfer_waiting ON transfer (expires_at_ms, payout_id) WHERE outcome = 'pending' AND block_number IS NULL;
CREATE INDEX transfer_unincluded ON transfer (payout_id, expires_at_ms)
    WHERE outcome = 'pending' AND block_number IS NULL;
CREATE INDEX transfer_included ON transfer (block_number, payout_id)
    WHERE outcome = 'pending' AND block_number IS NOT NULL;
CREATE INDEX transfer_ended ON transfer (block_number, payout_id)
    WHERE outcome <> 'pending' AND block_number IS NOT NULL;

CREATE TRIGGER transfer_bytes_stay
BEFORE UPDATE OF txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, ref_block_number,
    ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms ON transfer
BEGIN
    SELECT RAISE(ABORT, 'what was signed is never changed');
END;
CREATE TRIGGER transfer_stays BEFORE DELETE ON transfer
BEGIN
    SELECT RAISE(ABORT, 'transfers are never deleted');
END;

-- The journal: written in the money's own transaction, only ever added to; numbered without gaps by the writer.
CREATE TABLE journal (
    seq       INTEGER PRIMARY KEY NOT NULL CHECK (seq >= 1),
    at_ms     INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    payout_id TEXT,
    body      TEXT    NOT NULL,
    hash      BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TRIGGER journal_stays_as_written BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is only ever added to');
END;
CREATE TRIGGER journal_stays BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is only ever added to');
END;

-- Seals: one writer, one chain; two seals can not follow the same one (F002-20).
CREATE TABLE seal (
    seal_no      INTEGER PRIMARY KEY NOT NULL CHECK (seal_no >= 1),
    first_seq    INTEGER NOT NULL,
    last_seq     INTEGER NOT NULL CHECK (last_seq >= first_seq),
    records_root BLOB    NOT NULL CHECK (length(records_root) = 32),
    prev_hash    BLOB    NOT NULL UNIQUE CHECK (length(prev_hash) = 32),
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    sealed_at_ms INTEGER NOT NULL,
    key_id       TEXT    NOT NULL,
    signature    BLOB    NOT NULL CHECK (length(signature) = 64)
) STRICT;

CREATE TRIGGER seal_stays_as_written BEFORE UPDATE ON seal
BEGIN
    SELECT RAISE(ABORT, 'seals are only ever added');
END;
CREATE TRIGGER seal_stays BEFORE DELETE ON seal
BEGIN
    SELECT RAISE(ABORT, 'seals are only ever added');
END;

-- The books of the limits (F000-17): scope '' is the whole house, any other an account.
CREATE TABLE reserved (
    scope               TEXT    PRIMARY KEY NOT NULL,
    reserved_micro_usdt INTEGER NOT NULL CHECK (reserved_micro_usdt >= 0)
) STRICT;
CREATE TABLE spending (
    scope              TEXT    NOT NULL,
    minute_ms          INTEGER NOT NULL,
    settled_micro_usdt INTEGER NOT NULL CHECK (settled_micro_usdt >= 0),
    PRIMARY KEY (scope, minute_ms)
) STRICT;

-- How many payouts stand where, what they are worth, and the fee limits of their live transfers: kept, not counted anew.
CREATE TABLE tally (
    stage             TEXT    PRIMARY KEY NOT NULL CHECK (stage IN ('admitted', 'held', 'rejected', 'signed', 'broadcast',
                                  'included', 'settled', 'failed', 'mismatched', 'unknown', 'cancelled')),
    payouts           INTEGER NOT NULL CHECK (payouts >= 0),
    amount_micro_usdt INTEGER NOT NULL CHECK (amount_micro_usdt >= 0),
    fee_limit_sun     INTEGER NOT NULL CHECK (fee_limit_sun >= 0)
) STRICT;
INSERT INTO tally (stage, payouts, amount_micro_usdt, fee_limit_sun) VALUES
    ('admitted', 0, 0, 0), ('held', 0, 0, 0), ('rejected', 0, 0, 0), ('signed', 0, 0, 0), ('broadcast', 0, 0, 0),
    ('included', 0, 0, 0), ('settled', 0, 0, 0), ('failed', 0, 0, 0), ('mismatched', 0, 0, 0), ('unknown', 0, 0, 0),
    ('cancelled', 0, 0, 0);

-- What the house remembers of itself: each fact a JSON value under its name.
CREATE TABLE house (
    fact  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;
INSERT INTO house (fact, value) VALUES ('latest_ms', '0');

-- Strangers: the wallet's transfers on the solidified chain that no payout of this store knows (an older copy of the store made
-- them), until one knows its own again (F-N24). Places are numbered 1, 2, 3 … and never change.
CREATE TABLE stranger (
    place            INTEGER PRIMARY KEY NOT NULL CHECK (place >= 1),
    txid             BLOB    NOT NULL UNIQUE CHECK (length(txid) = 32),
    raw_data         BLOB    NOT NULL,
    signature        BLOB    NOT NULL,
    ref_block_number INTEGER NOT NULL,
    ref_block_id     BLOB    NOT NULL CHECK (length(ref_block_id) = 32),
    block_number     INTEGER NOT NULL,
    block_id         BLOB    NOT NULL CHECK (length(block_id) = 32),
    found_at_ms      INTEGER NOT NULL
) STRICT;

-- Roles: who does the work that one process does at a time, with a token that only grows. Here, with one process, it is empty.
CREATE TABLE role (
    role     TEXT    PRIMARY KEY NOT NULL CHECK (role IN ('audit_writer', 'confirmation_watcher')),
    holder   TEXT    NOT NULL,
    token    INTEGER NOT NULL CHECK (token >= 1),
    until_ms INTEGER NOT NULL
) STRICT;
