package scenario

import (
	"context"
	"strconv"

	"github.com/tidwall/gjson"

	"onsale/internal/problem"
	"onsale/internal/stress"
	"onsale/internal/stress/jsonbody"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// The business outcomes of a purchase.
const (
	// Denied: the target denied it at random, as its fault plan says.
	Denied = problem.CodeDenied
	// SoldOut: fewer tickets were left than requested.
	SoldOut = problem.CodeSoldOut
)

// addresses is the number of different e-mail addresses: testuser_1@example.com and so on.
const addresses = 10_000

// result is the result of a purchase.
type result uint8

const (
	isUnsure  result = iota // unknown: it was sent, and there was no valid answer
	isSold                  // the answer is a receipt
	isDenied                // denied, nothing sold
	isSoldOut               // sold out, nothing sold
	isNotSold               // rejected, failed or never sent, nothing sold
)

// purchaser makes the purchases of one user.
type purchaser struct {
	user  *stress.User
	tally *Tally
	call  stress.Call

	// The current purchase and its result.
	concert  int64
	quantity int
	result   result
	// left is how many tickets are left according to a sold-out answer; 0
	// if it does not say.
	left int64
}

// newPurchaser returns the purchaser of a user. name is the name of its purchases in statistics.
func newPurchaser(u *stress.User, tally *Tally, name string) *purchaser {
	p := &purchaser{user: u, tally: tally}
	p.call = stress.Call{
		Name:    name,
		Request: wire.Request{Method: "POST", Header: jsonHeader()},
		Judge:   p.judge,
	}
	return p
}

func jsonHeader() []wire.Field {
	return []wire.Field{{Name: "Content-Type", Value: "application/json"}}
}

// buy buys tickets at the path of a concert's purchases, with a random e-mail address.
func (p *purchaser) buy(ctx context.Context, path string, concert int64, quantity int) {
	person := 1 + p.user.Rand.IntN(addresses)
	p.concert, p.quantity, p.result, p.left = concert, quantity, isUnsure, 0
	p.call.Request.Path = path
	p.call.Request.Body = appendOrder(p.call.Request.Body[:0], person, quantity)
	p.user.Do(ctx, &p.call)
	if p.result == isUnsure && !p.user.Sent() {
		p.result = isNotSold
	}
	p.tally.add(p.result, concert, quantity)
}

// appendOrder appends the body of a purchase.
func appendOrder(buf []byte, person, quantity int) []byte {
	buf = strconv.AppendInt(append(buf, `{"user_email":"testuser_`...), int64(person), 10)
	buf = strconv.AppendInt(append(buf, `@example.com","quantity":`...), int64(quantity), 10)
	return append(buf, '}')
}

// judge returns the outcome of an answer to the purchase.
func (p *purchaser) judge(r *wire.Response) stats.Outcome {
	a, ok := readReply(r.Body)
	switch {
	case r.Status == 200 && ok && a.isReceipt(p.concert, p.quantity):
		p.result = isSold
		return stats.Outcome{}
	case r.Status == 200: // the result stays isUnsure
		return failedCheck("the answer is not a receipt of the order")
	case a.has(Denied, problem.MessageDenied) && r.Status == 409:
		p.result = isDenied
		return stats.Outcome{Class: stats.Business, Kind: Denied}
	// The earlier service answered 404.
	case a.has(SoldOut, problem.MessageSoldOut) && (r.Status == 409 || r.Status == 404):
		p.result, p.left = isSoldOut, a.left
		return stats.Outcome{Class: stats.Business, Kind: SoldOut}
	}
	if a.knownNotSold() || r.Status >= 300 && r.Status < 500 {
		p.result = isNotSold
	}
	return unexpected(r)
}

// reply is what answers to purchases can have. Its texts use the memory of the body.
type reply struct {
	status, code, message   string
	concert, quantity, left int64
}

// readReply reads an answer; false if it is not a JSON object.
func readReply(body []byte) (a reply, ok bool) {
	ok = members(body, func(name string, value gjson.Result) {
		switch name {
		case "status":
			a.status = value.Str
		case "code":
			a.code = value.Str
		case "message":
			a.message = value.Str
		case "concert_id":
			a.concert, _ = jsonbody.Integer(value)
		case "quantity":
			a.quantity, _ = jsonbody.Integer(value)
		case "available":
			a.left, _ = jsonbody.Integer(value)
		}
	})
	return a, ok
}

func (a *reply) isReceipt(concert int64, quantity int) bool {
	return a.status == "success" && a.concert == concert && a.quantity == int64(quantity)
}

// has reports whether the answer has that code, or the message if it has no code.
func (a *reply) has(code, message string) bool {
	return a.code == code || a.code == "" && a.message == message
}

// knownNotSold reports whether the code of an error means that nothing was sold.
func (a *reply) knownNotSold() bool {
	switch a.code {
	case problem.CodeBusy, problem.CodeStopping, problem.CodeUnavailable, problem.CodeInjected, problem.CodeNotReady:
		return true
	}
	return false
}
