-- What families of rules remember over a restart; the body is theirs alone.
CREATE TABLE rule_states (
    owner  TEXT NOT NULL,
    name   TEXT NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;
