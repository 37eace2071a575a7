package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/sale"
)

// Numbers of connections of one process, by purpose.
const (
	// sellConns write batches: one for the write loop, and one to look up the outcome
	// of a batch whose commit is unknown.
	sellConns = 2
	// pingConns ping the database.
	pingConns = 1
	// shortConns is the number of general connections reserved for short calls.
	shortConns = 1
	// minConns leaves one general connection for long calls too.
	minConns = sellConns + pingConns + shortConns + 1
)

const (
	// poolPingLimit bounds the ping of an idle connection, which gets no answer after
	// the server lost power.
	poolPingLimit = 500 * time.Millisecond
	// closeLimit is how long Close waits for connections in use.
	closeLimit = 5 * time.Second
)

// pools are the connections of one process. They are separate, so that readers never
// make the write loop wait, and neither of them delays a ping.
type pools struct {
	selling, general *pool
	pinger           pinger
	// long holds a token for each general connection in a call that can take long: a
	// refund that waits for a lock, a read of the books.
	long   chan struct{}
	limits limits
	// silent is set while the last ping has failed.
	silent atomic.Bool
}

func openPools(ctx context.Context, config *pgxpool.Config, maxConns int) (*pools, error) {
	setDefault(config.ConnConfig.RuntimeParams, "application_name", "onsale")
	sessions, err := newSessions(config.ConnConfig)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.Tracer = sessions
	config.MaxConnIdleTime = 5 * time.Minute
	config.PingTimeout = poolPingLimit

	generalConns := maxConns - sellConns - pingConns
	p := &pools{
		selling: newPool(config, sellConns),
		general: newPool(config, generalConns),
		pinger:  pinger{config: config.ConnConfig.Copy()},
		long:    make(chan struct{}, generalConns-shortConns),
		limits:  sessions.limits,
	}
	return p, errors.Join(p.selling.renew(ctx), p.general.renew(ctx))
}

// setDefault sets a parameter that the URL does not set.
func setDefault(params map[string]string, name, value string) {
	if _, set := params[name]; !set {
		params[name] = value
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// ping pings the database. The first success after a failure replaces all
// connections, because the old ones can be dead.
func (p *pools) ping(ctx context.Context) error {
	err := p.pinger.ping(ctx)
	switch {
	case err != nil:
		p.silent.Store(true)
	case p.silent.Swap(false):
		return errors.Join(p.selling.renew(ctx), p.general.renew(ctx))
	}
	return err
}

// acquireLong acquires a general connection for a call that can take long. The caller
// must call release.
func (p *pools) acquireLong(ctx context.Context) (conn *pgxpool.Conn, release func(), err error) {
	select {
	case p.long <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	conn, err = p.general.Acquire(ctx)
	if err != nil {
		<-p.long
		return nil, nil, err
	}
	return conn, func() { conn.Release(); <-p.long }, nil
}

// close closes all connections. It waits up to closeLimit for those in use.
func (p *pools) close() error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.pinger.close()
		p.selling.now().Close()
		p.general.now().Close()
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(closeLimit):
		return fmt.Errorf("close database: connections still in use after %s", closeLimit)
	}
}

func (p *pools) stats() sale.PoolStats {
	selling, general := p.selling.now().Stat(), p.general.now().Stat()
	return sale.PoolStats{
		InUse: int(selling.AcquiredConns() + general.AcquiredConns()),
		Idle:  int(selling.IdleConns()+general.IdleConns()) + pingConns,
		Max:   int(selling.MaxConns()+general.MaxConns()) + pingConns,
	}
}
