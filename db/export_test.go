package db

// WritesWaiting is how many transactions wait for the exchange under way to end.
func (p *Pool) WritesWaiting() int { return p.writes.Len() }

// Undone is undone.
func Undone(err error) bool { return undone(err) }
