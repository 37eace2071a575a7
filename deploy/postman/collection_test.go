// Package postman_test holds the Postman collection to the description of the API.
package postman_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The collection, and what the server serves as /openapi.json.
const (
	collectionFile  = "onsale.postman_collection.json"
	descriptionFile = "../../internal/server/testdata/openapi.json"
)

func TestCollectionIsAsDescribed(t *testing.T) {
	t.Parallel()
	for _, problem := range problems(t, read(t, collectionFile), read(t, descriptionFile)) {
		t.Error(problem)
	}
}

// TestEveryDifferenceIsSeen is the control of the test above: each change of the
// collection or the description, which is made in its text, must be complained of.
func TestEveryDifferenceIsSeen(t *testing.T) {
	t.Parallel()
	collection, description := read(t, collectionFile), read(t, descriptionFile)
	for name, c := range map[string]struct {
		inDescription bool
		old, new      string // the first place is changed
		want          string
	}{
		"a call without a request":     {true, `"/health": {`, `"/healthy": {`, `no request for GET /healthy`},
		"a request without a call":     {true, `"/health": {`, `"/healthy": {`, `GET /health is not described`},
		"another method":               {false, `"method": "PATCH"`, `"method": "POST"`, `POST /faults is not described`},
		"another name in the path":     {false, `":item_id"`, `":id"`, `DELETE /api/items/{id} is not described`},
		"a status":                     {false, `to.have.status(201)`, `to.have.status(202)`, `status 202 is not described`},
		"no status":                    {false, `to.have.status(201)`, `to.be.success`, `no status is tested`},
		"no success":                   {true, `"201": {`, `"202": {`, `success 202`},
		"a query parameter":            {false, `"key": "limit"`, `"key": "max"`, `parameter max`},
		"a value in the path":          {false, `"key": "concert_id"`, `"key": "concert"`, `concert_id has no value`},
		"a URL":                        {false, `:{{port}}/faults`, `:{{port}}/books`, `the URL is`},
		"a header":                     {false, `"key": "Idempotency-Key"`, `"key": "Idempotency"`, `header Idempotency`},
		"a field that is not there":    {false, `\"venue\"`, `\"place\"`, `body has no venue`},
		"a field that means nothing":   {false, `\"quantity\"`, `\"quantity\": 1,\n  \"qty\"`, `body.qty is not described`},
		"a number beyond its limit":    {false, `\"number_of_tickets\": 5`, `\"number_of_tickets\": 0`, `below 1`},
		"a text for a number":          {false, `\"number_of_tickets\": 5`, `\"number_of_tickets\": \"5\"`, `want integer`},
		"a value out of several":       {false, `\"preset\": \"off\"`, `\"preset\": \"none\"`, `body.preset is none`},
		"a body that is not JSON":      {false, `\"preset\": \"off\"\n}`, `\"preset\": \"off\"`, `not JSON`},
		"a media type":                 {false, `application/merge-patch+json`, `application/json-patch+json`, `application/json-patch+json`},
		"an admin call without token":  {false, `"value": "{{admin_token}}"`, `"value": ""`, `admin`},
		"a variable that is never set": {false, `set(\"item_id\"`, `set(\"item\"`, `item_id`},
		"another order of the folders": {false, `"name": "Watching"`, `"name": "Probes"`, `folders`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed, fixed := collection, description
			if c.inDescription {
				fixed = change(t, description, c.old, c.new)
			} else {
				changed = change(t, collection, c.old, c.new)
			}
			found := problems(t, changed, fixed)
			if !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want something with %q", found, c.want)
			}
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func change(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("%q is not in the file any more", from)
	}
	return strings.Replace(text, from, to, 1)
}

// problems returns what is wrong with the collection.
func problems(t *testing.T, collectionText, descriptionText string) []string {
	t.Helper()
	var c collection
	var d description
	if err := errors.Join(json.Unmarshal([]byte(collectionText), &c), json.Unmarshal([]byte(descriptionText), &d)); err != nil {
		t.Fatal(err)
	}
	check := checker{description: d, set: map[string]bool{}, succeeded: map[string]bool{}}
	for _, v := range c.Variable {
		check.set[v.Key] = true
	}
	if !check.set["server"] || !check.set["port"] || !check.set["admin_token"] {
		check.complain("the variables server, port and admin_token must be there")
	}
	var folders []string
	for _, folder := range c.Item {
		folders = append(folders, folder.Name)
		for _, i := range folder.Item {
			check.name = folder.Name + "/" + i.Name
			check.item(i)
		}
	}
	check.name = "collection"
	if want := []string{"Sale", "Items", "Operate", "Watching"}; !slices.Equal(folders, want) {
		check.complain("folders %q, want %q", folders, want)
	}
	for path, operations := range d.Paths {
		for method := range operations {
			if call := strings.ToUpper(method) + " " + path; !check.succeeded[call] {
				check.complain("no request for %s that succeeds", call)
			}
		}
	}
	return check.found
}

// checker collects what is wrong.
type checker struct {
	description description
	name        string          // of the request under test
	set         map[string]bool // variables that have a value by now
	succeeded   map[string]bool // calls that a request expects to succeed
	found       []string
}

func (c *checker) complain(format string, args ...any) {
	c.found = append(c.found, c.name+": "+fmt.Sprintf(format, args...))
}

var (
	oneStatus   = regexp.MustCompile(`to\.have\.status\((\d+)\)`)
	someStatus  = regexp.MustCompile(`to\.be\.oneOf\(\[([\d, ]+)\]\)`)
	setVariable = regexp.MustCompile(`pm\.collectionVariables\.set\("(\w+)"`)
	useVariable = regexp.MustCompile(`\{\{(\w+)\}\}`)
	pathPart    = regexp.MustCompile(`^:(.+)$`)
)

func (c *checker) item(i item) {
	c.variables(i)
	c.url(i)
	path := ""
	for _, part := range i.Request.URL.Path {
		path += "/" + pathPart.ReplaceAllString(part, "{$1}")
	}
	call := i.Request.Method + " " + path
	operation, ok := c.description.Paths[path][strings.ToLower(i.Request.Method)]
	if !ok {
		c.complain("%s is not described", call)
		return
	}
	statuses := i.statuses()
	if len(statuses) == 0 {
		c.complain("no status is tested")
	}
	for _, status := range statuses {
		if _, ok := operation.Responses[status]; !ok {
			c.complain("status %s is not described for %s", status, call)
		}
		if isSuccess(status) {
			c.succeeded[call] = true
		}
	}
	for status := range operation.Responses {
		if isSuccess(status) && slices.ContainsFunc(statuses, isSuccess) && !slices.Contains(statuses, status) {
			c.complain("%s has the success %s, and %q is tested", call, status, statuses)
		}
	}
	c.access(i, operation, statuses)
	c.parameters(i, operation, statuses)
	c.body(i, operation, statuses)
}

func isSuccess(status string) bool { return strings.HasPrefix(status, "2") }

// url checks that the two ways in which Postman writes down a URL say the same, and
// that each part of the path that is left open has a value.
func (c *checker) url(i item) {
	url := i.Request.URL
	raw := "{{scheme}}://{{server}}:{{port}}/" + strings.Join(url.Path, "/")
	separator := "?"
	for _, q := range url.Query {
		raw += separator + q.Key + "=" + q.Value
		separator = "&"
	}
	if url.Raw != raw {
		c.complain("the URL is %s and %s", url.Raw, raw)
	}
	for _, part := range url.Path {
		name, open := strings.CutPrefix(part, ":")
		if open && !slices.ContainsFunc(url.Variable, func(v keyValue) bool { return v.Key == name && v.Value != "" }) {
			c.complain("%s has no value in the path", name)
		}
	}
}

// variables checks that each variable of the request was set before.
func (c *checker) variables(i item) {
	for _, name := range setVariable.FindAllStringSubmatch(i.script("prerequest"), -1) {
		c.set[name[1]] = true
	}
	request, err := json.Marshal(i.Request)
	if err != nil {
		panic(err) // it was read from JSON
	}
	for _, name := range useVariable.FindAllStringSubmatch(string(request), -1) {
		if !c.set[name[1]] {
			c.complain("the variable %s is not set by then", name[1])
		}
	}
	for _, name := range setVariable.FindAllStringSubmatch(i.script("test"), -1) {
		c.set[name[1]] = true
	}
}

// access checks that admin calls send the admin token, and that no other call does.
func (c *checker) access(i item, o operation, statuses []string) {
	sends := false
	if a := i.Request.Auth; a != nil {
		sends = a.Type == "bearer" && len(a.Bearer) == 1 && a.Bearer[0].Value == "{{admin_token}}"
	}
	if want := o.Security != nil && !slices.Contains(statuses, "401"); sends != want {
		c.complain("sends the admin token: %v, want %v", sends, want)
	}
}

// parameters checks names of headers and query, and whether what must be there is.
func (c *checker) parameters(i item, o operation, statuses []string) {
	known := map[string]bool{"header Content-Type": true, "header Accept": true}
	sent := map[string]bool{}
	for _, p := range i.Request.Header {
		sent["header "+p.Key] = true
	}
	for _, p := range i.Request.URL.Query {
		sent["parameter "+p.Key] = true
	}
	for _, p := range o.Parameters {
		place := map[string]string{"header": "header ", "query": "parameter ", "path": "path "}[p.In] + p.Name
		known[place] = true
		if p.In == "header" && p.Required && slices.ContainsFunc(statuses, isSuccess) && !sent[place] {
			c.complain("has no %s", place)
		}
	}
	for place := range sent {
		if !known[place] {
			c.complain("%s is not described", place)
		}
	}
}

// body checks the body of a request, unless it is wrong on purpose.
func (c *checker) body(i item, o operation, statuses []string) {
	sent := i.Request.Body
	if (sent != nil) != (o.RequestBody != nil) {
		c.complain("has a body: %v, want %v", sent != nil, o.RequestBody != nil)
		return
	}
	if sent == nil {
		return
	}
	content, ok := o.RequestBody.Content[i.header("Content-Type")]
	if anything, isThere := o.RequestBody.Content["*/*"]; isThere {
		content, ok = anything, true
	}
	switch {
	case !ok:
		c.complain("the media type %s is not described", i.header("Content-Type"))
	case slices.Contains(statuses, "400") || slices.Contains(statuses, "422"):
		// Wrong on purpose, or of a plan whose shares the description does not limit.
	case useVariable.ReplaceAllString(sent.Raw, "") == "":
		// An earlier answer is sent back.
	default:
		decoder := json.NewDecoder(strings.NewReader(sent.Raw))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			c.complain("the body is not JSON: %v", err)
			return
		}
		for _, problem := range c.description.violations("body", value, content.Schema) {
			c.complain("%s", problem)
		}
	}
}

// statuses returns the statuses that the tests of a request name.
func (i item) statuses() (all []string) {
	script := i.script("test")
	for _, m := range oneStatus.FindAllStringSubmatch(script, -1) {
		all = append(all, m[1])
	}
	for _, m := range someStatus.FindAllStringSubmatch(script, -1) {
		for status := range strings.SplitSeq(m[1], ",") {
			all = append(all, strings.TrimSpace(status))
		}
	}
	return all
}
