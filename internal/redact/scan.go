package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner is one look at a text.
type scanner struct {
	*Redactor
	text   string
	spans  []span
	parses int // how often the phone library may still be asked
}

func (r *Redactor) find(text string) []span {
	s := &scanner{Redactor: r, text: text, parses: parsesAtLeast + len(text)/bytesPerParse}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c >= utf8.RuneSelf || isDigit(c) || isLetter(c):
			i = s.word(i)
		case c == '@':
			s.email(i)
			i++
		case c == ':':
			s.assigned(i, i+1)
			s.login(i)
			s.bot(i)
			s.ipv6(i)
			i++
		case c == '=':
			s.assigned(i, i+1)
			i++
		case c == '+' || c == '(':
			i = max(i+1, s.phone(i))
		case c == '-' && strings.HasPrefix(text[i:], pemBegin):
			i = s.pem(i)
		default:
			i++
		}
	}
	return s.spans
}

func (s *scanner) add(from, to int, kind Kind) { s.spans = append(s.spans, span{from, to, kind}) }

// word looks at the word that begins at from, and returns where to go on.
func (s *scanner) word(from int) int {
	if isDigit(s.text[from]) && s.begins(from) {
		if to := s.number(from); to > from {
			return to
		}
	}
	to := s.endOfWord(from)
	if to == from { // punctuation of another script
		_, size := utf8.DecodeRuneInString(s.text[from:])
		return from + size
	}
	s.said(from, to)
	return max(to, s.token(from))
}

// endOfWord goes on over single hyphens and underscores.
func (s *scanner) endOfWord(from int) int {
	to := from
	for to < len(s.text) {
		c := s.text[to]
		switch {
		case c == '-' && to+1 < len(s.text) && s.text[to+1] == '-':
			return to
		case isDigit(c) || isLetter(c) || c == '_' || c == '-':
			to++
			continue
		}
		size := letterAt(s.text[to:])
		if size == 0 {
			return to
		}
		to += size
	}
	return to
}

// number looks at what begins with a digit, and returns where it ends; from if it is nothing to be taken out.
func (s *scanner) number(from int) int {
	for _, look := range []func(from int) int{s.card, s.ipv4, s.phone} {
		if to := look(from); to > from {
			return to
		}
	}
	return from
}

// begins tells whether something may begin at i: what stands before is no part of the same word or number.
func (s *scanner) begins(i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s.text[:i])
	if i == 0 {
		return true
	}
	switch before {
	case '.', ',', '-', '_', '/', '\\', '+', '#', '$', '€', '£', '%', '&', '@':
		return false
	}
	return !unicode.IsLetter(before) && !unicode.IsDigit(before)
}

// ends tells whether something may end before i.
func (s *scanner) ends(i int) bool {
	if i >= len(s.text) {
		return true
	}
	after, size := utf8.DecodeRuneInString(s.text[i:])
	if unicode.IsLetter(after) || unicode.IsDigit(after) || after == '_' {
		return false
	}
	// A full stop ends a sentence, and goes on in a number or an address.
	next, _ := utf8.DecodeRuneInString(s.text[i+size:])
	switch after {
	case '.', ',', ':', '/':
		return !unicode.IsDigit(next)
	case '-':
		return !unicode.IsDigit(next) && !unicode.IsLetter(next)
	case '%', '€', '$':
		return false
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// letterAt is the length of the letter or digit that the text begins with, 0 if it begins with something else.
func letterAt(text string) int {
	if text == "" || text[0] < utf8.RuneSelf {
		if text != "" && (isDigit(text[0]) || isLetter(text[0])) {
			return 1
		}
		return 0
	}
	r, size := utf8.DecodeRuneInString(text)
	if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
		return size
	}
	return 0
}

// letterBefore is the length of the letter or digit that the text ends with, 0 if it ends with something else.
func letterBefore(text string) int {
	if last := len(text) - 1; last < 0 || text[last] < utf8.RuneSelf {
		if last >= 0 && (isDigit(text[last]) || isLetter(text[last])) {
			return 1
		}
		return 0
	}
	r, size := utf8.DecodeLastRuneInString(text)
	if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
		return size
	}
	return 0
}
