-- The register: who may come in, and with what (people, invitations, sessions, keys, limits that were set for somebody). What an
-- entry says is JSON; no secret stands in it in clear. The words of the CHECK are those of Rust; a test compares the two.

CREATE TABLE register (
    kind          TEXT    NOT NULL CHECK (kind IN ('person', 'invitation', 'session', 'api_key', 'limit', 'revocation')),
    id            TEXT    COLLATE "C" NOT NULL,
    -- Another name, one entry's alone within its kind.
    name          TEXT    COLLATE "C",
    owner         TEXT    COLLATE "C",
    version       BIGINT  NOT NULL CHECK (version >= 1),
    body          TEXT    NOT NULL,
    -- From then on it may be forgotten.
    expires_at_ms BIGINT,
    PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX register_name ON register (kind, name) WHERE name IS NOT NULL;
CREATE INDEX register_owner ON register (kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX register_expiry ON register (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

-- What may be used once (nonces, codes, steps of time), for as long as it could be used again.
CREATE TABLE used_once (
    what     TEXT    COLLATE "C" PRIMARY KEY NOT NULL,
    until_ms BIGINT  NOT NULL
);
CREATE INDEX used_once_until ON used_once (until_ms);

-- How often keys are used: by the hour, and under hour 0 since they were made.
CREATE TABLE key_usage (
    key_id          TEXT    COLLATE "C" NOT NULL,
    hour_ms         BIGINT  NOT NULL,
    uses            BIGINT  NOT NULL CHECK (uses >= 0),
    last_used_at_ms BIGINT  NOT NULL,
    PRIMARY KEY (key_id, hour_ms)
);
