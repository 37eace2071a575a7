package sqlite_test

import (
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

func TestAnAuditIsLeftToTheReplicaThatClaimedIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	store, path := migrated(t, sqlite.Options{Now: func() time.Time { return now }})
	sellable(t, store, sale.Batch{Orders: orders(t, concert(t, store, 10), 2)})
	audit := func() (int64, time.Time) {
		t.Helper()
		difference, checkedAt, err := store.AuditBooks(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return difference, checkedAt
	}
	_, first := audit()

	db := raw(t, path)
	exec(t, db, `UPDATE concerts SET sold = 5`)
	exec(t, db, `UPDATE audits SET claimed_at = '2027-01-02T03:04:10.000000Z'`) // by a replica that crashes
	now = now.Add(10 * time.Second)
	if difference, checkedAt := audit(); difference != 0 || !checkedAt.Equal(first) {
		t.Errorf("while another replica has claimed it: %d at %s, want the last audit, 0 at %s", difference, checkedAt, first)
	}
	now = now.Add(time.Minute)
	if difference, checkedAt := audit(); difference != 3 || !checkedAt.Equal(now) {
		t.Errorf("after the claim has expired: %d at %s, want a new audit, 3 at %s", difference, checkedAt, now)
	}
}
