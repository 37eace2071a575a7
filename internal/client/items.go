package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"onsale/internal/item"
)

// The headers of item calls, in canonical form.
const (
	userHeader  = "User-Id"
	tokenHeader = "Token"
)

// maxItemID limits an item's id, in bytes.
const maxItemID = 256

// Credentials are what item calls need.
type Credentials struct {
	// Token is what [Client.Token] returned for the user.
	Token string
	// User is the user's id; empty leaves it to the token.
	User string
}

func (c Credentials) header() http.Header {
	h := http.Header{tokenHeader: {c.Token}}
	if c.User != "" {
		h.Set(userHeader, c.User)
	}
	return h
}

// wireToken and wireItem are the answers to a call for a token and to a new item.
type (
	wireToken struct {
		Token string `json:"token"`
	}
	wireItem struct {
		ItemID string `json:"item_id"`
	}
)

// Token returns a token for the user; empty stands for item.DefaultUser.
// Error: item.ErrBadUser.
func (c *Client) Token(ctx context.Context, user string) (string, error) {
	var w wireToken
	k := call{method: http.MethodPost, path: TokenPath, room: ofItems, want: http.StatusOK, into: &w, check: func() error {
		if w.Token == "" || len(w.Token) > item.MaxTokenLength {
			return errors.New("there is no token in it")
		}
		return nil
	}}
	if user != "" {
		k.header = http.Header{userHeader: {user}}
	}
	_, err := c.do(ctx, k)
	return w.Token, err
}

// CreateItem creates an item and returns its id. The body may be anything; nil
// sends none. A create whose answer was not seen, sale.ErrOutcomeUnknown, may
// have made an item that nobody knows the id of. Error: item.ErrUnauthorized.
func (c *Client) CreateItem(ctx context.Context, who Credentials, body []byte) (id string, err error) {
	var w wireItem
	k := call{
		method: http.MethodPost, path: ItemsPath, room: ofItems, header: who.header(), want: http.StatusCreated, into: &w,
		check: func() error {
			// A segment of dots could not be sent back: paths are cleaned on their way.
			if w.ItemID == "" || w.ItemID == "." || w.ItemID == ".." || len(w.ItemID) > maxItemID {
				return errors.New("there is no item_id in it")
			}
			return nil
		},
	}
	if body != nil {
		k.body = body
	}
	_, err = c.do(ctx, k)
	return w.ItemID, err
}

// DeleteItem deletes an item of the user. Errors: item.ErrNotFound,
// item.ErrUnauthorized.
func (c *Client) DeleteItem(ctx context.Context, who Credentials, id string) error {
	_, err := c.do(ctx, call{
		method: http.MethodDelete, path: ItemPath(id), room: ofItems, header: who.header(), want: http.StatusOK,
	})
	return err
}

// The paths of the item calls, as they stand in logs.
const (
	TokenPath = "/api/token"
	ItemsPath = "/api/items"
)

// ItemPath returns the path of an item, escaped.
func ItemPath(id string) string { return ItemsPath + "/" + url.PathEscape(id) }
