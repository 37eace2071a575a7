package server

import "net/http"

// The groups of calls in the API's description.
const (
	tagSales    = "Ticket sales"
	tagItems    = "Items"
	tagAdmin    = "Organisers and operators"
	tagWatching = "Watching"
)

// routes registers all calls of the API. The errors listed for a call do not include
// those that every call can return: 500, and 422 for its parameters.
func (s *Server) routes() {
	// Buying and browsing are open to everyone.
	handle(s, route{
		pattern: "GET /concerts", id: "list-concerts", tag: tagSales, summary: "List the concerts",
		about:  "The list is at most a quarter of a second old. While the database is unavailable it can be older; the Age header then gives its age in seconds.",
		answer: s.jsonAnswer([]Concert{}), errors: []int{503}, watched: []int{500, 503},
	}, s.listConcerts)
	handle(s, route{
		pattern: "GET /concerts/{id}", id: "get-concert", tag: tagSales, summary: "Read a concert", errors: []int{404, 503},
	}, s.getConcert)
	for _, buy := range []struct{ path, id, summary, about string }{
		{"/buy/{concert_id}", "buy", "Buy tickets", ""},
		{"/buy_random_deny/{concert_id}", "buy-random-deny", "Buy tickets, with random denials", "By default 99 in 1000 calls are denied. The fault plan can change this share."},
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
		pattern: "DELETE /purchases/{id}", id: "refund-purchase", tag: tagSales, summary: "Refund a purchase",
		about: "The tickets go back on sale. Repeating the call changes nothing.", errors: []int{404, 503},
	}, s.refundPurchase)

	// Items need a token. Faults are injected after the token is checked.
	handle(s, route{
		pattern: "POST " + pathToken, id: "issue-token", tag: tagItems, summary: "Get a token",
		about:  "Anyone can get a token for any user. Tokens only tell users apart; they provide no security.",
		exempt: true, unchecked: true, errors: []int{422, 503},
	}, s.issueToken)
	handle(s, route{
		pattern: patternCreateItem, id: "create-item", tag: tagItems, summary: "Create an item",
		body: anyBody{}, status: 201, exempt: true, unchecked: true, errors: []int{403, 503},
	}, s.createItem)
	handle(s, route{
		pattern: patternDeleteItem, id: "delete-item", tag: tagItems, summary: "Delete an item",
		about:  "Users can delete only their own items. For another user's item the answer is 404.",
		exempt: true, unchecked: true, errors: []int{403, 404, 503},
	}, s.deleteItem)

	// Calls of organisers and operators need admin access.
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
		about: "All replicas apply the plan within 2 s.",
		admin: true, exempt: true, body: faultsRequest{}, errors: []int{503},
	}, s.setFaults)
	handle(s, route{
		pattern: "PATCH /faults", id: "patch-faults", tag: tagAdmin, summary: "Change the fault plan",
		about: "Send a JSON merge patch (RFC 7396) of the current plan; null removes a fault. Faults that the patch names start again, all others continue. " +
			"A `for` of a route or of the database applies only to those of its faults that the patch names. Concurrent patches are all applied. " +
			"All replicas apply the new plan within 2 s.",
		admin: true, exempt: true, body: faultsPatch{}, bodyTypes: []string{mergePatchType, jsonType}, errors: []int{503},
	}, s.patchFaults)

	// Probes and metrics.
	handle(s, route{
		pattern: "GET /health", id: "get-health", tag: tagWatching, summary: "Check whether the server is running",
		exempt: true, answer: textAnswer("The server is running. The body is empty."),
	}, s.health)
	handle(s, route{
		pattern: "GET /ready", id: "get-ready", tag: tagWatching, summary: "Check whether the server can sell tickets",
		exempt: true, answer: textAnswer("The server can sell tickets."), errors: []int{503},
	}, s.ready)
	s.serveMetrics("GET /metrics")

	// Pages and mounts, which are not counted, and the answer to unknown paths.
	s.serveDocs("GET /docs")
	if !s.mount(s.options.Mounts) {
		s.mux.Handle(home, http.RedirectHandler("/docs", http.StatusFound))
	}
	calls{s}.HandleFunc(anything, s.unknown)
}
