package stream

import (
	"strconv"
	"strings"
)

// position is a parsed entry id. The zero value lies before the first entry of any log.
type position struct {
	log uint64 // the incarnation: ms since 1970 at which the log was begun
	seq uint64 // 1 for the first entry
}

// parsePosition reads an id; an empty one is the zero position.
func parsePosition(id string) (position, error) {
	if id == "" {
		return position{}, nil
	}
	left, right, ok := strings.Cut(id, "-")
	if !ok || !digits(left) || !digits(right) {
		return position{}, ErrBadID
	}
	log, err := strconv.ParseUint(left, 10, 64)
	if err != nil || log == 0 {
		return position{}, ErrBadID
	}
	seq, err := strconv.ParseUint(right, 10, 64)
	if err != nil {
		return position{}, ErrBadID
	}
	return position{log, seq}, nil
}

// First tells whether id is that of the first entry of its log, before which nothing was told.
func First(id string) bool {
	at, err := parsePosition(id)
	return err == nil && at.seq == 1
}

// digits is stricter than ParseUint, which takes a sign; 20 digits hold any uint64.
func digits(s string) bool {
	if s == "" || len(s) > 20 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// String is the id, empty for the zero position.
func (p position) String() string {
	if p == (position{}) {
		return ""
	}
	return strconv.FormatUint(p.log, 10) + "-" + strconv.FormatUint(p.seq, 10)
}

// before is the position one goes on from to get p next.
func (p position) before() position { return position{p.log, p.seq - 1} }

// next tells whether q directly follows p.
func (p position) next(q position) bool {
	if p == (position{}) {
		return q.seq == 1
	}
	return q.log == p.log && q.seq == p.seq+1
}

// has tells whether q is p or lies before it in the same log.
func (p position) has(q position) bool { return q.log == p.log && q.seq <= p.seq }
