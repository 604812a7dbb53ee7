package db

import "strings"

// nameMark begins the statements that sqlc made: `-- name: InsertJob :one`.
const nameMark = "-- name: "

// verbs are what statements without a name are counted as; any other is "other", so that the names stay few.
var verbs = []string{
	"begin", "commit", "rollback", "savepoint", "release", "set", "select", "insert", "update", "delete", "declare", "fetch",
}

// StatementName is the name that sqlc gave a statement, or the verb that one without a name begins with.
func StatementName(sql string) string {
	if rest, ok := strings.CutPrefix(sql, nameMark); ok {
		if name, _, ok := strings.Cut(rest, " "); ok {
			return name
		}
	}
	sql = strings.TrimLeft(sql, " \t\n")
	for _, verb := range verbs {
		if len(sql) >= len(verb) && strings.EqualFold(sql[:len(verb)], verb) {
			return verb
		}
	}
	return "other"
}
