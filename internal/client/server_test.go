package client_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/field"
	"onsale/internal/item"
	"onsale/internal/sale"
)

// must returns a function that returns the value of a call, and fails the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestTicketsOfARealServer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := apptest.Admin(t, apptest.Serve(t, fault.Off()))
	if err := c.Health(ctx); err != nil {
		t.Fatal(err)
	}
	opening := must[sale.Concert](t)(c.CreateConcert(ctx, sale.NewConcert{Title: "Opening", Date: "tonight", Venue: "Hall", Capacity: 5}))
	second := must[sale.Concert](t)(c.CreateConcert(ctx, sale.NewConcert{Title: "Second", Date: "later", Venue: "Hall", Capacity: 3}))

	var outcomes []sale.Outcome
	for _, order := range []client.BuyRequest{
		{ConcertID: opening.ID, Email: "ada@example.com", Quantity: 4, Key: "key"},
		{ConcertID: opening.ID, Email: "ada@example.com", Quantity: 4, Key: "key"},
		{ConcertID: opening.ID, Email: "ada@example.com", Quantity: 3, Key: "key"},
		{ConcertID: opening.ID, Email: "bob@example.com", Quantity: 2, RandomDeny: true},
		{ConcertID: 4711, Email: "bob@example.com", Quantity: 1},
	} {
		outcomes = append(outcomes, must[sale.Outcome](t)(c.Buy(ctx, order)))
	}
	for i, want := range []sale.Status{sale.Sold, sale.Replayed, sale.KeyReused, sale.SoldOut, sale.NotFound} {
		if got := outcomes[i].Status; got != want {
			t.Errorf("order %d is %s, want %s", i, got, want)
		}
	}
	sold := outcomes[0].Purchase
	if sold.Email != "ada@example.com" || sold.Quantity != 4 || sold.Key != "key" || sold.ID == uuid.Nil || outcomes[1].Purchase != sold {
		t.Errorf("receipts %+v and %+v", sold, outcomes[1].Purchase)
	}
	if outcomes[3].Left != 1 {
		t.Errorf("%d tickets left, want 1", outcomes[3].Left)
	}

	read := must[sale.Purchase](t)(c.Purchase(ctx, sold.ID))
	sold.Key = "" // not part of the answer
	if read != sold {
		t.Errorf("purchase %+v, want the receipt %+v", read, sold)
	}
	var purchases []sale.Purchase
	for p, err := range c.Purchases(ctx, opening.ID) {
		purchases = append(purchases, must[sale.Purchase](t)(p, err))
	}
	if len(purchases) != 1 || purchases[0] != sold {
		t.Errorf("purchases %+v", purchases)
	}
	books := must[sale.Books](t)(c.Books(ctx))
	if len(books.Concerts) != 2 || books.Concerts[0].Sold != 4 || books.Difference() != 0 {
		t.Errorf("books %+v", books)
	}
	first, again := must[sale.Purchase](t)(c.Refund(ctx, sold.ID)), must[sale.Purchase](t)(c.Refund(ctx, sold.ID))
	if first.Live() || first != again {
		t.Errorf("refunds %+v and %+v", first, again)
	}

	if one := must[sale.Concert](t)(c.Concert(ctx, opening.ID)); one != opening {
		t.Errorf("concert %+v, want the created one %+v", one, opening)
	}
	var concerts []sale.Concert
	for concert, err := range c.Concerts(ctx) {
		concerts = append(concerts, must[sale.Concert](t)(concert, err))
	}
	if len(concerts) != 2 || concerts[0].Capacity != 5 || concerts[1] != second {
		t.Errorf("concerts %+v", concerts)
	}
}

func TestErrorsOfARealServerAreDomainErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := apptest.Serve(t, fault.Off())
	c := apptest.Admin(t, url)
	stranger := apptest.Connect(t, url, client.Options{Token: "guessed"})
	concert := must[sale.Concert](t)(c.CreateConcert(ctx, sale.NewConcert{Title: "Opening", Date: "tonight", Venue: "Hall", Capacity: 5}))
	order := client.BuyRequest{ConcertID: concert.ID, Email: "ada@example.com", Quantity: 1}

	_, err := c.Concert(ctx, 4711)
	wantIs(t, err, sale.ErrNotFound)
	_, err = c.Purchase(ctx, uuid.New())
	wantIs(t, err, sale.ErrNotFound)
	_, err = c.Refund(ctx, uuid.New())
	wantIs(t, err, sale.ErrNotFound)
	_, err = stranger.Books(ctx)
	wantIs(t, err, client.ErrAdmin)
	_, err = stranger.SetFaults(ctx, fault.Off())
	wantIs(t, err, client.ErrAdmin)
	for _, err := range stranger.Purchases(ctx, 0) {
		wantIs(t, err, client.ErrAdmin)
	}

	_, err = c.Buy(ctx, client.BuyRequest{ConcertID: concert.ID, Email: "nobody", Quantity: 99})
	if field, ok := errors.AsType[*field.Error](err); !ok || field.Field != "user_email" {
		t.Errorf("bad order: %v", err)
	}
	_, err = c.CreateConcert(ctx, sale.NewConcert{Title: "a\x00b", Date: "d", Venue: "v", Capacity: 1})
	if field, ok := errors.AsType[*field.Error](err); !ok || field.Field != "title" {
		t.Errorf("bad concert: %v", err)
	}
	_, err = c.SetFaults(ctx, fault.Plan{Routes: map[string]fault.RouteFaults{"/health": {Error: 1}}})
	if plan, ok := errors.AsType[*fault.PlanError](err); !ok || plan.Field != `routes["/health"]` {
		t.Errorf("bad plan: %v", err)
	}

	set := must[client.Faults](t)(c.SetFaults(ctx, fault.Plan{
		Routes: map[string]fault.RouteFaults{
			"/buy/{concert_id}":             {Error: 1},
			"/buy_random_deny/{concert_id}": {Deny: 1},
		},
		NotReady: fault.Switch{On: true},
	}))
	if set.Version < 1 || set.Summary == "" || !set.Plan.NotReady.On || len(set.Replicas) == 0 {
		t.Errorf("faults %+v", set)
	}
	_, err = c.Buy(ctx, order)
	wantIs(t, err, fault.ErrInjected)
	order.RandomDeny = true
	_, err = c.Buy(ctx, order)
	wantIs(t, err, fault.ErrDenied)
	wantIs(t, c.Ready(ctx), client.ErrNotReady)
	if got := must[client.Faults](t)(c.Faults(ctx)); got.Plan.Routes["/buy/{concert_id}"].Error != 1 || len(got.Active) == 0 {
		t.Errorf("faults %+v", got)
	}
}

func TestItemsOfARealServer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := apptest.Connect(t, apptest.Serve(t, fault.Off()), client.Options{})
	ada := client.Credentials{User: "ada", Token: must[string](t)(c.Token(ctx, "ada"))}
	bob := client.Credentials{User: "bob", Token: must[string](t)(c.Token(ctx, "bob"))}

	id := must[string](t)(c.CreateItem(ctx, ada, []byte("anything at all")))
	nameless := must[string](t)(c.CreateItem(ctx, client.Credentials{Token: ada.Token}, nil))
	wantIs(t, c.DeleteItem(ctx, bob, id), item.ErrNotFound)
	for _, one := range []string{id, nameless} {
		if err := c.DeleteItem(ctx, ada, one); err != nil {
			t.Errorf("delete: %v", err)
		}
		wantIs(t, c.DeleteItem(ctx, ada, one), item.ErrNotFound)
	}
	wantIs(t, c.DeleteItem(ctx, ada, "a/b?c"), item.ErrNotFound)

	for name, who := range map[string]client.Credentials{
		"no token":      {},
		"another's":     {User: "bob", Token: ada.Token},
		"invalid":       {User: "ada", Token: "nonsense"},
		"of other case": {User: "Ada", Token: ada.Token},
	} {
		if _, err := c.CreateItem(ctx, who, nil); !errors.Is(err, item.ErrUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := c.Token(ctx, longName)
	wantIs(t, err, item.ErrBadUser)
}

const longName = "0123456789012345678901234567890123456789012345678901234567890123456789" +
	"0123456789012345678901234567890123456789012345678901234567890123456789"

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}
