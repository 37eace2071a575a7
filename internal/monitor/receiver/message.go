package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"onsale/internal/problem"
)

// maxWrong is how many fields a refusal names.
const maxWrong = 10

// message is what a notification says. The fields that are not here, such as the
// template data and Grafana's values, can be derived from these or are of no use.
type message struct {
	// group is the sender's name for the group of the alerts.
	group  string
	alerts []*alert.Alert
}

// parse reads the body of Alertmanager's webhook or that of Grafana's, which has the
// same fields and further ones.
func parse(body []byte) (message, *problem.Problem) {
	f := newForm("", body)
	switch {
	case f.malformed != nil:
		return message{}, malformed("must be JSON: " + f.malformed.Error())
	case f.fields == nil:
		return message{}, problem.Invalid(problem.FieldProblem{Field: "body", Rule: "must be a JSON object"})
	}
	m := message{group: needed[string](f, "groupKey", "must be a string that names the group")}
	if m.group == "" {
		f.refuse("groupKey", "must be a string that names the group")
	}
	const versions = `must be "4", as Alertmanager's is, or "1", as Grafana's is`
	if version := needed[string](f, "version", versions); version != "4" && version != "1" {
		f.refuse("version", versions)
	}
	const rule = "must be a list of 1 to 10000 alerts"
	parts := needed[[]json.RawMessage](f, "alerts", rule)
	if len(parts) < 1 || len(parts) > maxAlerts {
		f.refuse("alerts", rule)
		parts = nil
	}
	now := time.Now()
	for i, part := range parts {
		one := newForm(fmt.Sprintf("alerts[%d]", i), part)
		m.alerts = append(m.alerts, one.alert(now))
		f.wrong = append(f.wrong, one.wrong...)
		if len(f.wrong) >= maxWrong {
			break
		}
	}
	if len(f.wrong) > 0 {
		return message{}, problem.Invalid(f.wrong[:min(len(f.wrong), maxWrong)]...)
	}
	return m, nil
}

// alert reads one alert. What ended, ended now at the latest: the clock of the sender may
// be ahead, and it decides whether an alert is over.
func (f *form) alert(now time.Time) *alert.Alert {
	if f.fields == nil {
		f.refuse("", "must be an object")
		return nil
	}
	const states = `must be "firing" or "resolved"`
	status := needed[string](f, "status", states)
	if status != "firing" && status != "resolved" {
		f.refuse("status", states)
	}
	const labelled = "must be an object of strings, with at least one"
	a := &alert.Alert{Alert: model.Alert{Labels: needed[model.LabelSet](f, "labels", labelled)}}
	if len(a.Labels) == 0 {
		f.refuse("labels", labelled)
	}
	a.Annotations = optional[model.LabelSet](f, "annotations", "must be an object of strings")
	a.GeneratorURL = optional[string](f, "generatorURL", "must be a string")
	const instant = "must be a time like 2026-01-31T12:00:00Z"
	a.StartsAt = needed[time.Time](f, "startsAt", instant)
	if a.StartsAt.IsZero() {
		f.refuse("startsAt", instant)
	}
	ended := optional[time.Time](f, "endsAt", instant)
	if status == "resolved" {
		a.EndsAt = ended
		if ended.IsZero() || ended.After(now) {
			a.EndsAt = now
		}
	}
	return a
}

// form reads the fields of a JSON object, and gathers what is wrong with them.
type form struct {
	path   string
	fields map[string]json.RawMessage // nil if it is no object
	wrong  []problem.FieldProblem
	// malformed is why it is no JSON at all.
	malformed *json.SyntaxError
}

// newForm returns the form of a JSON value, which stands at a path in the body.
func newForm(path string, value []byte) *form {
	f := &form{path: path}
	if err := json.Unmarshal(value, &f.fields); err != nil {
		f.malformed, _ = errors.AsType[*json.SyntaxError](err)
		f.fields = nil
	}
	return f
}

// refuse notes that a field breaks a rule; the first rule is told.
func (f *form) refuse(name, rule string) {
	full := strings.Trim(f.path+"."+name, ".")
	for _, w := range f.wrong {
		if w.Field == full {
			return
		}
	}
	f.wrong = append(f.wrong, problem.FieldProblem{Field: full, Rule: rule})
}

// needed reads a field that must be there.
func needed[T any](f *form, name, rule string) (value T) {
	if raw, ok := f.fields[name]; !ok || string(raw) == "null" {
		f.refuse(name, rule)
		return value
	}
	return optional[T](f, name, rule)
}

// optional reads a field that may be left out or be null.
func optional[T any](f *form, name, rule string) (value T) {
	raw, ok := f.fields[name]
	if ok && json.Unmarshal(raw, &value) != nil {
		f.refuse(name, rule)
	}
	return value
}
