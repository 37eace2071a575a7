package transport

import (
	"fmt"
	"regexp"
	"strings"
)

// isTime matches a time in PostgreSQL's notation. It allows no character that needs
// escaping in an SQL literal.
var isTime = regexp.MustCompile(`^ *[0-9]+(\.[0-9]+)? *(us|ms|s|min|h|d)? *$`)

// TakeLimit removes a time limit, such as lock_timeout, from the startup parameters,
// because a pooler rejects it there. It returns the limit in PostgreSQL's notation: the
// value of the parameter, else the one in the server's command-line options, else the
// default. The value needs no escaping in an SQL literal. An error names the limit and
// says that its value is not a time.
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

// TakePooler removes the parameter pgbouncer from the startup parameters, and reports
// whether it announces a pooler. Other programs use it in the same URL; the server
// would reject it.
func TakePooler(params map[string]string) bool {
	value, found := params["pgbouncer"]
	delete(params, "pgbouncer")
	return found && value != "false"
}
