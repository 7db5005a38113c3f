-- What thinning has taken out of a stream's table: of the numbers through `thinned` so many have no row any more.

ALTER TABLE streams ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN missing_bytes INTEGER NOT NULL DEFAULT 0;
