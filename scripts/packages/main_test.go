package main

import "testing"

func TestFlowchart(t *testing.T) {
	t.Parallel()
	const list = `onsale/cmd/onsale fmt onsale/internal/app onsale/internal/sale
onsale/internal/app onsale/internal/server/part onsale/internal/sale onsale/internal/app/apptest
onsale/internal/server/part onsale/internal/sale example.com/other
onsale/internal/sale onsale/internal/sale/audit
onsale/internal/app/apptest onsale/internal/item
`
	const want = `flowchart TD
  app --> server
  cmd --> app
  server --> sale
`
	if got := flowchart(imports(list)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
