package server

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"onsale/internal/problem"
)

// jsonType is the media type of requests and answers.
const jsonType = "application/json"

// bearer names the security scheme of admin calls.
const bearer = "bearer"

// jsonOnly is Huma's API without content negotiation: every answer is JSON, and
// a strange Accept header is nothing to fail on.
type jsonOnly struct{ huma.API }

// Negotiate returns JSON, whatever is asked for.
func (jsonOnly) Negotiate(string) (string, error) { return jsonType, nil }

// newAPI returns Huma over the mux. Documents and pages of its own it serves
// none: what this package serves instead is built once and read without locks.
func (s *Server) newAPI(mux humago.Mux) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Onsale",
				Version:     s.options.Version,
				Description: "Ticket sales that never sell a seat twice. Errors are RFC 9457 problems; the member code tells them apart.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {
					Type: "http", Scheme: "bearer",
					Description: "The admin token. Without one set, admin calls are open on a loopback address only.",
				}},
			},
			// The order of the page at /docs.
			Tags:           []*huma.Tag{{Name: tagSales}, {Name: tagItems}, {Name: tagAdmin}, {Name: tagWatching}},
			OnAddOperation: []huma.AddOpFunc{documentBody},
		},
		Formats:      map[string]huma.Format{jsonType: {Marshal: writeJSON}, problem.MediaType: {Marshal: writeJSON}},
		Transformers: []huma.Transformer{s.transform},
	}
	config.AllowAdditionalPropertiesByDefault = true // what a client sends on top is ignored
	// Huma's own errors are written as problems, and so they are described.
	config.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	return jsonOnly{humago.New(mux, config)}
}

// metadataBody is the key under which an operation keeps the type of its body.
const metadataBody = "body"

// metadataTypes is the key under which an operation keeps its body's media types.
const metadataTypes = "types"

// documentBody describes the body of an operation that decodes it by itself, so
// that Huma does not read it first; see decodeBody.
func documentBody(doc *huma.OpenAPI, op *huma.Operation) {
	body, ok := op.Metadata[metadataBody].(reflect.Type)
	if !ok {
		return
	}
	if body == reflect.TypeFor[anyBody]() {
		op.RequestBody = &huma.RequestBody{
			Description: "Whatever you like, up to 1 MiB. It is read and thrown away.",
			Content:     map[string]*huma.MediaType{"*/*": {}},
		}
		return
	}
	op.RequestBody = &huma.RequestBody{
		Required: true,
		Content:  make(map[string]*huma.MediaType),
	}
	types, _ := op.Metadata[metadataTypes].([]string)
	if len(types) == 0 {
		types = []string{jsonType}
	}
	for _, mediaType := range types {
		op.RequestBody.Content[mediaType] = &huma.MediaType{Schema: doc.Components.Schemas.Schema(body, true, body.Name())}
	}
}

// serveOpenAPI builds the description of all calls registered so far, as JSON
// and as YAML, and serves it.
func (s *Server) serveOpenAPI() error {
	doc := s.api.OpenAPI()
	limit := float64(s.options.MaxPerPurchase)
	doc.Components.Schemas.Schema(reflect.TypeFor[buyRequest](), false, "").Properties["quantity"].Maximum = &limit

	asJSON, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("encode openapi.json: %w", err)
	}
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("encode openapi.yaml: %w", err)
	}
	s.page("GET /openapi.json", jsonType, asJSON)
	s.page("GET /openapi.yaml", "application/yaml", asYAML)
	return nil
}

// transform sees every answer of Huma's handlers before it is encoded. It makes
// Huma's errors problems, puts problems into the form of the call, and notes what became of a purchase.
func (s *Server) transform(ctx huma.Context, _ string, answer any) (any, error) {
	r, w := humago.Unwrap(ctx)
	switch answer := answer.(type) {
	case *huma.ErrorModel:
		p := problemOfHuma(answer)
		note(w, p.kind.outcome)
		return p.to(r), nil
	case *Problem:
		note(w, answer.kind.outcome)
		return answer.to(r), nil
	case *receipt:
		note(w, answer.outcome())
	}
	return answer, nil
}
