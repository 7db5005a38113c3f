-- The local history: rounds as read for days, aggregates of minutes and hours for months.
-- Rows come in the order of time, so that new ones go to the right edge of the trees and old ones leave in whole pages.

PRAGMA application_id = 1162302546;  -- 'EGTR' (0x45475452): an edgeguard trend store, not somebody else's database

-- A device with its points as they were; another set of points is another layout.
CREATE TABLE layouts (
    id      INTEGER PRIMARY KEY,
    device  TEXT NOT NULL,
    points  BLOB NOT NULL,          -- JSON [[name, kind, unit], ...]
    UNIQUE (device, points)
);

CREATE TABLE boots (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    offset_ms  INTEGER              -- wall clock - boot clock, once the clock was trusted
);

-- Some rounds of one device, as columns (store/trend_block.py). Times of the first and the last round by the wall clock.
CREATE TABLE raw (
    id       INTEGER PRIMARY KEY,
    layout   INTEGER NOT NULL,
    from_ms  INTEGER NOT NULL,
    to_ms    INTEGER NOT NULL,
    boot     INTEGER NOT NULL,
    boot_ms  INTEGER NOT NULL,      -- boot clock at the first round
    synced   INTEGER NOT NULL,      -- the wall clock was trusted, or has been put right since
    body     BLOB    NOT NULL
);
CREATE INDEX raw_by_time ON raw (from_ms, layout, to_ms);

-- Stretches of which raw rounds have come since they were aggregated last. grain: 1 an hour of minutes, 2 a day of hours.
CREATE TABLE due (
    grain   INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    layout  INTEGER NOT NULL,
    PRIMARY KEY (grain, from_ms, layout)
) WITHOUT ROWID;

-- The aggregates of a layout's points: grain 1 the minutes of an hour, 2 the hours of a day (UTC).
CREATE TABLE aggregates (
    id       INTEGER PRIMARY KEY,
    grain    INTEGER NOT NULL,
    from_ms  INTEGER NOT NULL,
    layout   INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (grain, from_ms, layout)
);
