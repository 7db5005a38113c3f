-- The outbox: three append-only streams, what of them is done, and the alarm states that belong to them.
-- One table per stream: numbers are rowids, so new rows go to the right edge of the tree and old ones leave in whole pages.

PRAGMA application_id = 1162301257;  -- 'EGOI' (0x45474F49): an edgeguard outbox, not somebody else's database

CREATE TABLE meta (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    epoch  TEXT    NOT NULL
);

-- Runs of rows of one boot, in the order in which they came. offset_ms = wall clock - boot clock, once the clock was trusted.
-- Runs are numbered from a number drawn from the epoch, so that rows of another outbox (a foreign -wal) are told by naming no run.
CREATE TABLE boots (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    offset_ms  INTEGER
);

-- Written when rows are acknowledged, parked or removed, never by an insert: the newest row itself tells the last number.
CREATE TABLE streams (
    stream  TEXT    PRIMARY KEY,
    floor   INTEGER NOT NULL,  -- every number through it is acknowledged, parked or dropped
    last    INTEGER NOT NULL,  -- last number given when this was written
    total   INTEGER NOT NULL   -- body bytes of all numbers through `last`
) WITHOUT ROWID;

-- Numbers above the floor that are acknowledged or parked; both ends included.
CREATE TABLE done (
    stream     TEXT    NOT NULL,
    first_seq  INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    PRIMARY KEY (stream, first_seq)
) WITHOUT ROWID;

-- total: body bytes of all numbers through this one, so that the bytes of any range cost two look-ups.
CREATE TABLE alarms (
    seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, wall_ms INTEGER NOT NULL, boot_ms INTEGER NOT NULL,
    synced INTEGER NOT NULL, total INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, wall_ms INTEGER NOT NULL, boot_ms INTEGER NOT NULL,
    synced INTEGER NOT NULL, total INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE telemetry (
    seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, wall_ms INTEGER NOT NULL, boot_ms INTEGER NOT NULL,
    synced INTEGER NOT NULL, total INTEGER NOT NULL, body BLOB NOT NULL
);

CREATE TABLE dead_letters (
    id       INTEGER PRIMARY KEY,
    stream   TEXT    NOT NULL,
    seq      INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    wall_ms  INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (stream, seq)
);

CREATE TABLE alarm_states (
    name              TEXT PRIMARY KEY,
    state             TEXT NOT NULL,
    since_wall_ms     INTEGER,
    since_boot_ms     INTEGER,
    since_boot        TEXT,
    since_synced      INTEGER,
    pending_since_ms  INTEGER,
    value             TEXT  -- JSON, so that 1, 1.0, true and "1" stay apart
) WITHOUT ROWID;
