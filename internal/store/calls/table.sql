-- Runs when the recorder connects. If the table exists, a role needs only the
-- privileges to write to it, none to create anything.
DO $$
BEGIN
    IF to_regclass('onsale.automate_calls') IS NULL THEN
        IF to_regnamespace('onsale') IS NULL THEN
            CREATE SCHEMA IF NOT EXISTS onsale;
        END IF;
        CREATE TABLE IF NOT EXISTS onsale.automate_calls (
            id          uuid PRIMARY KEY,
            run_id      uuid             NOT NULL,
            time        timestamptz      NOT NULL,
            user_id     text             NOT NULL,
            method      text             NOT NULL,
            path        text             NOT NULL,
            status      integer          NOT NULL, -- 0: no answer
            error       text             NOT NULL, -- empty: a success
            attempt     integer          NOT NULL,
            duration_ms double precision NOT NULL
        );
        CREATE INDEX IF NOT EXISTS automate_calls_time ON onsale.automate_calls (time);
    END IF;
    -- Inserts no row, but fails now if an insert would fail later.
    INSERT INTO onsale.automate_calls
        (run_id, id, time, user_id, method, path, status, error, attempt, duration_ms)
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE false
    ON CONFLICT (id) DO NOTHING;
END
$$
