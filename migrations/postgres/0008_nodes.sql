-- The payouts of some accounts, newest first: a page of them costs what is on it, however many others have ordered meanwhile. Made before
-- the register is changed, so that the register is read meanwhile. It has a collation of its own, for one question alone: a plan that was
-- made while the tables were empty would else find payouts by their key in it, through all that the account has ever ordered.
CREATE INDEX payout_of_account ON payout (account COLLATE "POSIX", id);

-- Nodes: which accounts are run together. The account is the entry's id, its node the owner.
ALTER TABLE register DROP CONSTRAINT register_kind_check;
ALTER TABLE register ADD CONSTRAINT register_kind_check
    CHECK (kind IN ('person', 'invitation', 'session', 'api_key', 'limit', 'revocation', 'link', 'node_account'));
