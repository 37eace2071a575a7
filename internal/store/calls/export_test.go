package calls

import "github.com/jackc/pgx/v5/pgconn"

// Config is what the recorder connects by.
func (r *Recorder) Config() *pgconn.Config { return &r.config.Config }
