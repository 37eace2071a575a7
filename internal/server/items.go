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

// The paths of the item calls, and the patterns of those that the item metrics count.
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

// maxItemBody limits the body of a create request, in bytes. The body is read and
// discarded, because clients of the earlier service send arbitrary bodies.
const maxItemBody = 1 << 20

var errItemTooLarge = bodyError{http.StatusRequestEntityTooLarge, fmt.Sprintf("must be at most %d bytes long", maxItemBody)}

// anyBody marks a call that accepts any body.
type anyBody struct{}

// isItemCall reports whether a path belongs to the item calls, even if no such call
// exists. Their problems have an additional member.
func isItemCall(path string) bool {
	return path == pathToken || path == pathItems || strings.HasPrefix(path, pathItems+"/")
}

type tokenInput struct {
	UserID string `header:"User-ID" default:"guest" minLength:"1" maxLength:"128" doc:"The user to issue the token to: 1 to 128 bytes of UTF-8 without control characters or characters that change the direction of text."`

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
	Token string `json:"token" doc:"Send it in the Token header. It is valid for this user only, and expires."`
}

// issueToken issues a token to anyone who requests one. Tokens tell users apart; they
// provide no security.
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

// tokensReady returns nil if tokens can be issued and checked, which needs the key from
// the database. Otherwise it returns the reason.
func (s *Server) tokensReady() error {
	if s.options.Tokens.Ready() {
		return nil
	}
	if err := s.options.Seller.Ready(); err != nil {
		return err
	}
	return sale.ErrUnavailable
}

// ItemCall has the parameters of the calls that need a token. It is exported because
// Huma finds parameters in exported fields only.
type ItemCall struct {
	Token  string `header:"Token" required:"true" maxLength:"512" doc:"A token from POST /api/token."`
	UserID string `header:"User-ID" maxLength:"128" doc:"The user of the token. Optional; any other user is rejected."`

	request *http.Request
}

// Resolve keeps the request. The handler validates the parameters, in the order of
// [Server.caller].
func (in *ItemCall) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

// caller returns the user that makes the call. It checks the token first: a client
// without a valid token learns of no other error, and a missing and a wrong token get
// the same answer.
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

// checkUserHeader returns a problem with User-ID if the header is repeated or its value
// is not a valid user.
func checkUserHeader(r *http.Request, user string) error {
	var rule string
	switch {
	case len(r.Header[headerUser]) > 1:
		rule = "must be sent only once"
	case item.CheckUser(user) != nil:
		rule = fmt.Sprintf("must be 1 to %d bytes of UTF-8 without control characters or characters that change the direction of text", item.MaxUserLength)
	default:
		return nil
	}
	return invalid.problem(problem.FieldProblem{Field: "User-ID", Rule: rule})
}

type createItemInput struct{ ItemCall }

type createItemOutput struct{ Body createdItem }

type createdItem struct {
	Status string `json:"status" enum:"item created"`
	ItemID string `json:"item_id" doc:"An opaque string."`
}

// createItem creates an item of the token's user.
func (s *Server) createItem(ctx context.Context, in *createItemInput) (*createItemOutput, error) {
	size := int64(-1) // until the body is read
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

// readItemBody reads the body to its end and returns its size in bytes; -1 with an
// error.
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

	ItemID string `path:"item_id" doc:"The item_id from the answer to POST /api/items."`
}

type deleteItemOutput struct{ Body deletedItem }

type deletedItem struct {
	Status string `json:"status" enum:"item deleted"`
}

// deleteItem deletes an item of the token's user.
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
