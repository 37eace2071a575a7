package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// logBuffer is a log that tests can read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// shop sells one concert with a database role that owns nothing.
type shop struct {
	*testing.T

	cluster    *pgtest.Server
	owner, url string // URLs of the superuser and the role
	role, name string // of the role and the database
	concert    int64
	seller     *sale.Seller
	log        logBuffer
}

// grantAll grants what a role needs to serve, without migrations.
const grantAll = `GRANT USAGE ON SCHEMA onsale TO ITS_ROLE; ` +
	`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA onsale TO ITS_ROLE`

func openShop(t *testing.T, cluster *pgtest.Server, attributes string) *shop {
	t.Helper()
	s := &shop{T: t, cluster: cluster, owner: cluster.Database(t)}
	s.name = s.owner[strings.LastIndex(s.owner, "/")+1 : strings.Index(s.owner, "?")]
	s.concert = newBatch(t, open(t, s.owner, postgres.Options{}), 1).Orders[0].ConcertID
	s.url, s.role = cluster.Role(t, s.owner, attributes)
	s.exec(grantAll)
	store := open(t, s.url, postgres.Options{MaxConns: 5})
	var err error
	s.seller, err = sale.NewSeller(store, sale.Options{Logger: slog.New(slog.NewTextHandler(&s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) start() {
	s.seller.Start(s.Context())
	s.Cleanup(func() { _ = s.seller.Stop(context.WithoutCancel(s.Context())) })
}

// exec runs statements as superuser, with the shop's names in place of ITS_ROLE and
// ITS_DATABASE. Statements that contain "onsale" run in the shop's database, the others
// outside it.
func (s *shop) exec(statements string) {
	s.Helper()
	statements = strings.NewReplacer("ITS_ROLE", s.role, "ITS_DATABASE", s.name).Replace(statements)
	for statement := range strings.SplitSeq(statements, "; ") {
		if strings.Contains(statement, "onsale") {
			exec(s.T, s.owner, statement)
		} else if err := s.cluster.Admin(statement); err != nil {
			s.Fatalf("%s: %v", statement, err)
		}
	}
}

func (s *shop) buy() error {
	id, err := sale.NewID()
	if err != nil {
		return err
	}
	outcome, err := s.seller.Buy(s.Context(), sale.Order{ID: id, ConcertID: s.concert, Email: "a@example.com", Quantity: 1})
	if err == nil && outcome.Status != sale.Sold {
		err = errors.New("not sold")
	}
	return err
}

// becomes waits until wanted accepts the result of Ready.
func (s *shop) becomes(what string, wanted func(error) bool) {
	s.Helper()
	for deadline := time.Now().Add(30 * time.Second); !wanted(s.seller.Ready()); {
		if time.Now().After(deadline) {
			s.Fatalf("not %s after 30 s: %v\n%s", what, s.seller.Ready(), s.log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// blocked waits until Ready returns the reason, and checks that buyers get an error at
// once and that the reason is logged once.
func (s *shop) blocked(reason string) {
	s.Helper()
	s.becomes("blocked", func(err error) bool {
		return strings.Contains(obstacle(err).Reason, reason)
	})
	for range 3 {
		begin := time.Now()
		if err := s.buy(); !errors.Is(err, sale.ErrUnavailable) || time.Since(begin) > time.Second {
			s.Errorf("buy: %v after %s, want it unavailable at once", err, time.Since(begin))
		}
	}
	logged := 0
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "level=ERROR") && strings.Contains(line, reason) {
			logged++
		}
	}
	if logged != 1 {
		s.Errorf("the reason was logged %d times, want once:\n%s", logged, s.log.String())
	}
}

// sells waits until the shop is ready, and buys.
func (s *shop) sells() {
	s.Helper()
	s.becomes("ready", func(err error) bool { return err == nil })
	if err := s.buy(); err != nil {
		s.Errorf("buy: %v", err)
	}
}

const (
	hangUp = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ITS_DATABASE' AND usename = 'ITS_ROLE'`
	doom   = `CREATE FUNCTION onsale.doom() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no'' USING ERRCODE = ''THIS'';END'; ` +
		`CREATE TRIGGER doomed BEFORE INSERT ON onsale.purchases FOR EACH ROW EXECUTE FUNCTION onsale.doom()`
	undoom = `DROP TRIGGER doomed ON onsale.purchases`
)

// TestNotReadyWhileNothingCanBeSold removes something that purchases need while the
// server sells, and restores it.
func TestNotReadyWhileNothingCanBeSold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		take, reason string
		// remedy must be in the log. If give is empty, the test runs the remedy instead.
		remedy, give string
		// buy is set if only a purchase can find the obstacle.
		buy bool
	}{
		"no INSERT":      {`REVOKE INSERT ON onsale.purchases FROM ITS_ROLE`, "lacks a privilege", `GRANT INSERT ON onsale.purchases TO ITS_ROLE`, "", false},
		"no UPDATE":      {`REVOKE UPDATE ON onsale.concerts FROM ITS_ROLE`, "lacks a privilege", `GRANT UPDATE ON onsale.concerts TO ITS_ROLE`, "", false},
		"no SELECT":      {`REVOKE SELECT ON onsale.purchases FROM ITS_ROLE`, "lacks a privilege", `GRANT SELECT ON onsale.purchases TO ITS_ROLE`, "", false},
		"no USAGE":       {`REVOKE USAGE ON SCHEMA onsale FROM ITS_ROLE`, "lacks a privilege", `GRANT USAGE ON SCHEMA onsale TO ITS_ROLE`, "", false},
		"table renamed":  {`ALTER TABLE onsale.purchases RENAME TO gone`, "lacks a table", "renamed", `ALTER TABLE onsale.gone RENAME TO purchases`, false},
		"column renamed": {`ALTER TABLE onsale.concerts RENAME COLUMN sold TO gone`, "lacks a table", "renamed", `ALTER TABLE onsale.concerts RENAME COLUMN gone TO sold`, false},
		"column added": {
			`ALTER TABLE onsale.purchases ADD COLUMN extra text NOT NULL DEFAULT ''; ALTER TABLE onsale.purchases ALTER COLUMN extra DROP DEFAULT`,
			"rejects purchases", "extra",
			`ALTER TABLE onsale.purchases DROP COLUMN extra`, true,
		},
		"read-only": {
			`ALTER DATABASE ITS_DATABASE SET default_transaction_read_only = on; ` + hangUp, "read-only", "default_transaction_read_only is on",
			`ALTER DATABASE ITS_DATABASE RESET default_transaction_read_only`, false,
		},
		"no login":      {`ALTER ROLE ITS_ROLE NOLOGIN; ` + hangUp, "rejects the login", "28000", `ALTER ROLE ITS_ROLE LOGIN`, false},
		"no CONNECT":    {`REVOKE CONNECT ON DATABASE ITS_DATABASE FROM PUBLIC; ` + hangUp, "lacks a privilege", `GRANT CONNECT ON DATABASE ITS_DATABASE TO ITS_ROLE`, "", false},
		"role at limit": {`ALTER ROLE ITS_ROLE CONNECTION LIMIT 0; ` + hangUp, "no connection left", "too many connections for role", `ALTER ROLE ITS_ROLE CONNECTION LIMIT -1`, false},
		"disk is full":  {strings.Replace(doom, "THIS", "53100", 1), "no disk space left", "53100", undoom, true},
		"trigger":       {strings.Replace(doom, "THIS", "P0001", 1), "rejects purchases", "P0001", undoom, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, server.Server(t), "")
			s.start()
			s.sells()
			s.exec(c.take)
			if c.buy {
				if err := s.buy(); err == nil {
					t.Error("a purchase succeeded")
				}
			}
			s.blocked(c.reason)
			remedy := strings.NewReplacer("ITS_ROLE", s.role, "ITS_DATABASE", s.name).Replace(c.remedy)
			if !strings.Contains(s.log.String(), remedy) {
				t.Errorf("the log lacks %q:\n%s", remedy, s.log.String())
			}
			if c.give == "" {
				c.give = remedy
			}
			s.exec(c.give)
			s.sells()
			if n := strings.Count(s.log.String(), "database available"); n != 2 {
				t.Errorf("%d log lines that the database is available, want one at the start and one at the end:\n%s", n, s.log.String())
			}
		})
	}
}

// TestNoConnectionLeft lets another replica use up the role's connection limit while
// this one has only its connection for pings.
func TestNoConnectionLeft(t *testing.T) {
	t.Parallel()
	s := openShop(t, server.Server(t), "CONNECTION LIMIT 4")
	others := make([]*pgx.Conn, 3)
	for i := range others {
		var err error
		if others[i], err = pgx.Connect(t.Context(), s.url); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = others[i].Close(context.WithoutCancel(t.Context())) })
	}
	s.start()
	s.blocked("no connection left")
	if !strings.Contains(s.log.String(), "too many connections for role") {
		t.Errorf("the log does not name the limit:\n%s", s.log.String())
	}
	for _, conn := range others {
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.sells()
}

// TestLastConnectionsSell ends the connection for pings and prevents a new one. The
// selling connections go on selling.
func TestLastConnectionsSell(t *testing.T) {
	t.Parallel()
	s := openShop(t, server.Server(t), "")
	s.start()
	s.sells()
	s.exec(`ALTER ROLE ITS_ROLE NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = 'ITS_ROLE' AND query = '-- ping'`)
	for range 50 {
		if err := s.buy(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := strings.Count(s.log.String(), "level=ERROR"); n > 0 {
		t.Errorf("%d errors:\n%s", n, s.log.String())
	}
}

// TestTableLockedForLong expects purchases to be rejected after a table has been locked
// for longer than buyers wait, and not before.
func TestTableLockedForLong(t *testing.T) {
	t.Parallel()
	s := openShop(t, server.Server(t), "")
	s.start()
	s.sells()
	hold, err := raw(t, s.owner).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback()
	if _, err := hold.ExecContext(t.Context(), `LOCK TABLE purchases IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	locked := time.Now()
	s.blocked("holds a lock")
	if took := time.Since(locked); took < 4*time.Second {
		t.Errorf("blocked after %s, want at least the time that buyers wait", took)
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.sells()
}

// TestPrimaryThatBecomesAStandby restarts the only host as a hot standby, and then
// promotes it.
func TestPrimaryThatBecomesAStandby(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	s := openShop(t, cluster, "")
	s.start()
	s.sells()
	if err := cluster.Demote(); err != nil {
		t.Fatal(err)
	}
	s.blocked("read-only")
	if !strings.Contains(s.log.String(), "the server is a standby") {
		t.Errorf("the log does not say that the server is a standby:\n%s", s.log.String())
	}
	// Migrate and CheckSchema only read here and succeed. A write names the reason.
	store := open(t, s.url, postgres.Options{})
	if err := errors.Join(store.Migrate(t.Context()), store.CheckSchema(t.Context())); err != nil {
		t.Error(err)
	}
	_, err := store.CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1})
	if !errors.Is(err, sale.ErrUnavailable) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("create: %v, want the reason", err)
	}
	if err := cluster.Admin(`SELECT pg_promote()`); err != nil {
		t.Fatal(err)
	}
	s.sells()
}

// TestTrialLeavesNothing runs trials on no rows and on many. Neither stores a purchase,
// and a trial on no rows does not write to the table at all.
func TestTrialLeavesNothing(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	store := open(t, url, postgres.Options{})
	newBatch(t, store, 1)
	exec(t, url, `VACUUM purchases`)
	for range 20 {
		if err := store.TryWrite(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var size int64
	if err := raw(t, url).QueryRowContext(t.Context(), `SELECT pg_relation_size('purchases')`).Scan(&size); err != nil || size != 0 {
		t.Errorf("%d bytes, %v: want none", size, err)
	}
	store.Doubt()
	if err := store.TryWrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := raw(t, url).QueryRowContext(t.Context(), `SELECT pg_relation_size('purchases')`).Scan(&size); err != nil || size == 0 {
		t.Errorf("%d bytes, %v: want those of a rolled-back trial", size, err)
	}
	if all, err := store.Purchases(t.Context(), 0, [16]byte{}, 10); err != nil || len(all) != 0 {
		t.Errorf("%v, %v: want no purchase", all, err)
	}
}

// obstacle returns the obstacle in an error, or an empty one if there is none.
func obstacle(err error) sale.ObstacleError {
	if o, ok := errors.AsType[*sale.ObstacleError](err); ok {
		return *o
	}
	return sale.ObstacleError{}
}
