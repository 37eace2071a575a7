-- +goose Up
CREATE TABLE concerts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    title      TEXT    NOT NULL,
    date       TEXT    NOT NULL,
    venue      TEXT    NOT NULL,
    capacity   INTEGER NOT NULL CHECK (capacity > 0),
    sold       INTEGER NOT NULL DEFAULT 0,
    created_at TEXT    NOT NULL,
    CONSTRAINT concerts_never_oversold CHECK (sold BETWEEN 0 AND capacity)
);

-- Times are RFC 3339 in UTC with six decimals, so that they sort as texts. Ids are
-- UUIDs in their usual notation, readable in the sqlite3 shell. There is no index on
-- concert_id: it would make a sale a third slower, and only listings for admins and
-- the books would use it.
CREATE TABLE purchases (
    id              TEXT    PRIMARY KEY NOT NULL,
    concert_id      INTEGER NOT NULL REFERENCES concerts (id),
    user_email      TEXT    NOT NULL,
    quantity        INTEGER NOT NULL CHECK (quantity > 0),
    idempotency_key TEXT,
    created_at      TEXT    NOT NULL,
    refunded_at     TEXT
) WITHOUT ROWID;

CREATE UNIQUE INDEX purchases_idempotency_key ON purchases (idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- The fault plan that all replicas follow.
CREATE TABLE faults (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    plan    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    set_at  TEXT    NOT NULL
);

-- The replicas, and the version of the plan that each has applied.
CREATE TABLE replicas (
    id      TEXT    PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    seen_at TEXT    NOT NULL
) WITHOUT ROWID;

-- The last audit of the books, made by one replica for all. checked_at is null before
-- the first; claimed_at is set while a replica makes the next.
CREATE TABLE audits (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    checked_at TEXT,
    difference INTEGER NOT NULL DEFAULT 0,
    claimed_at TEXT
);

-- +goose Down
DROP TABLE audits;
DROP TABLE replicas;
DROP TABLE faults;
DROP TABLE purchases;
DROP TABLE concerts;
