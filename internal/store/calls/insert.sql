-- A call that is written again, because the first answer was lost, is one row.
INSERT INTO onsale.automate_calls
    (run_id, id, time, user_id, method, path, status, error, attempt, duration_ms)
SELECT $1, c.*
FROM unnest(
    $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
    $7::integer[], $8::text[], $9::integer[], $10::double precision[]
) AS c
ON CONFLICT (id) DO NOTHING
