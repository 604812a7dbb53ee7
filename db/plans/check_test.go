package plans

import "rohrpost/db"

// check is a case: a query with parameters, typical ones or the worst.
type check struct {
	label string // what is special about the parameters
	call  func(x db.DBTX)

	rows    int64    // that it may read, where 10 for each one returned are too few
	scanned []string // big tables that it may read from end to end
	pages   int64    // that it may touch, where the usual is too few
	own     string   // why a plan for any parameters does not matter: who asks plans it anew, for these
	why     string   // of rows, scanned and pages
	setup   []string // statements that come before it in its transaction
}

// on is a case with the usual bounds.
func on(label string, call func(x db.DBTX)) check { return check{label: label, call: call} }

// reading bounds the rows that it reads, and says why it has to read that many.
func (c check) reading(rows int64, why string) check {
	c.rows, c.why = rows, why
	return c
}

// scanning allows to read big tables as a whole, with bounds on the rows of all.
func (c check) scanning(rows int64, why string, tables ...string) check {
	c.scanned = tables
	return c.reading(rows, why)
}

// planned says that the caller has it planned for its parameters each time.
func (c check) planned(by string) check {
	c.own = by
	return c
}

// after has statements run before.
func (c check) after(statements ...string) check {
	c.setup = append(c.setup, statements...)
	return c
}
