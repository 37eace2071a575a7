package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/field"
	"onsale/internal/sale"
)

// Concert is a concert and its stock in an answer.
type Concert struct {
	ID              int64  `json:"id" minimum:"1"`
	Title           string `json:"title"`
	Date            string `json:"date" doc:"The date exactly as the organiser entered it."`
	Venue           string `json:"venue"`
	Capacity        int64  `json:"capacity" minimum:"1" doc:"Total number of tickets."`
	Sold            int64  `json:"sold" minimum:"0" doc:"Tickets sold and not refunded."`
	Available       int64  `json:"available" minimum:"0" doc:"Tickets left."`
	NumberOfTickets int64  `json:"number_of_tickets" minimum:"1" doc:"The same as capacity."`
}

func viewOf(c sale.Concert) Concert {
	return Concert{
		ID: c.ID, Title: c.Title, Date: c.Date, Venue: c.Venue,
		Capacity: c.Capacity, Sold: c.Sold, Available: c.Available(), NumberOfTickets: c.Capacity,
	}
}

// appendConcert encodes a concert for the snapshot.
func appendConcert(buf []byte, c Concert) []byte {
	buf = appendInt(buf, `{"id":`, c.ID)
	buf = appendText(buf, `,"title":`, c.Title)
	buf = appendText(buf, `,"date":`, c.Date)
	buf = appendText(buf, `,"venue":`, c.Venue)
	buf = appendInt(buf, `,"capacity":`, c.Capacity)
	buf = appendInt(buf, `,"sold":`, c.Sold)
	buf = appendInt(buf, `,"available":`, c.Available)
	buf = appendInt(buf, `,"number_of_tickets":`, c.NumberOfTickets)
	return append(buf, '}')
}

// newConcert is the body of POST /concerts/new.
type newConcert struct {
	Title           text    `json:"title" minLength:"1" maxLength:"200"`
	Date            text    `json:"date" minLength:"1" maxLength:"100" example:"2027-06-01" doc:"Any text; it is stored and returned unchanged."`
	Venue           text    `json:"venue" minLength:"1" maxLength:"200"`
	NumberOfTickets integer `json:"number_of_tickets" minimum:"1" maximum:"2147483647"`
}

func (b *newConcert) invalid() (errs []error) {
	errs = appendInvalid(errs, "title", b.Title.rule())
	errs = appendInvalid(errs, "date", b.Date.rule())
	errs = appendInvalid(errs, "venue", b.Venue.rule())
	return appendInvalid(errs, "number_of_tickets", b.NumberOfTickets.rule())
}

func (b *newConcert) concert() sale.NewConcert {
	return sale.NewConcert{
		Title: b.Title.value, Date: b.Date.value, Venue: b.Venue.value, Capacity: int64(b.NumberOfTickets.value),
	}
}

type createConcertInput struct{ body newConcert }

// Resolve reads the body and checks it against the rules of the sale.
func (in *createConcertInput) Resolve(ctx huma.Context) []error {
	if errs := decodeBody(ctx, &in.body); len(errs) > 0 {
		return errs
	}
	if broken, ok := errors.AsType[*field.Error](in.body.concert().Check()); ok {
		return appendInvalid(nil, broken.Field, broken.Rule)
	}
	return nil
}

// CreatedConcert is the answer to POST /concerts/new.
type CreatedConcert struct {
	Concert
	Status string `json:"status" enum:"created"`
}

type createConcertOutput struct {
	Location string `header:"Location" doc:"The path of the new concert."`
	Body     CreatedConcert
}

// createConcert puts a concert on sale.
func (s *Server) createConcert(ctx context.Context, in *createConcertInput) (*createConcertOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	concert, err := s.options.Ledger.CreateConcert(ctx, in.body.concert())
	if err != nil {
		return nil, fmt.Errorf("create concert: %w", err)
	}
	s.concerts.invalidate()
	return &createConcertOutput{
		Location: "/concerts/" + strconv.FormatInt(concert.ID, 10),
		Body:     CreatedConcert{viewOf(concert), "created"},
	}, nil
}

type getConcertInput struct {
	ID int64 `path:"id" minimum:"1"`
}

type getConcertOutput struct{ Body Concert }

// getConcert reads one concert from the database.
func (s *Server) getConcert(ctx context.Context, in *getConcertInput) (*getConcertOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	concert, err := s.options.Ledger.Concert(ctx, in.ID)
	if errors.Is(err, sale.ErrNotFound) {
		return nil, concertNotFound.problem()
	}
	if err != nil {
		return nil, fmt.Errorf("read concert: %w", err)
	}
	return &getConcertOutput{viewOf(concert)}, nil
}

type listConcertsInput struct {
	After       int64  `query:"after" minimum:"0" doc:"Return only concerts whose id is greater than this."`
	Limit       int    `query:"limit" minimum:"1" maximum:"1000" doc:"Maximum number of concerts. Without it, all concerts are returned."`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of the list that the client already has."`
}

type listConcertsOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	ETag        string `header:"ETag" doc:"Identifies this state of the list."`
	Link        string `header:"Link" doc:"The path of the next page, as rel=next."`
	Age         string `header:"Age" doc:"The age of the list in seconds. Sent only if the list could not be refreshed."`
	Body        []byte
}

// listConcerts sends the snapshot, or a part of it.
func (s *Server) listConcerts(ctx context.Context, in *listConcertsInput) (*listConcertsOutput, error) {
	list, stale, err := s.concerts.get(ctx, freshFor, patience)
	if err != nil {
		return nil, err
	}
	body, etag, last, more := list.page(in.After, in.Limit)
	out := &listConcertsOutput{Status: http.StatusOK, ContentType: jsonType, ETag: etag, Body: body}
	if more {
		out.Link = fmt.Sprintf(`</concerts?after=%d&limit=%d>; rel="next"`, last, in.Limit)
	}
	if stale {
		out.Age = strconv.Itoa(int(s.options.Now().Sub(list.readAt).Seconds()))
	}
	if matches(in.IfNoneMatch, etag) {
		out.Status, out.ContentType, out.Body = http.StatusNotModified, "", nil
	}
	return out, nil
}

// matches reports whether an If-None-Match names the ETag (RFC 9110, 13.1.2).
func matches(ifNoneMatch, etag string) bool {
	if ifNoneMatch == "" {
		return false
	}
	for one := range strings.SplitSeq(ifNoneMatch, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
	}
	return false
}
