package redact

import "strings"

const (
	maxLocal  = 64  // bytes before the @, by RFC 5321
	maxDomain = 255 // and after it
)

// email looks at both sides of the @ at i.
func (s *scanner) email(i int) {
	if n := len(s.spans); n > 0 && s.spans[n-1].to == i {
		return // the login in front of a host
	}
	from, to := i, i+1
	for from > 0 && i-from < maxLocal {
		size := letterBefore(s.text[:from])
		if size == 0 && strings.IndexByte("._%+-'~&", s.text[from-1]) >= 0 {
			size = 1
		}
		if size == 0 {
			break
		}
		from -= size
	}
	for from < i && strings.IndexByte(".'&-", s.text[from]) >= 0 {
		from++
	}
	for to < len(s.text) && to-i <= maxDomain {
		size := letterAt(s.text[to:])
		if size == 0 && (s.text[to] == '-' || s.text[to] == '.') {
			size = 1
		}
		if size == 0 {
			break
		}
		to += size
	}
	for to > i+1 && (s.text[to-1] == '.' || s.text[to-1] == '-') {
		to--
	}
	local, domain := s.text[from:i], s.text[i+1:to]
	if local == "" || local == "git" || !isDomain(domain) { // git@ is how repositories are named
		return
	}
	s.add(from, to, Email)
}

// isDomain tells names from versions, as in left-pad@1.3.0: the last label has two letters or more, and no digit unless
// it is a name in another script.
func isDomain(domain string) bool {
	label, dots := 0, 0
	for i := range len(domain) {
		if domain[i] != '.' {
			continue
		}
		if i == label {
			return false
		}
		dots++
		label = i + 1
	}
	last := domain[label:]
	if dots == 0 || domain[0] == '-' || len(last) < 2 {
		return false
	}
	if len(last) > 4 && last[:4] == "xn--" {
		return true
	}
	for i := range len(last) {
		if isDigit(last[i]) || last[i] == '-' {
			return false
		}
	}
	return true
}
