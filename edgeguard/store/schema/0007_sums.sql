-- Checksums of a row (store/sums.py): the CRC-32 of all items of its stream before it and behind it, mixed with the rest of the row.
-- NULL in rows of an older edgeguard, which are proven by being read.
ALTER TABLE alarms ADD COLUMN sums INTEGER;
ALTER TABLE events ADD COLUMN sums INTEGER;
ALTER TABLE telemetry ADD COLUMN sums INTEGER;
