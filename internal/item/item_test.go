package item_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"onsale/internal/item"
)

func TestNewItemsHaveUniqueIDs(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 1, 2, 0, 0, 123_456_789, time.FixedZone("east", 2*60*60))
	seen := map[string]bool{}
	for range 1000 {
		i, err := item.New("ada", now)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := uuid.Parse(i.ID); err != nil || id.String() != i.ID || seen[i.ID] {
			t.Fatalf("id %q, %v, seen before %t", i.ID, err, seen[i.ID])
		}
		seen[i.ID] = true
		if want := time.Date(2027, 1, 1, 0, 0, 0, 123_456_000, time.UTC); i.UserID != "ada" || i.CreatedAt != want {
			t.Errorf("%+v, want ada's of %s", i, want)
		}
	}
}
