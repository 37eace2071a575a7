package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	// files is what `onsale export grafana` writes.
	files    = "../../deploy/grafana"
	password = "the-password-of-grafana"
)

type object = map[string]any

// fake answers as the HTTP API of Grafana 12 does. A test changes its objects before the first request.
type fake struct {
	sources     map[string]object // by UID
	health      object
	dashboards  map[string]object // by UID
	rules       []object
	evaluations []object
	contacts    []object
	policy      object
	inbox       []object
	asked       atomic.Int32                   // the questions for the rules
	before      func(http.ResponseWriter) bool // answers in place of the fake if it is set and returns true
}

// newFake returns a Grafana that has what the files give it, and what a Grafana adds.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		sources: make(map[string]object), dashboards: make(map[string]object),
		health: object{"status": "OK", "message": "Successfully queried the Prometheus API."},
		// Grafana has this one of its own.
		contacts: []object{{"uid": "", "name": "email receiver", "type": "email", "settings": object{"addresses": "<example@email.com>"}}},
		inbox: []object{
			{"id": 2, "status": "firing", "alerts": []string{"HighLatency", "HighDenialRate"}, "delivery": object{"state": "delivered"}},
			{"id": 1, "status": "resolved", "alerts": []string{"ItemErrors"}, "delivery": object{"state": "kept"}},
		},
	}
	for _, s := range load(t, "provisioning/datasources/prometheus.yaml")["datasources"].([]any) {
		s := s.(object)
		s["id"], s["readOnly"] = 1, true
		f.sources[s["uid"].(string)] = s
	}
	names, err := filepath.Glob(filepath.Join(files, "dashboards", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %q", err, names)
	}
	for _, name := range names {
		d := load(t, "dashboards/"+filepath.Base(name))
		f.dashboards[d["uid"].(string)] = object{"dashboard": d, "meta": object{"provisioned": true, "folderTitle": "Onsale"}}
	}
	for _, group := range load(t, "provisioning/alerting/rules.yaml")["groups"].([]any) {
		for _, r := range group.(object)["rules"].([]any) {
			r := r.(object)
			r["ruleGroup"], r["provenance"] = "onsale", "file"
			f.rules = append(f.rules, r)
			f.evaluations = append(f.evaluations, object{
				"name": r["title"], "uid": r["uid"], "health": "ok", "state": "inactive", "type": "alerting", "lastEvaluation": "2026-11-28T12:00:00Z",
			})
		}
	}
	for _, point := range load(t, "provisioning/alerting/contact-points.yaml")["contactPoints"].([]any) {
		for _, r := range point.(object)["receivers"].([]any) {
			r := r.(object)
			r["name"], r["provenance"] = point.(object)["name"], "file"
			f.contacts = append(f.contacts, r)
		}
	}
	f.policy = load(t, "provisioning/alerting/policies.yaml")["policies"].([]any)[0].(object)
	return f
}

// parsed has the files as JSON, which takes much less time to read than YAML.
var parsed sync.Map

// load reads one of the files. JSON is YAML.
func load(t *testing.T, name string) (o object) {
	t.Helper()
	text, found := parsed.Load(name)
	if !found {
		content, err := os.ReadFile(filepath.Join(files, filepath.FromSlash(name)))
		if err == nil {
			err = yaml.Unmarshal(content, &o)
		}
		if err == nil {
			text, err = json.Marshal(o)
		}
		if err != nil {
			t.Fatal(err)
		}
		parsed.Store(name, text)
	}
	o = nil
	if err := json.Unmarshal(text.([]byte), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// rule returns a rule of the fake by its title.
func (f *fake) rule(title string) object { return named(f.rules, "title", title) }

// evaluation returns the evaluation of a rule by its title.
func (f *fake) evaluation(title string) object { return named(f.evaluations, "name", title) }

func named(list []object, key, value string) object {
	for _, o := range list {
		if o[key] == value {
			return o
		}
	}
	panic(fmt.Sprintf("the files have no %s %q", key, value))
}

// start serves the fake and returns its URL.
func (f *fake) start(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	find := func(from map[string]object) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if o := from[r.PathValue("uid")]; o != nil {
				answer(w, http.StatusOK, o)
			} else {
				answer(w, http.StatusNotFound, object{"message": "not found"})
			}
		}
	}
	mux.HandleFunc("GET /api/datasources/uid/{uid}", find(f.sources))
	mux.HandleFunc("GET /api/datasources/uid/{uid}/health", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.health) })
	mux.HandleFunc("GET /api/dashboards/uid/{uid}", find(f.dashboards))
	mux.HandleFunc("GET /api/v1/provisioning/alert-rules", func(w http.ResponseWriter, _ *http.Request) {
		f.asked.Add(1)
		answer(w, http.StatusOK, f.rules)
	})
	mux.HandleFunc("GET /api/v1/provisioning/contact-points", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.contacts) })
	mux.HandleFunc("GET /api/v1/provisioning/policies", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.policy) })
	mux.HandleFunc("GET /api/prometheus/grafana/api/v1/rules", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, object{"status": "success", "data": object{"groups": []object{{"name": "onsale", "rules": f.evaluations}}}})
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, _ := r.BasicAuth()
		switch {
		case strings.HasPrefix(r.URL.Path, "/inbox"):
			if given != "" {
				t.Error("the inbox got Grafana's password")
			}
			answer(w, http.StatusOK, object{"notifications": f.inbox})
		case f.before != nil && f.before(w):
		case user != "admin" || given != password:
			answer(w, http.StatusUnauthorized, object{"message": "Invalid username or password"})
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}
