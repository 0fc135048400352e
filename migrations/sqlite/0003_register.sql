-- The register: who may come in, and with what (people, invitations, sessions, keys, limits that were set for somebody). What an
-- entry says is JSON; no secret stands in it in clear. The words of the CHECK are those of Rust; a test compares the two.

CREATE TABLE register (
    kind          TEXT    NOT NULL CHECK (kind IN ('person', 'invitation', 'session', 'api_key', 'limit', 'revocation')),
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
CREATE UNIQUE INDEX register_name ON register (kind, name) WHERE name IS NOT NULL;
CREATE INDEX register_owner ON register (kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX register_expiry ON register (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

-- What may be used once (nonces, codes, steps of time), for as long as it could be used again.
CREATE TABLE used_once (
    what     TEXT    PRIMARY KEY NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX used_once_until ON used_once (until_ms);

-- How often keys are used: by the hour, and under hour 0 since they were made.
CREATE TABLE key_usage (
    key_id          TEXT    NOT NULL,
    hour_ms         INTEGER NOT NULL,
    uses            INTEGER NOT NULL CHECK (uses >= 0),
    last_used_at_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, hour_ms)
) STRICT;
