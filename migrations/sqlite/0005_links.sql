-- Links: who somebody is whom an issuer elsewhere knows. A CHECK of a table can not be changed in place, so that the register is made
-- anew with one word more.

CREATE TABLE register_with_links (
    kind          TEXT    NOT NULL CHECK (kind IN ('person', 'invitation', 'session', 'api_key', 'limit', 'revocation', 'link')),
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
INSERT INTO register_with_links (kind, id, name, owner, version, body, expires_at_ms)
SELECT kind, id, name, owner, version, body, expires_at_ms FROM register;
DROP TABLE register;
ALTER TABLE register_with_links RENAME TO register;
CREATE UNIQUE INDEX register_name ON register (kind, name) WHERE name IS NOT NULL;
CREATE INDEX register_owner ON register (kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX register_expiry ON register (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
