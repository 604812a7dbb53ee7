// Package redact takes out of a text what must not be handed on with it: e-mail addresses, secrets (keys, tokens,
// passwords), phone numbers, payment cards and IP addresses. A placeholder such as [EMAIL] stands in for each.
//
// A text is looked at once, byte by byte. What begins like something of these is looked at more closely, over a bounded
// stretch, so the time grows with the length of the text and not faster, whatever somebody writes to make it. It finds
// what can be told by its form. It doesn't know names, street addresses, or a password that nothing calls one.
package redact

import (
	"cmp"
	"slices"
	"strings"
)

// Kind is a kind of what is taken out.
type Kind string

// The kinds.
const (
	Email  Kind = "email"
	Phone  Kind = "phone"
	Secret Kind = "secret"
	Card   Kind = "card"
	IP     Kind = "ip"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Email, Phone, Secret, Card, IP} }

// Placeholder is what stands in for one of the kind.
func (k Kind) Placeholder() string { return "[" + strings.ToUpper(string(k)) + "]" }

// Counts says how many of each kind were taken out.
type Counts map[Kind]int64

// Redactor takes out. It is safe for concurrent use.
type Redactor struct {
	regions []string // whose national phone numbers are known
}

// span is a stretch of a text, in bytes.
type span struct {
	from, to int
	kind     Kind
}

// Text returns the text without what must not be handed on, and adds to found what that was.
func (r *Redactor) Text(text string, found Counts) string {
	spans := r.find(text)
	if len(spans) == 0 {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	at := 0
	for _, s := range merged(spans) {
		out.WriteString(text[at:s.from])
		out.WriteString(s.kind.Placeholder())
		found[s.kind]++
		at = s.to
	}
	out.WriteString(text[at:])
	return out.String()
}

// merged are the spans in order. Those that overlap become one, of the kind of the longest.
func merged(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out, longest := spans[:1], spans[0].to-spans[0].from
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if s.from >= last.to {
			out, longest = append(out, s), s.to-s.from
			continue
		}
		last.to = max(last.to, s.to)
		if s.to-s.from > longest {
			last.kind, longest = s.kind, s.to-s.from
		}
	}
	return out
}
