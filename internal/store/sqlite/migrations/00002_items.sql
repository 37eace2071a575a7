-- +goose Up
-- Ids are opaque texts: an id from a client is compared and not parsed.
CREATE TABLE items (
    id         TEXT PRIMARY KEY NOT NULL,
    user_id    TEXT NOT NULL,
    created_at TEXT NOT NULL
) WITHOUT ROWID;

-- The key that all processes on this file sign tokens with.
CREATE TABLE token_keys (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL
);

-- +goose Down
DROP TABLE token_keys;
DROP TABLE items;
