package scenariofile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/stress/suggest"
)

// functions are the functions of templates.
const functions = "int text uuid pick user iteration now number string"

func isFunction(name string) bool { return slices.Contains(strings.Fields(functions), name) }

// Limits of arguments.
const (
	// mostInt is the largest number that every JSON parser represents exactly: 2^53.
	mostInt = 1 << 53
	// longestText is the limit of {{text}}, in letters: a longer text belongs in a file.
	longestText = 1 << 20
)

// call adds a call of a function to a template.
func (s *scope) call(t *template, name string, arguments []word, m mode) error {
	need := func(n int, usage string) error {
		if len(arguments) != n {
			return fmt.Errorf("has {{%s}} with the wrong arguments: write %s", name, usage)
		}
		return nil
	}
	switch name {
	case "int":
		return callInt(t, arguments)
	case "text":
		if err := need(1, "{{text 20}}"); err != nil {
			return err
		}
		n, err := strconv.Atoi(arguments[0].text)
		if err != nil || n < 1 || n > longestText {
			return fmt.Errorf("has {{text %s}}, but the length must be from 1 to %d", arguments[0].text, longestText)
		}
		t.computed(part{op: randomText, number: int64(n)}, m)
		return nil
	case "uuid":
		t.computed(part{op: randomUUID}, m)
		return need(0, "{{uuid}}")
	case "pick":
		return callPick(t, arguments, m)
	case "user", "iteration":
		t.add(part{op: map[string]op{"user": userIndex, "iteration": iteration}[name]})
		return need(0, "{{"+name+"}}")
	case "now":
		return callNow(t, arguments, m)
	default: // number and string
		if err := need(1, "{{"+name+" NAME}}"); err != nil {
			return err
		}
		return s.convert(t, name, arguments[0].text, m)
	}
}

// callInt adds {{int LEAST MOST}}: a random number, both ends included.
func callInt(t *template, arguments []word) error {
	if len(arguments) != 2 {
		return errors.New("has {{int}} with the wrong arguments: write {{int 1 100}}")
	}
	least, err := strconv.ParseInt(arguments[0].text, 10, 64)
	most, err2 := strconv.ParseInt(arguments[1].text, 10, 64)
	switch {
	case err != nil || err2 != nil || min(least, most) < -mostInt || max(least, most) > mostInt:
		return fmt.Errorf("has {{int %s %s}}, but both must be whole numbers from -2^53 to 2^53", arguments[0].text, arguments[1].text)
	case least > most:
		return fmt.Errorf("has {{int %d %d}}, but the first number must not be greater than the second", least, most)
	}
	t.add(part{op: randomInt, number: least, span: most - least + 1})
	return nil
}

// callPick adds {{pick a b c}}: one of the words at random.
func callPick(t *template, arguments []word, m mode) error {
	if len(arguments) == 0 {
		return errors.New(`has {{pick}} with the wrong arguments: write {{pick red green "light blue"}}`)
	}
	p := part{op: pickOne}
	for _, a := range arguments {
		if m == asJSON {
			p.words = append(p.words, quoted(a.text))
			continue
		}
		p.words = append(p.words, string(appendEscaped(nil, []byte(a.text), m)))
	}
	t.add(p)
	return nil
}

// callNow adds {{now}} or {{now FORMAT}}.
func callNow(t *template, arguments []word, m mode) error {
	format := "rfc3339"
	if len(arguments) == 1 {
		format = arguments[0].text
	}
	switch {
	case len(arguments) > 1:
		return errors.New("has {{now}} with the wrong arguments: write {{now unix}}")
	case format == "rfc3339":
		t.computed(part{op: nowTime}, m)
	case format == "date":
		t.computed(part{op: nowDate}, m)
	case format == "unix":
		t.add(part{op: nowUnix})
	case format == "unix_ms":
		t.add(part{op: nowUnixMS})
	default:
		return fmt.Errorf("has {{now %s}}, which is not a known format%s", format, suggest.Among(format, []string{"rfc3339", "date", "unix", "unix_ms"}))
	}
	return nil
}

// convert adds {{number NAME}} or {{string NAME}}, which differ from {{NAME}} only as a whole JSON value.
func (s *scope) convert(t *template, name, of string, m mode) error {
	if name == "string" && m == asJSON {
		t.add(part{text: `"`})
		defer t.add(part{text: `"`})
		m = inJSONText
	}
	return s.name(t, of, m, name == "number")
}
