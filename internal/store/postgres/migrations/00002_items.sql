-- +goose Up
-- Ids are opaque texts: an id from a client is compared and not parsed.
CREATE TABLE onsale.items (
    id         text PRIMARY KEY,
    user_id    text        NOT NULL,
    created_at timestamptz NOT NULL
);

-- The key that all replicas sign tokens with.
CREATE TABLE onsale.token_keys (
    id  integer PRIMARY KEY CHECK (id = 1),
    key bytea NOT NULL
);

-- +goose Down
DROP TABLE onsale.token_keys, onsale.items;
