package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// OpenToAll is the admin token that opens admin calls to everyone.
const OpenToAll = "none"

// gate decides which requests may make admin calls.
type gate struct {
	open     bool
	loopback bool
	// token and own are the hashes of the admin token and of the program's own
	// token; nil if not set. All hashes have the same length, so the time of a
	// comparison does not reveal the length of the token.
	token, own *[sha256.Size]byte
	tries      *tries
}

func newGate(token, own string, loopback bool, tries *tries) *gate {
	return &gate{open: token == OpenToAll, loopback: loopback, token: hashOf(token), own: hashOf(own), tries: tries}
}

// protects reports whether admin calls need a token or are not answered at all. The
// Host of a request then does not matter.
func (g *gate) protects() bool { return !g.open && (g.token != nil || !g.loopback) }

func hashOf(token string) *[sha256.Size]byte {
	if token == "" {
		return nil
	}
	hash := sha256.Sum256([]byte(token))
	return &hash
}

// challenge is the value of WWW-Authenticate.
const challenge = `Bearer realm="onsale"`

// middleware passes admin requests on to an operation and rejects all others.
func (g *gate) middleware(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if p := g.check(r); p != nil {
		p.write(w, r)
		return
	}
	next(ctx)
}

// check returns nil for a request that may make admin calls, else a problem.
func (g *gate) check(r *http.Request) *Problem {
	switch {
	case g.open:
		return nil
	case carries(r, g.token) || carries(r, g.own):
		return nil
	case g.token != nil && r.Header.Get("Authorization") != "":
		return g.tries.fail(r)
	case g.token != nil:
		return unauthorized.problem().with("WWW-Authenticate", challenge)
	case g.loopback && isLoopbackName(r.Host) && !isProxied(r):
		return nil
	}
	return adminDisabled.problem()
}

// carries reports whether the request carries the token. It compares in constant time.
func carries(r *http.Request, want *[sha256.Size]byte) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if want == nil || !strings.EqualFold(scheme, bearer) {
		return false
	}
	hash := sha256.Sum256([]byte(strings.Trim(token, " ")))
	return subtle.ConstantTimeCompare(hash[:], want[:]) == 1
}

// isLoopbackName reports whether a Host is localhost or a loopback address. In a DNS
// rebinding attack the Host is the attacker's name, so the attack fails here.
func isLoopbackName(host string) bool {
	name, ok := hostName(host)
	if !ok {
		return false
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}
