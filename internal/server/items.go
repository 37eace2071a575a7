package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"onsale/internal/item"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// The paths of the item calls, and the patterns of those that are counted as such.
const (
	pathToken = "/api/token"
	pathItems = "/api/items"
	pathItem  = "/api/items/{item_id}"

	patternCreateItem = "POST " + pathItems
	patternDeleteItem = "DELETE " + pathItem
)

// The headers of item calls, in canonical form.
const (
	headerToken = "Token"
	headerUser  = "User-Id"
)

// maxItemBody limits the body of a create request, in bytes. It is read and
// thrown away; earlier clients send what they like.
const maxItemBody = 1 << 20

var errItemTooLarge = bodyError{http.StatusRequestEntityTooLarge, fmt.Sprintf("must be at most %d bytes long", maxItemBody)}

// anyBody stands for a body that may be anything.
type anyBody struct{}

// isItemCall reports whether a path is one of the item calls, or would be if
// it were there: problems of theirs are written in their own way.
func isItemCall(path string) bool {
	return path == pathToken || path == pathItems || strings.HasPrefix(path, pathItems+"/")
}

type tokenInput struct {
	UserID string `header:"User-ID" default:"guest" minLength:"1" maxLength:"128" doc:"Whose token it is to be: 1 to 128 bytes of UTF-8 without control characters or ones that turn the direction of text."`

	request *http.Request
}

// Resolve keeps the request.
func (in *tokenInput) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

type tokenOutput struct {
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         issuedToken
}

type issuedToken struct {
	Token string `json:"token" doc:"To be sent in the header Token. It is the user's alone, and expires."`
}

// issueToken gives a token to whoever asks: it tells users apart, and is no
// security.
func (s *Server) issueToken(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	if err := checkUserHeader(in.request, in.UserID); err != nil {
		return nil, err
	}
	s.metrics.items.active.see(in.UserID)
	if err := s.tokensReady(); err != nil {
		return nil, err
	}
	if err := s.strike(ctx, pathToken); err != nil {
		return nil, err
	}
	token, err := s.options.Tokens.Issue(in.UserID)
	if err != nil {
		return nil, fmt.Errorf("issue token: %w", err)
	}
	return &tokenOutput{"no-store", issuedToken{token}}, nil
}

// tokensReady returns why tokens can neither be issued nor checked yet, or nil:
// their key is in the database.
func (s *Server) tokensReady() error {
	if s.options.Tokens.Ready() {
		return nil
	}
	if err := s.options.Seller.Ready(); err != nil {
		return err
	}
	return sale.ErrUnavailable
}

// ItemCall is what the calls that need a token have in common. It is exported
// for Huma, which looks for parameters in exported fields alone.
type ItemCall struct {
	Token  string `header:"Token" required:"true" maxLength:"512" doc:"What POST /api/token has answered."`
	UserID string `header:"User-ID" maxLength:"128" doc:"The token's user, who is meant without it as well."`

	request *http.Request
}

// Resolve keeps the request. What it asks for is looked at by the handler, in
// the order of [Server.caller].
func (in *ItemCall) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

// caller returns the user that makes the call. Whoever has no token learns
// nothing else that is wrong, and in no other words than who has a false one.
func (s *Server) caller(in *ItemCall) (string, error) {
	if err := s.tokensReady(); err != nil {
		return "", err
	}
	if len(in.request.Header[headerToken]) > 1 {
		return "", item.ErrUnauthorized
	}
	user, err := s.options.Tokens.Check(in.Token, "")
	if err != nil {
		return "", err
	}
	if in.UserID != "" || len(in.request.Header[headerUser]) > 1 {
		if err := checkUserHeader(in.request, in.UserID); err != nil {
			return "", err
		}
		if in.UserID != user {
			return "", item.ErrUnauthorized
		}
	}
	s.metrics.items.active.see(user)
	return user, nil
}

// checkUserHeader returns a problem that names User-ID unless the header is
// there once at most and names somebody.
func checkUserHeader(r *http.Request, user string) error {
	var rule string
	switch {
	case len(r.Header[headerUser]) > 1:
		rule = "must be there only once"
	case item.CheckUser(user) != nil:
		rule = fmt.Sprintf("must be 1 to %d bytes of UTF-8 without control characters or ones that turn the direction of text", item.MaxUserLength)
	default:
		return nil
	}
	return invalid.problem(problem.FieldProblem{Field: "User-ID", Rule: rule})
}

type createItemInput struct{ ItemCall }

type createItemOutput struct{ Body createdItem }

type createdItem struct {
	Status string `json:"status" enum:"item created"`
	ItemID string `json:"item_id" doc:"An opaque text."`
}

// createItem creates an item of the token's user.
func (s *Server) createItem(ctx context.Context, in *createItemInput) (*createItemOutput, error) {
	size := int64(-1) // what was not read is no size
	defer func() { s.metrics.items.sizes.observe(size) }()
	user, err := s.caller(&in.ItemCall)
	if err != nil {
		return nil, err
	}
	if size, err = readItemBody(in.request); err != nil {
		return nil, err
	}
	start := s.options.Now()
	if err := s.strike(ctx, pathItems); err != nil {
		return nil, err
	}
	created := s.options.Now()
	s.metrics.items.processing.Observe(created.Sub(start).Seconds())

	i, err := item.New(user, created)
	if err != nil {
		return nil, fmt.Errorf("name item: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	if err := s.options.Items.CreateItem(ctx, i); err != nil {
		return nil, fmt.Errorf("create item: %w", err)
	}
	s.metrics.items.created.Inc()
	s.metrics.items.activity.count(user)
	return &createItemOutput{createdItem{"item created", i.ID}}, nil
}

// readItemBody reads the body to its end and returns its size, -1 with an error.
func readItemBody(r *http.Request) (int64, error) {
	if r.ContentLength > maxItemBody {
		return -1, errItemTooLarge.problem()
	}
	size, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxItemBody+1))
	switch {
	case err != nil:
		return -1, brokenBody(err).problem()
	case size > maxItemBody:
		return -1, errItemTooLarge.problem()
	}
	return size, nil
}

type deleteItemInput struct {
	ItemCall

	ItemID string `path:"item_id" doc:"The item_id of the answer that created it."`
}

type deleteItemOutput struct{ Body deletedItem }

type deletedItem struct {
	Status string `json:"status" enum:"item deleted"`
}

// deleteItem deletes an item if it is the token's user's.
func (s *Server) deleteItem(ctx context.Context, in *deleteItemInput) (*deleteItemOutput, error) {
	user, err := s.caller(&in.ItemCall)
	if err != nil {
		return nil, err
	}
	if err := s.strike(ctx, pathItem); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	if err := s.options.Items.DeleteItem(ctx, in.ItemID, user); err != nil {
		return nil, fmt.Errorf("delete item: %w", err)
	}
	s.metrics.items.activity.count(user)
	return &deleteItemOutput{deletedItem{"item deleted"}}, nil
}
