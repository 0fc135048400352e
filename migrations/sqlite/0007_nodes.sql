-- Nodes: which accounts are run together. The account is the entry's id, its node the owner. The register is made anew with one word
-- more, as migration 5 does.

CREATE TABLE register_with_nodes (
    kind          TEXT    NOT NULL
        CHECK (kind IN ('person', 'invitation', 'session', 'api_key', 'limit', 'revocation', 'link', 'node_account')),
    id            TEXT    NOT NULL,
    -- Another name, one entry's alone within its kind.
    name          TEXT,
    owner         TEXT,
    version       INTEGER NOT NULL CHECK (version >= 1),
    body          TEXT    NOT NULL,
    -- From then on it may be forgotten.
    expires_at_ms INTEGER,
    PRIMARY KEY (kind, id)
) STRICT;
INSERT INTO register_with_nodes (kind, id, name, owner, version, body, expires_at_ms)
SELECT kind, id, name, owner, version, body, expires_at_ms FROM register;
DROP TABLE register;
ALTER TABLE register_with_nodes RENAME TO register;
CREATE UNIQUE INDEX register_name ON register (kind, name) WHERE name IS NOT NULL;
CREATE INDEX register_owner ON register (kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX register_expiry ON register (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

-- The payouts of some accounts, newest first: a page of them costs what is on it, however many others have ordered meanwhile.
CREATE INDEX payout_of_account ON payout (account, id);
