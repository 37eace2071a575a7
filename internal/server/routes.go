package server

import "net/http"

// The groups of calls in the API's description.
const (
	tagSales    = "Ticket sales"
	tagItems    = "Items"
	tagAdmin    = "Organisers and operators"
	tagWatching = "Watching"
)

// routes registers the whole surface of the API. Errors that every call may
// have (500, and 422 for its parameters) go without saying.
func (s *Server) routes() {
	// Buying and browsing are open to everybody.
	handle(s, route{
		pattern: "GET /concerts", id: "list-concerts", tag: tagSales, summary: "List the concerts",
		about:  "At most a quarter of a second old, or as old as the header Age says while the database is away.",
		answer: s.jsonAnswer([]Concert{}), errors: []int{503}, watched: []int{500, 503},
	}, s.listConcerts)
	handle(s, route{
		pattern: "GET /concerts/{id}", id: "get-concert", tag: tagSales, summary: "Read a concert", errors: []int{404, 503},
	}, s.getConcert)
	for _, buy := range []struct{ path, id, summary, about string }{
		{"/buy/{concert_id}", "buy", "Buy tickets", ""},
		{"/buy_random_deny/{concert_id}", "buy-random-deny", "Buy tickets, or be denied", "Unless the fault plan says otherwise, 99 in 1000 calls are denied."},
	} {
		handle(s, route{
			pattern: "POST " + buy.path, id: buy.id, tag: tagSales, summary: buy.summary, about: buy.about,
			body: buyRequest{}, exempt: true, errors: []int{404, 409, 503}, watched: []int{404, 422, 500, 503},
		}, s.buy(buy.path))
	}
	handle(s, route{
		pattern: "GET /purchases/{id}", id: "get-purchase", tag: tagSales, summary: "Read a purchase", errors: []int{404, 503},
	}, s.getPurchase)
	handle(s, route{
		pattern: "DELETE /purchases/{id}", id: "refund-purchase", tag: tagSales, summary: "Give the tickets back",
		about: "A second time changes nothing.", errors: []int{404, 503},
	}, s.refundPurchase)

	// Items need a token, and the fault plan strikes after that was looked at.
	handle(s, route{
		pattern: "POST " + pathToken, id: "issue-token", tag: tagItems, summary: "Get a token",
		about:  "Anybody gets one for any user: tokens tell users apart, and are no security.",
		exempt: true, unchecked: true, errors: []int{422, 503},
	}, s.issueToken)
	handle(s, route{
		pattern: patternCreateItem, id: "create-item", tag: tagItems, summary: "Create an item",
		body: anyBody{}, status: 201, exempt: true, unchecked: true, errors: []int{403, 503},
	}, s.createItem)
	handle(s, route{
		pattern: patternDeleteItem, id: "delete-item", tag: tagItems, summary: "Delete an item",
		about:  "Another user's item is as unknown as one that does not exist.",
		exempt: true, unchecked: true, errors: []int{403, 404, 503},
	}, s.deleteItem)

	// Organisers and operators pass the gate.
	handle(s, route{
		pattern: "POST /concerts/new", id: "create-concert", tag: tagAdmin, summary: "Put a concert on sale",
		admin: true, body: newConcert{}, errors: []int{503},
	}, s.createConcert)
	handle(s, route{
		pattern: "GET /purchases", id: "list-purchases", tag: tagAdmin, summary: "List the purchases", admin: true, errors: []int{503},
	}, s.listPurchases)
	handle(s, route{
		pattern: "GET /books", id: "get-books", tag: tagAdmin, summary: "Compare the counters with the purchases",
		admin: true, errors: []int{503},
	}, s.getBooks)
	handle(s, route{
		pattern: "GET /faults", id: "get-faults", tag: tagAdmin, summary: "Read the fault plan", admin: true, exempt: true,
	}, s.getFaults)
	handle(s, route{
		pattern: "PUT /faults", id: "set-faults", tag: tagAdmin, summary: "Set the fault plan",
		about: "Every replica applies it within 2 s.",
		admin: true, exempt: true, body: faultsRequest{}, errors: []int{503},
	}, s.setFaults)
	handle(s, route{
		pattern: "PATCH /faults", id: "patch-faults", tag: tagAdmin, summary: "Change the fault plan",
		about: "A JSON merge patch (RFC 7396) of the plan in force: null removes. Faults that it names begin anew, all others go on. " +
			"A `for` of a route or the database is for those of its faults that the patch names. No patch is lost when several come at once. " +
			"Every replica applies it within 2 s.",
		admin: true, exempt: true, body: faultsPatch{}, bodyTypes: []string{mergePatchType, jsonType}, errors: []int{503},
	}, s.patchFaults)

	// Probes and metrics.
	handle(s, route{
		pattern: "GET /health", id: "get-health", tag: tagWatching, summary: "Tell whether the server lives",
		exempt: true, answer: textAnswer("It does."),
	}, s.health)
	handle(s, route{
		pattern: "GET /ready", id: "get-ready", tag: tagWatching, summary: "Tell whether the server can sell",
		exempt: true, answer: textAnswer("It can."), errors: []int{503},
	}, s.ready)
	s.serveMetrics("GET /metrics")

	// Pages and what else is not counted, and what is no page either.
	s.serveDocs("GET /docs")
	if !s.mount(s.options.Mounts) {
		s.mux.Handle(home, http.RedirectHandler("/docs", http.StatusFound))
	}
	calls{s}.HandleFunc(anything, s.unknown)
}
