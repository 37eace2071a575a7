package catalog

// The series that tell which concerts are sold out. The concerts beyond the
// newest are added up under "other", which says nothing about any of them.
const (
	// soldOut is 1 for a concert that is sold out and 0 for one that is not.
	soldOut = "job_concert:onsale_sold_out:bool"
	// stockKnown is there when the stock is known, be there concerts or not. It is
	// recorded with soldOut, so that where the one is there, the other was looked for.
	stockKnown = "job:onsale_concerts:sum"
)

// stock are the recordings that ConcertSoldOut looks back on.
func (r rules) stock() []Recording {
	return []Recording{
		{
			Record: soldOut,
			Expr: r.expr(`
max by (job, concert) (onsale_concert_tickets_sold{$job,concert!="other"})
  >= bool
max by (job, concert) (onsale_concert_capacity_tickets{$job,concert!="other"})`),
		},
		{
			Record: stockKnown,
			Expr:   r.expr(`sum by (job) (max by (job, state) (onsale_concerts{$job}))`),
		},
		{
			Record: presentSeries,
			Expr: r.expr(`
label_replace(
  count by (job, __name__) ({__name__=~"` + watchedSeries + `",$job}),
  "series", "$1", "__name__", "(.+)"
)`),
		},
	}
}

// sale are the alerts on what is sold.
func (r rules) sale() []Alert {
	return []Alert{
		{
			Name: "ConcertSoldOut", Severity: Info,
			// It was sold out within ten minutes, and not in the 50 before: a refund
			// that is sold again is no news. And it was really seen before it was sold
			// out, or is new: a monitoring that has just begun must not take what it
			// finds for news.
			Expr: r.expr(`
(
  max_over_time(` + soldOut + `{$job}[10m]) == 1
  unless
  max_over_time(` + soldOut + `{$job}[50m] offset 10m) == 1
)
and
(
  min_over_time(` + soldOut + `{$job}[10m]) == 0
  or
  (
    max_over_time(` + soldOut + `{$job}[10m])
    unless
    ` + soldOut + `{$job} offset 10m
  ) and on (job) ` + stockKnown + `{$job} offset 10m
)`),
			// A target that has no concert yet has onsale_concerts alone.
			Needs: [][]Series{
				{{Name: "onsale_concerts"}},
				{{Name: "onsale_concert_tickets_sold", Match: `concert!=''`}, {Name: "onsale_concert_capacity_tickets", Match: `concert!=''`}},
			},
			Later:   []string{"onsale_concerts", "onsale_concert_tickets_sold", "onsale_concert_capacity_tickets"},
			Summary: `Concert {{ $labels.concert }} is sold out`,
			Description: `All tickets of concert {{ $labels.concert }} are sold. Buyers are told so; nothing is wrong. ` +
				`Tickets that are given back are on sale again. This message ends by itself.`,
			Meaning: "A concert has just sold out. " +
				"Nothing is wrong: it is what organisers hope for, and they may want to put another one on sale. The alert ends by itself " +
				"after ten minutes, and a concert that was sold out before the monitoring began never fires it, nor do tickets that are " +
				"given back and sold again within the hour.",
			Steps: []string{
				"Nothing has to be done.",
				"Whoever plans concerts may open another one: POST /concerts/new.",
				"Expect the share of sold out among purchases to rise until buyers have noticed.",
			},
			Provoke: Provocation{Also: "Open a concert with a few tickets (POST /concerts/new) and buy them all (POST /buy/{concert_id})."},
		},
		{
			Name: "BooksDoNotBalance", Severity: Critical,
			// A scrape that is missed does not hide it.
			Expr:    r.expr(`max by (job) (abs(last_over_time(onsale_books_difference_tickets{$job}[1m]))) > 0`),
			Needs:   [][]Series{{{Name: "onsale_books_difference_tickets"}}},
			Summary: `Books do not balance: {{ $value }} tickets`,
			Description: `What concerts count as sold and what purchases add up to differ by {{ $value }} tickets. ` +
				`Seats may have been sold twice, or not be for sale though they are free. There is no difference that is fine.`,
			Meaning: "The counter of sold tickets and the sum of the purchases disagree. " +
				"It is the one promise that Onsale makes, and it keeps it by a database constraint as well as by code; so somebody changed " +
				"the database by hand, a restore was not whole, or there is a fault in Onsale.",
			Steps: []string{
				"Read GET /books: it names the concerts, what their counters say and what their purchases add up to.",
				"Stop selling those concerts while you look, if seats may be sold twice.",
				"Ask who changed the database, restored it, or ran a script on it; the database's own log knows when.",
				"Keep a copy of the database as it is; if nobody has touched it, report a fault with that.",
				"Mend the counter: UPDATE concerts SET sold = (SELECT coalesce(sum(quantity), 0) FROM purchases WHERE concert_id = concerts.id AND refunded_at IS NULL) WHERE id = the concert's. On PostgreSQL the tables are in the schema onsale.",
			},
			Provoke: Provocation{Also: "No fault does this. Change a row by hand: UPDATE concerts SET sold = sold + 1 WHERE id = 1. Take it back the same way."},
		},
	}
}
