package schedule

import (
	"fmt"
	"strings"
)

// fieldNames are those of an expression of six fields; one of five has no seconds.
var fieldNames = []string{"second", "minute", "hour", "day of the month", "month", "day of the week"}

// explain says where a cron expression goes wrong, which the parser does not. why is what the parser says.
func explain(expression string, why error) string {
	fields := strings.Fields(expression)
	switch {
	case strings.HasPrefix(expression, "@"):
		return "there is no such name; there are @yearly, @monthly, @weekly, @daily and @hourly"
	case len(fields) != 5 && len(fields) != 6:
		return fmt.Sprintf("it has %d fields, not five (minute, hour, day of the month, month, day of the week) or six with the "+
			"second first", len(fields))
	}
	names := fieldNames[len(fieldNames)-len(fields):]
	for i, field := range fields {
		alone := strings.Fields(strings.Repeat("* ", len(fields)))
		alone[i] = field
		if _, err := parser.Parse(strings.Join(alone, " ")); err != nil {
			return fmt.Sprintf("field %d, the %s, is %q: %s", i+1, names[i], field, plain(err))
		}
	}
	return plain(why)
}

// plain is what the parser says, without its words about Go.
func plain(err error) string {
	text := err.Error()
	if strings.Contains(text, "strconv.") {
		return "it has something that is neither a number nor a name"
	}
	return text
}
