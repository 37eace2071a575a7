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

// The connections of one process, by what they are for.
const (
	// sellConns write batches: one for the write loop and one for a batch whose
	// outcome is to be learnt.
	sellConns = 2
	// pingConns ask for a sign of life.
	pingConns = 1
	// shortConns of the general ones are kept from calls that may take long.
	shortConns = 1
	// minConns leaves one general connection for them as well.
	minConns = sellConns + pingConns + shortConns + 1
)

const (
	// poolPingLimit bounds the look whether an idle connection still lives,
	// which it may not after the server lost its power.
	poolPingLimit = 500 * time.Millisecond
	// closeLimit bounds the wait of Close for connections in use.
	closeLimit = 5 * time.Second
)

// pools are the connections of one process. They are apart, so that readers
// never make the write loop wait, and neither hides a sign of life.
type pools struct {
	selling, general *pool
	pinger           pinger
	// long holds a token for each general connection in a call that may take
	// long: a refund that waits for a lock, a read of the books.
	long   chan struct{}
	limits limits
	// silent says that the last sign of life did not come.
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

// setDefault leaves what the URL says alone.
func setDefault(params map[string]string, name, value string) {
	if _, set := params[name]; !set {
		params[name] = value
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// ping asks for a sign of life. When the first one comes after a silence, the
// connections from before are given up: they may lead nowhere.
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

// acquireLong gets a general connection for a call that may take long. The
// caller calls release.
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

// close closes all connections, and waits for those in use for closeLimit.
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
