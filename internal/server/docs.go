package server

import (
	_ "embed"
	"net/http"

	"github.com/swaggest/swgui/v5emb"
)

// The documentation page. It replaces that of swgui, whose inline scripts the policy
// below blocks.
var (
	//go:embed docs/index.html
	docsPage []byte
	//go:embed docs/start.js
	docsScript []byte
)

// docsPolicy lets the page load files only from this server. Swagger UI also needs
// inline styles, and images inlined in its style sheet.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocs registers the page and the files of Swagger UI that it needs.
func (s *Server) serveDocs(pattern string) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(docsPage)
	})
	s.page(pattern+"/start.js", "text/javascript; charset=utf-8", docsScript)
	files := v5emb.New("", "", "/docs")
	for _, name := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"} {
		s.mux.Handle(pattern+"/"+name, files)
	}
}
