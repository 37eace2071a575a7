package server_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onsale/internal/sale"
)

var update = flag.Bool("update", false, "write the golden files")

// The description of the API must equal the committed one, so that changes are reviewed.
func TestOpenAPIGolden(t *testing.T) {
	t.Parallel()
	w := newRig(t).do("GET", "/openapi.json", "")
	wantHeader(t, w, "Content-Type", "application/json")
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		if err := os.WriteFile(golden, w.Body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != w.Body.String() {
		t.Error("openapi.json differs from testdata/openapi.json; to update it: go test ./internal/server -run OpenAPIGolden -update")
	}
}

// openAPI has the parts of the description that these tests read.
type openAPI struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Security    []map[string][]string
		RequestBody *struct{ Content map[string]any }
		Responses   map[string]struct{ Content map[string]any }
	}
	Components struct {
		Schemas map[string]struct {
			Required   []string
			Properties map[string]struct {
				MaxLength, MinLength int
				Minimum, Maximum     float64
			}
		}
		SecuritySchemes map[string]struct{ Type, Scheme string }
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := r.do("GET", "/openapi.json", "").Body.Bytes()
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Components.SecuritySchemes["bearer"].Scheme != "bearer" {
		t.Errorf("OpenAPI %q, security schemes %v", doc.OpenAPI, doc.Components.SecuritySchemes)
	}
	admin := []string{"POST /concerts/new", "GET /purchases", "GET /books", "GET /faults", "PUT /faults", "PATCH /faults"}
	open := []string{
		"GET /concerts", "GET /concerts/{id}", "POST /buy/{concert_id}", "POST /buy_random_deny/{concert_id}",
		"POST /api/token", "POST /api/items", "DELETE /api/items/{item_id}",
		"GET /purchases/{id}", "DELETE /purchases/{id}", "GET /health", "GET /ready", "GET /metrics",
	}
	n := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			n++
			call := strings.ToUpper(method) + " " + path
			switch {
			case slices.Contains(admin, call):
				if len(op.Security) != 1 || op.Security[0]["bearer"] == nil || op.Responses["401"].Content == nil || op.Responses["403"].Content == nil {
					t.Errorf("%s is not described as an admin call", call)
				}
			case slices.Contains(open, call):
				if op.Security != nil {
					t.Errorf("%s is described as an admin call", call)
				}
			default:
				t.Errorf("%s is described, but missing from the lists of this test", call)
			}
			success := "200"
			if call == "POST /api/items" {
				success = "201"
			}
			if op.OperationID == "" || op.Responses[success].Content == nil {
				t.Errorf("%s has no id or no success", call)
			}
			for status, response := range op.Responses {
				if status != success && response.Content["application/problem+json"] == nil {
					t.Errorf("%s: %s is not a problem", call, status)
				}
			}
			if body := (method == "post" || method == "put" || method == "patch") && path != "/api/token"; body != (op.RequestBody != nil) {
				t.Errorf("%s: body %v", call, op.RequestBody)
			}
		}
	}
	if n != len(admin)+len(open) {
		t.Errorf("%d calls are described, want %d", n, len(admin)+len(open))
	}
	if strings.Contains(string(text), "$schema") || strings.Contains(string(text), "ErrorModel") {
		t.Error("the description has Huma's own schemas")
	}
	for _, w := range []http.Header{r.do("GET", "/concerts", "").Header(), r.do("GET", "/books", "").Header()} {
		if w.Get("Link") != "" {
			t.Errorf("link %q", w.Get("Link"))
		}
	}
}

// The limits in the description equal those of the rules of the sale.
func TestOpenAPILimits(t *testing.T) {
	t.Parallel()
	var doc openAPI
	if err := json.Unmarshal(newRig(t).do("GET", "/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	concert, purchase := doc.Components.Schemas["NewConcert"], doc.Components.Schemas["BuyRequest"]
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"title", float64(concert.Properties["title"].MaxLength), sale.MaxTitleLength},
		{"date", float64(concert.Properties["date"].MaxLength), sale.MaxDateLength},
		{"venue", float64(concert.Properties["venue"].MaxLength), sale.MaxVenueLength},
		{"tickets", concert.Properties["number_of_tickets"].Maximum, sale.MaxCapacity},
		{"least tickets", concert.Properties["number_of_tickets"].Minimum, 1},
		{"e-mail", float64(purchase.Properties["user_email"].MaxLength), sale.MaxEmailLength},
		{"quantity", purchase.Properties["quantity"].Maximum, sale.DefaultMaxPerPurchase},
	} {
		if c.got != c.want {
			t.Errorf("limit of %s is described as %v, want %v", c.name, c.got, c.want)
		}
	}
	if len(concert.Required) != 4 || len(purchase.Required) != 2 {
		t.Errorf("required: %v and %v", concert.Required, purchase.Required)
	}
}

func TestOpenAPIAsYAML(t *testing.T) {
	t.Parallel()
	w := newRig(t).do("GET", "/openapi.yaml", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "\n  /buy/{concert_id}:\n") {
		t.Errorf("%d %.200s", w.Code, w.Body)
	}
}

// The documentation works without the internet: this server has all files that it loads,
// and its policy blocks all others.
func TestDocs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	page := r.do("GET", "/docs", "")
	if page.Code != 200 {
		t.Fatalf("%d", page.Code)
	}
	wantHeader(t, page, "Content-Type", "text/html; charset=utf-8")
	policy := page.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
		t.Errorf("policy %q", policy)
	}
	script := r.do("GET", "/docs/start.js", "").Body.String()
	for _, text := range []string{page.Body.String(), script, policy} {
		if found := regexp.MustCompile(`(?i)https?:|//[a-z0-9-]+\.|<script>|<style|\son[a-z]+=`).FindString(text); found != "" {
			t.Errorf("the page loads a file from another host or has inline code: %q", found)
		}
	}
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(loaded) != 5 {
		t.Errorf("the page refers to %q", loaded)
	}
	for _, match := range append(loaded, []string{"", regexp.MustCompile(`url: "([^"]+)"`).FindStringSubmatch(script)[1]}) {
		if w := r.do("GET", match[1], ""); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %d bytes", match[1], w.Code, w.Body.Len())
		}
	}
	if !strings.Contains(script, "validatorUrl: null") {
		t.Error("the online validator is not off")
	}
}
