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

// maxWrong is how many wrong fields an error names.
const maxWrong = 10

// message is a parsed notification. It omits fields that follow from these or are not
// needed, such as the template data and Grafana's values.
type message struct {
	// group is the sender's key of the alert group.
	group  string
	alerts []*alert.Alert
}

// parse parses the webhook body of Alertmanager or Grafana. Grafana's has the same fields
// and some more.
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
	const versions = `must be "4" (Alertmanager) or "1" (Grafana)`
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

// alert parses one alert. The sender's status decides whether it has resolved. The end time
// of a resolved alert is at most now, because the sender's clock may be ahead.
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

// form parses the fields of a JSON object and collects what is wrong with them.
type form struct {
	path   string
	fields map[string]json.RawMessage // nil if the value is not an object
	wrong  []problem.FieldProblem
	// malformed is set if the value is not JSON.
	malformed *json.SyntaxError
}

// newForm returns the form of a JSON value. path is its place in the body.
func newForm(path string, value []byte) *form {
	f := &form{path: path}
	if err := json.Unmarshal(value, &f.fields); err != nil {
		f.malformed, _ = errors.AsType[*json.SyntaxError](err)
		f.fields = nil
	}
	return f
}

// refuse records that a field breaks a rule. Only the first rule of a field is kept.
func (f *form) refuse(name, rule string) {
	full := strings.Trim(f.path+"."+name, ".")
	for _, w := range f.wrong {
		if w.Field == full {
			return
		}
	}
	f.wrong = append(f.wrong, problem.FieldProblem{Field: full, Rule: rule})
}

// needed parses a required field.
func needed[T any](f *form, name, rule string) (value T) {
	if raw, ok := f.fields[name]; !ok || string(raw) == "null" {
		f.refuse(name, rule)
		return value
	}
	return optional[T](f, name, rule)
}

// optional parses a field that may be missing or null.
func optional[T any](f *form, name, rule string) (value T) {
	raw, ok := f.fields[name]
	if ok && json.Unmarshal(raw, &value) != nil {
		f.refuse(name, rule)
	}
	return value
}
