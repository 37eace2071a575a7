package catalog

// The series that show which concerts are sold out. All but the newest concerts are
// added up under "other", which cannot show that for a single concert.
const (
	// soldOut is 1 for a concert that is sold out and 0 for one that is not.
	soldOut = "job_concert:onsale_sold_out:bool"
	// stockKnown exists whenever the stock is known, even without concerts. It is
	// recorded together with soldOut: where one exists, the other was evaluated
	// too.
	stockKnown = "job:onsale_concerts:sum"
)

// stock returns the recordings that ConcertSoldOut reads.
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

// sale returns the alerts on ticket sales.
func (r rules) sale() []Alert {
	return []Alert{
		{
			Name: "ConcertSoldOut", Severity: Info,
			// The concert sold out within the last ten minutes, and was not sold
			// out in the 50 minutes before: a ticket that is refunded and sold
			// again fires nothing. Also, the concert was seen with tickets left, or
			// is new: a monitoring that has just started must not report concerts
			// that sold out earlier.
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
			// A target without concerts has only onsale_concerts.
			Needs: [][]Series{
				{{Name: "onsale_concerts"}},
				{{Name: "onsale_concert_tickets_sold", Match: `concert!=''`}, {Name: "onsale_concert_capacity_tickets", Match: `concert!=''`}},
			},
			Later:   []string{"onsale_concerts", "onsale_concert_tickets_sold", "onsale_concert_capacity_tickets"},
			Summary: `Concert {{ $labels.concert }} is sold out`,
			Description: `All tickets of concert {{ $labels.concert }} are sold. Buyers see "sold out"; nothing is wrong. ` +
				`Refunded tickets go on sale again. This alert resolves by itself.`,
			Meaning: "A concert has just sold out. " +
				"Nothing is wrong: organisers hope for this, and may want to open another concert. The alert resolves by itself " +
				"after ten minutes. It does not fire for concerts that sold out before the monitoring started, nor for tickets that are " +
				"refunded and sold again within the hour.",
			Steps: []string{
				"No action is needed.",
				"The organisers can open another concert: POST /concerts/new.",
				"Expect a higher share of sold_out among purchases until buyers notice.",
			},
			Provoke: Provocation{Also: "Open a concert with a few tickets (POST /concerts/new) and buy them all (POST /buy/{concert_id})."},
		},
		{
			Name: "BooksDoNotBalance", Severity: Critical,
			// A missed scrape does not hide the difference.
			Expr:    r.expr(`max by (job) (abs(last_over_time(onsale_books_difference_tickets{$job}[1m]))) > 0`),
			Needs:   [][]Series{{{Name: "onsale_books_difference_tickets"}}},
			Summary: `The ledger does not balance: {{ $value }} tickets`,
			Description: `The concerts' counters of sold tickets and the sum of the purchases differ by {{ $value }} tickets. ` +
				`Seats may have been sold twice, or free seats may not be on sale. No difference is acceptable.`,
			Meaning: "The counters of sold tickets and the sum of the purchases differ. " +
				"Onsale promises that they never do, and enforces it by a database constraint and in code. So somebody changed " +
				"the database by hand, a restore was incomplete, or Onsale has a bug.",
			Steps: []string{
				"Read GET /books: it lists the concerts with their counters and the sums of their purchases.",
				"If seats may have been sold twice, stop selling those concerts while you investigate.",
				"Find out whether anyone changed the database, restored it, or ran a script on it. The database log shows when.",
				"Copy the database in its current state. If nobody changed it by hand, report a bug and keep the copy as evidence.",
				"Correct the counter: UPDATE concerts SET sold = (SELECT coalesce(sum(quantity), 0) FROM purchases WHERE concert_id = concerts.id AND refunded_at IS NULL) WHERE id = the concert's. On PostgreSQL the tables are in the schema onsale.",
			},
			Provoke: Provocation{Also: "No fault provokes this alert. Change a row by hand: UPDATE concerts SET sold = sold + 1 WHERE id = 1. Undo it the same way."},
		},
	}
}
