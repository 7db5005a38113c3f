-- Commands of the platform that must not be carried out twice, and the record of what people and platform had done.

-- Kept until the command would be refused as expired anyway.
CREATE TABLE command_ids (
    id          TEXT    PRIMARY KEY,
    expires_ms  INTEGER NOT NULL  -- wall clock
) WITHOUT ROWID;

-- Append-only: hash = SHA-256(hash of n - 1, body), so that no row can be changed or taken out unnoticed.
CREATE TABLE audit (
    n     INTEGER PRIMARY KEY,
    body  BLOB    NOT NULL,
    hash  BLOB    NOT NULL
);

-- The last row that was removed by age: the chain goes on from its hash. n = 0 and an empty hash at the very beginning.
CREATE TABLE audit_anchor (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    n     INTEGER NOT NULL,
    hash  BLOB    NOT NULL
);
INSERT INTO audit_anchor VALUES (1, 0, x'');
