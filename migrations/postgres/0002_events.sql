-- Events: one process of a fleet tells others what happened, so that there is a third role. How far it has told stands in `house`.
ALTER TABLE role DROP CONSTRAINT role_role_check;
ALTER TABLE role ADD CONSTRAINT role_role_check
    CHECK (role IN ('audit_writer', 'confirmation_watcher', 'event_publisher'));
