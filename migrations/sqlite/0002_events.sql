-- Events: one process of a fleet tells others what happened, so that there is a third role. How far it has told stands in `house`.
-- A CHECK can not be changed here: the table is made anew.
CREATE TABLE role_with_events (
    role     TEXT    PRIMARY KEY NOT NULL CHECK (role IN ('audit_writer', 'confirmation_watcher', 'event_publisher')),
    holder   TEXT    NOT NULL,
    token    INTEGER NOT NULL CHECK (token >= 1),
    until_ms INTEGER NOT NULL
) STRICT;
INSERT INTO role_with_events SELECT role, holder, token, until_ms FROM role;
DROP TABLE role;
ALTER TABLE role_with_events RENAME TO role;
