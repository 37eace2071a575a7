package calls

import "github.com/jackc/pgx/v5/pgconn"

// Config returns the recorder's connection configuration.
func (r *Recorder) Config() *pgconn.Config { return &r.config.Config }
