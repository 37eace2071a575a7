-- +goose Up
-- Every batch rewrites the row of its concert. Free space on the page allows HOT
-- updates, which leave the index alone.
CREATE TABLE onsale.concerts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title      text        NOT NULL,
    date       text        NOT NULL,
    venue      text        NOT NULL,
    capacity   bigint      NOT NULL CHECK (capacity > 0),
    sold       bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    CONSTRAINT concerts_never_oversold CHECK (sold BETWEEN 0 AND capacity)
) WITH (fillfactor = 50);

-- No foreign key on concert_id: the inserting transaction has locked the concert's
-- row, and concerts are never deleted. The check would cost a query for every row.
CREATE TABLE onsale.purchases (
    id              uuid PRIMARY KEY,
    concert_id      bigint      NOT NULL,
    user_email      text        NOT NULL,
    quantity        integer     NOT NULL CHECK (quantity > 0),
    idempotency_key text,
    created_at      timestamptz NOT NULL,
    refunded_at     timestamptz
);

CREATE UNIQUE INDEX purchases_idempotency_key ON onsale.purchases (idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- The fault plan that all replicas follow.
CREATE TABLE onsale.faults (
    id      integer PRIMARY KEY CHECK (id = 1),
    plan    jsonb       NOT NULL,
    version bigint      NOT NULL,
    set_at  timestamptz NOT NULL
);

-- The replicas, and the version of the plan that each has applied.
CREATE TABLE onsale.replicas (
    id      text PRIMARY KEY,
    version bigint      NOT NULL,
    seen_at timestamptz NOT NULL
);

-- The last audit of the books, made by one replica for all.
CREATE TABLE onsale.audits (
    id         integer PRIMARY KEY CHECK (id = 1),
    checked_at timestamptz NOT NULL,
    difference bigint      NOT NULL
);

-- +goose Down
DROP TABLE onsale.audits, onsale.replicas, onsale.faults, onsale.purchases, onsale.concerts;
