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
// no Accept header makes a request fail.
type jsonOnly struct{ huma.API }

// Negotiate returns JSON, regardless of the Accept header.
func (jsonOnly) Negotiate(string) (string, error) { return jsonType, nil }

// newAPI returns a Huma API on the mux. Huma's own documents and pages are off;
// this package builds its own once and serves them without locks.
func (s *Server) newAPI(mux humago.Mux) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Onsale",
				Version:     s.options.Version,
				Description: "Ticket sales that never sell a seat twice. Errors are problem details (RFC 9457); their member code identifies the kind of problem.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {
					Type: "http", Scheme: "bearer",
					Description: "The admin token. If the server has no admin token, it answers admin calls only on a loopback address.",
				}},
			},
			// In the order of the page at /docs.
			Tags:           []*huma.Tag{{Name: tagSales}, {Name: tagItems}, {Name: tagAdmin}, {Name: tagWatching}},
			OnAddOperation: []huma.AddOpFunc{documentBody},
		},
		Formats:      map[string]huma.Format{jsonType: {Marshal: writeJSON}, problem.MediaType: {Marshal: writeJSON}},
		Transformers: []huma.Transformer{s.transform},
	}
	config.AllowAdditionalPropertiesByDefault = true // unknown fields are ignored
	// Huma's own errors are written as problems, so describe them as problems.
	config.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	return jsonOnly{humago.New(mux, config)}
}

// Keys of an operation's metadata.
const (
	metadataBody  = "body"  // the type of the body
	metadataTypes = "types" // the media types of the body
)

// documentBody describes the body of an operation that decodes the body itself.
// Huma must not read such a body first; see decodeBody.
func documentBody(doc *huma.OpenAPI, op *huma.Operation) {
	body, ok := op.Metadata[metadataBody].(reflect.Type)
	if !ok {
		return
	}
	if body == reflect.TypeFor[anyBody]() {
		op.RequestBody = &huma.RequestBody{
			Description: "Anything up to 1 MiB. The server reads and discards it.",
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

// transform receives every answer of Huma's handlers before it is encoded. It turns
// Huma's errors into problems, adapts problems to the call, and records the outcome of
// a purchase.
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
