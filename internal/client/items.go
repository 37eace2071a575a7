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

// Credentials authorise item calls.
type Credentials struct {
	// Token is a token of the user, from [Client.Token].
	Token string
	// User is the user's id; empty means the token's user.
	User string
}

func (c Credentials) header() http.Header {
	h := http.Header{tokenHeader: {c.Token}}
	if c.User != "" {
		h.Set(userHeader, c.User)
	}
	return h
}

// wireToken and wireItem are the answers to the creation of a token and of an item.
type (
	wireToken struct {
		Token string `json:"token"`
	}
	wireItem struct {
		ItemID string `json:"item_id"`
	}
)

// Token returns a token for the user; an empty user means item.DefaultUser.
// Error: item.ErrBadUser.
func (c *Client) Token(ctx context.Context, user string) (string, error) {
	var w wireToken
	k := call{method: http.MethodPost, path: TokenPath, part: ofItems, want: http.StatusOK, into: &w, check: func() error {
		if w.Token == "" || len(w.Token) > item.MaxTokenLength {
			return errors.New("the token is missing or too long")
		}
		return nil
	}}
	if user != "" {
		k.header = http.Header{userHeader: {user}}
	}
	_, err := c.do(ctx, k)
	return w.Token, err
}

// CreateItem creates an item and returns its id. The body can be any bytes; nil means no
// body. After sale.ErrOutcomeUnknown there may be an item whose id is unknown. Error:
// item.ErrUnauthorized.
func (c *Client) CreateItem(ctx context.Context, who Credentials, body []byte) (id string, err error) {
	var w wireItem
	k := call{
		method: http.MethodPost, path: ItemsPath, part: ofItems, header: who.header(), want: http.StatusCreated, into: &w,
		check: func() error {
			// The ids "." and ".." cannot be used in a path, because paths are cleaned.
			if w.ItemID == "" || w.ItemID == "." || w.ItemID == ".." || len(w.ItemID) > maxItemID {
				return errors.New("the item_id is missing or invalid")
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
		method: http.MethodDelete, path: ItemPath(id), part: ofItems, header: who.header(), want: http.StatusOK,
	})
	return err
}

// The paths of the item calls.
const (
	TokenPath = "/api/token"
	ItemsPath = "/api/items"
)

// ItemPath returns the path of an item, escaped.
func ItemPath(id string) string { return ItemsPath + "/" + url.PathEscape(id) }
