// Package storetest is the conformance suite that every database engine must pass. The
// tests of an engine call [Run] with a function that creates empty databases.
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

// Store is the part of an engine that the suite uses.
type Store interface {
	sale.Ledger
	sale.Auditor
	fault.Store
	item.Store
	Migrate(ctx context.Context) error
	CheckSchema(ctx context.Context) error
	Close() error
}

// Gate is called by a store at the start of each transaction and each read of the sale,
// and of each write of an item. A nil Gate lets every call through.
type Gate func(context.Context) error

// Database is one database of the engine under test.
type Database struct {
	// Open opens another handle on the database, as another process would. The suite
	// closes it.
	Open func(tb testing.TB, gate Gate) Store
	// Raw accesses the tables without a store, by their bare names. The suite does not
	// close it.
	Raw *sql.DB
	// NewerSchema is a statement that gives the schema a version newer than the engine
	// supports.
	NewerSchema string
	// Migrations are the engine's migrations, in the directory migrations.
	Migrations fs.FS
	// Dialect is the engine's dialect for goose.
	Dialect goose.Dialect
	// Catalog is a query that describes everything in the schema: one text per row,
	// always in the same order.
	Catalog string
}

// Engine creates an empty database without a schema, and removes it at the end of the
// test.
type Engine func(tb testing.TB) Database

// Run runs the suite, each case on a database of its own.
func Run(t *testing.T, engine Engine) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*world)
	}{
		{"a concert reads as it was created", createConcert},
		{"concerts are listed in order of id", listConcerts},
		{"an unknown concert is not found", unknownConcert},
		{"text of every script survives", scripts},
		{"times are UTC to the microsecond", times},
		{"the greatest capacity can be sold", greatestCapacity},
		{"purchases are listed in pages by id", pages},

		{"sells exactly to capacity", sellOut},
		{"sold out says how many are left", soldOutLeft},
		{"a batch is decided in order of arrival", orderOfArrival},
		{"one batch sells several concerts", severalConcerts},
		{"an empty batch has no outcomes", emptyBatch},

		{"a key used twice in a batch sells once", keyTwiceInBatch},
		{"a known key gets the first receipt", keyReplayed},
		{"a key for something else is rejected", keyReused},
		{"a key that bought nothing is not remembered", keyOfSoldOut},
		{"a key is case-sensitive", keyLookedUp},

		{"a rerun of a written batch writes nothing", rerunWritten},
		{"a rerun of a half-written batch completes it", rerunHalfWritten},
		{"a first run with a written id conflicts", firstRunConflicts},

		{"a refund gives the tickets back once", refundOnce},
		{"an unknown purchase cannot be refunded", refundUnknown},
		{"a refunded key still has its receipt", refundedKey},

		{"a poison order is rejected and nothing written", poison},
		{"the database itself does not oversell", constraints},
		{"a cancelled context writes nothing", cancelled},
		{"a closed gate lets nothing through", closedGate},
		{"a gate that waits ends with the context", waitingGate},

		{"two handles race 200 buyers for 100 tickets", race},
		{"without the guard the same race oversells", unguardedRace},
		{"refunds race with sales", refundsRace},
		{"one purchase refunded by many at once", refundRace},
		{"a key on two handles and two concerts at once", keyRace},
		{"a key on two handles for the last ticket", lastTicketRace},

		{"the books show changes by other programs", changedRows},
		{"an audit is shared by all handles", audits},
		{"concurrent audits agree", auditRace},

		{"plans have versions", planVersions},
		{"a plan has an age", planAge},
		{"plans saved at once have different versions", planRace},
		{"a swap replaces only the version that it was made from", planSwap},
		{"concurrent patches are all in the plan", planPatches},
		{"silent replicas are dropped after a while", heartbeats},

		{"an item is created and deleted once", createItem},
		{"only its user can delete an item", otherUsersItem},
		{"unknown and odd item ids are not found", oddItemIDs},
		{"users of every script can have items", itemUsers},
		{"an item's id is unique", itemTwice},
		{"an item is deleted once, however many callers try", itemRace},
		{"a cancelled context writes no item", cancelledItem},
		{"a closed gate lets no item through", gatedItem},
		{"ten handles get the token key at once", tokenKeyRace},
		{"the token key never changes", tokenKeyStays},

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
		{"a missing schema is reported", missingSchema},
		{"a newer schema is rejected", newerSchema},
		{"a schema without items gets the tables and keeps the rest", schemaBeforeItems},
		{"ten handles migrate at once", migrateAtOnce},
		{"migrations go down and up again", downAndUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newWorld(t, engine))
		})
	}
}
