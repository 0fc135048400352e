-- Links: who somebody is whom an issuer elsewhere knows.

ALTER TABLE register DROP CONSTRAINT register_kind_check;
ALTER TABLE register ADD CONSTRAINT register_kind_check
    CHECK (kind IN ('person', 'invitation', 'session', 'api_key', 'limit', 'revocation', 'link'));
