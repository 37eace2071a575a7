// Package storetest is the conformance suite that every database engine must
// pass: an engine's tests call [Run] with a way to make empty databases.
package storetest

import (
	"context"
	"database/sql"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
)

// Store is what an engine offers, as far as the suite asks for it.
type Store interface {
	sale.Ledger
	sale.Auditor
	fault.Store
	item.Store
	Migrate(ctx context.Context) error
	CheckSchema(ctx context.Context) error
	Close() error
}

// Gate is what a store asks at the start of each transaction and each read of
// the sale, and of each write of an item; nil lets everything through.
type Gate func(context.Context) error

// Database is one database of the engine under test.
type Database struct {
	// Open opens another handle on the database, as another process would. The
	// suite closes it.
	Open func(tb testing.TB, gate Gate) Store
	// Raw reaches the tables past every store, by their bare names. Whoever
	// made the database closes it.
	Raw *sql.DB
	// NewerSchema is a statement after which the schema is of a version that
	// the engine does not know yet.
	NewerSchema string
	// Migrations are the engine's, in the directory migrations.
	Migrations fs.FS
	// Dialect is the engine's for goose.
	Dialect goose.Dialect
	// Catalog is a query that describes everything in the schema, a text a row,
	// in an order of its own.
	Catalog string
}

// Engine makes an empty database, without a schema, that is gone at the end of
// the test.
type Engine func(tb testing.TB) Database

// Run runs the suite, each case on a database of its own.
func Run(t *testing.T, engine Engine) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*world)
	}{
		{"a concert reads as it was created", createConcert},
		{"concerts come in order of id", listConcerts},
		{"an unknown concert is not found", unknownConcert},
		{"text of every script survives", scripts},
		{"times are UTC to the microsecond", times},
		{"the greatest capacity can be sold", greatestCapacity},
		{"purchases come in pages by id", pages},

		{"sells exactly to capacity", sellOut},
		{"sold out tells how many are left", soldOutLeft},
		{"a batch is decided in order of arrival", orderOfArrival},
		{"one batch sells several concerts", severalConcerts},
		{"an empty batch has no outcomes", emptyBatch},

		{"a key used twice in a batch sells once", keyTwiceInBatch},
		{"a known key gets the first receipt", keyReplayed},
		{"a key for something else is refused", keyReused},
		{"a key that bought nothing is not remembered", keyOfSoldOut},
		{"a key is looked up as it is written", keyLookedUp},

		{"a written batch run again is one purchase", rerunWritten},
		{"a half-written batch run again is completed", rerunHalfWritten},
		{"a first run that meets a written id conflicts", firstRunConflicts},

		{"a refund gives the tickets back once", refundOnce},
		{"an unknown purchase cannot be refunded", refundUnknown},
		{"a refunded key still has its receipt", refundedKey},

		{"a poison order is refused and nothing written", poison},
		{"the database itself refuses to oversell", constraints},
		{"a cancelled context writes nothing", cancelled},
		{"a closed gate lets nothing through", closedGate},
		{"a gate that waits ends with the context", waitingGate},

		{"two handles race 200 buyers for 100 tickets", race},
		{"without the guard the same race oversells", unguardedRace},
		{"refunds race with sales", refundsRace},
		{"one purchase refunded by many at once", refundRace},
		{"a key on two handles and two concerts at once", keyRace},
		{"a key on two handles for the last ticket", lastTicketRace},

		{"the books show what was changed behind their back", changedRows},
		{"an audit is kept for all handles", audits},
		{"audits at once agree", auditRace},

		{"plans have versions", planVersions},
		{"a plan has an age", planAge},
		{"plans saved at once have versions of their own", planRace},
		{"a plan is swapped for the one that it was made of, and no other", planSwap},
		{"patches at once are all in the plan", planPatches},
		{"replicas are heard of for a while", heartbeats},

		{"an item is created and deleted once", createItem},
		{"an item is its user's alone", otherUsersItem},
		{"ids that no item has are not found", oddItemIDs},
		{"users of every script have items", itemUsers},
		{"an id names one item", itemTwice},
		{"an item is deleted once, however many try", itemRace},
		{"a cancelled context writes no item", cancelledItem},
		{"a closed gate lets no item through", gatedItem},
		{"ten handles ask for the token key at once", tokenKeyRace},
		{"the token key stays", tokenKeyStays},

		{"the store agrees with a simple model", agreesWithModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine)
			w.migrate()
			c.run(w)
		})
	}
	for _, c := range []struct {
		name string
		run  func(*world)
	}{
		{"no schema is said to be missing", missingSchema},
		{"a newer schema is refused", newerSchema},
		{"a schema without items gets them and keeps the rest", schemaBeforeItems},
		{"ten handles migrate at once", migrateAtOnce},
		{"migrations go down and up again", downAndUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newWorld(t, engine))
		})
	}
}
