-- A dead letter that is sent again keeps its time as it was: by its own boot's clock, and not trusted unless it was.

ALTER TABLE dead_letters ADD COLUMN boot TEXT;
ALTER TABLE dead_letters ADD COLUMN boot_ms INTEGER;
ALTER TABLE dead_letters ADD COLUMN synced INTEGER NOT NULL DEFAULT 1;
