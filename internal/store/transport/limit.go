package transport

import (
	"fmt"
	"regexp"
	"strings"
)

// isTime matches PostgreSQL's notation of a time, and nothing that an SQL literal
// would have to escape.
var isTime = regexp.MustCompile(`^ *[0-9]+(\.[0-9]+)? *(us|ms|s|min|h|d)? *$`)

// TakeLimit removes a time limit, such as lock_timeout, from the startup parameters,
// where a pooler would refuse it, and returns its value in PostgreSQL's notation:
// what a parameter of that name says, else what the server's command-line options
// say, else the default. An error names the limit whose value is no time. The value
// may stand in an SQL literal as it is.
func TakeLimit(params map[string]string, name, byDefault string) (string, error) {
	value := byDefault
	if set, ok := takeOption(params, name); ok {
		value = set
	}
	if set, ok := params[name]; ok {
		value = set
		delete(params, name)
	}
	if !isTime.MatchString(value) {
		return "", fmt.Errorf("%s must be milliseconds or a time such as 5s, not %q", name, value)
	}
	return value, nil
}

// takeOption removes a setting from the options, where it is written
// "-c NAME=VALUE" or "--NAME=VALUE", and returns its last value.
func takeOption(params map[string]string, name string) (value string, found bool) {
	options, ok := params["options"]
	if !ok {
		return "", false
	}
	setting := regexp.MustCompile(`(?:^|\s)(?:-c\s*|--)` + strings.ReplaceAll(name, "_", "[-_]") + `=(\S*)`)
	for _, match := range setting.FindAllStringSubmatch(options, -1) {
		value, found = match[1], true
	}
	params["options"] = setting.ReplaceAllString(options, "")
	if strings.TrimSpace(params["options"]) == "" {
		delete(params, "options")
	}
	return value, found
}

// TakePooler removes the parameter pgbouncer, which other programs read from the
// same URL, from the startup parameters, and reports whether it says that there is
// a pooler. The server knows no such parameter.
func TakePooler(params map[string]string) bool {
	value, found := params["pgbouncer"]
	delete(params, "pgbouncer")
	return found && value != "false"
}
