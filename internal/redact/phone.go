package redact

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

const (
	minPhone  = 7  // digits of an international number, by what is dialled anywhere
	maxPhone  = 17 // with two zeros before the country
	bareLeast = 9  // digits of a national number that nothing calls one
	// The phone library takes some microseconds for a number. After so many in one text the form alone decides: who
	// writes more than that has written a list of numbers, or something to keep us busy.
	parsesAtLeast = 64
	bytesPerParse = 64
)

// DefaultRegions are the regions whose national phone numbers a redactor knows if nobody says otherwise.
func DefaultRegions() []string { return []string{"US", "GB", "DE", "FR"} }

// New makes a redactor. It finds international phone numbers of all countries, and national ones of the regions, which
// are named as in ISO 3166. A region that there isn't is an error.
func New(regions ...string) (*Redactor, error) {
	known := phonenumbers.GetSupportedRegions()
	for _, region := range regions {
		if !known[region] {
			return nil, fmt.Errorf("there is no region %q", region)
		}
	}
	return &Redactor{regions: slices.Clone(regions)}, nil
}

// candidate is what may be a phone number: groups of digits with what may stand between them.
type candidate struct {
	from, to int
	digits   []byte
	groups   []int8 // how many digits each has
	between  []byte // the first of what separates each two groups
}

// phone looks at the +, ( or digit at from, and returns where the phone number ends; from if there is none.
func (s *scanner) phone(from int) int {
	if !s.begins(from) {
		return from
	}
	var g groups
	if g.read(s, from); g.count == 0 {
		return from
	}
	called := isCalledPhone(s.text[:from])
	if !called && !s.promising(from) {
		return from
	}
	for i := g.count - 1; i >= 0; i-- { // the longest first
		if c := g.candidate(i); s.isPhone(c, called) {
			s.add(c.from, c.to, Phone)
			return c.to
		}
	}
	return from
}

// promising tells whether a number that nothing calls a phone number may begin at from.
func (s *scanner) promising(from int) bool {
	text := s.text[from:]
	switch text[0] {
	case '+', '(':
		return len(text) > 1 && (isDigit(text[1]) || text[1] == '(')
	case '0':
		return true
	case '1':
		return false
	}
	return len(text) > 3 && isDigit(text[1]) && isDigit(text[2]) && separator(text[3:]) > 0
}

// groups are the groups of digits at a place of a text, and where a number may end: behind each of them.
type groups struct {
	from    int
	digits  [maxPhone]byte
	sizes   [maxPhone]int8
	between [maxPhone]byte
	ends    [maxPhone]struct{ to, digits, groups int }
	count   int // of ends
}

func (g *groups) candidate(i int) candidate {
	e := g.ends[i]
	return candidate{g.from, e.to, g.digits[:e.digits], g.sizes[:e.groups], g.between[:e.groups-1]}
}

// read goes on until something comes that doesn't belong to a phone number.
func (g *groups) read(s *scanner, from int) {
	g.from = from
	n, group, gap := 0, 0, 0 // gap is where the last group ended
	for i := from; i < len(s.text); {
		if s.text[i] == '+' && i == from {
			i++
			gap = i
			continue
		}
		if !isDigit(s.text[i]) {
			size := separator(s.text[i:])
			if size == 0 || i-max(gap, from) >= 4 || strings.HasPrefix(s.text[i:], "  ") {
				return
			}
			i += size
			continue
		}
		if group > 0 {
			g.between[group-1] = s.text[gap]
		}
		for ; i < len(s.text) && isDigit(s.text[i]); i++ {
			if n == maxPhone {
				return
			}
			g.digits[n] = s.text[i]
			g.sizes[group]++
			n++
		}
		gap = i
		group++
		if n >= minPhone && s.ends(i) {
			g.ends[g.count] = struct{ to, digits, groups int }{i, n, group}
			g.count++
		}
	}
}

// separator is the length of what may stand between two groups of digits, 0 if the text begins with something else.
func separator(text string) int {
	switch text[0] {
	case ' ', '-', '.', '/', '(', ')':
		return 1
	}
	switch r, size := utf8.DecodeRuneInString(text); r {
	case '\u00a0', '\u202f', '\u2010', '\u2011', '\u2013':
		return size
	}
	return 0
}

// isPhone tells whether a candidate is a phone number: by its form or what stands before it, and by what the numbers of
// the country look like.
func (s *scanner) isPhone(c candidate, called bool) bool {
	if c.isDate() {
		return false
	}
	raw := s.text[c.from:c.to]
	if raw[0] == '+' {
		return s.valid(raw, "ZZ")
	}
	if c.digits[0] == '0' && c.digits[1] == '0' && len(c.digits) >= 10 && c.groups[0] >= 2 {
		return s.valid("+"+string(c.digits[2:]), "ZZ")
	}
	if len(c.digits) > 15 || !called && !c.looksNational(raw) {
		return false
	}
	for _, region := range s.regions {
		if s.valid(string(c.digits), region) {
			return true
		}
	}
	return false
}

// isDate tells 2026-01-02 and 02.01.2026, also with a time behind it.
func (c candidate) isDate() bool {
	if len(c.groups) < 3 || c.between[0] != c.between[1] || strings.IndexByte("-./", c.between[0]) < 0 {
		return false
	}
	g := c.groups
	return g[0] == 4 && g[1] <= 2 && g[2] <= 2 || g[0] <= 2 && g[1] <= 2 && (g[2] == 4 || g[2] == 2 && len(g) == 3)
}

// looksNational tells whether digits are grouped as those of phone numbers: 415-555-2671, or a 0 and an area.
func (c candidate) looksNational(raw string) bool {
	g := c.groups
	if len(g) == 3 && g[0] == 3 && g[1] == 3 && g[2] == 4 && c.digits[0] >= '2' && (raw[0] == '(' || c.between[0] == c.between[1]) {
		return true
	}
	if c.digits[0] != '0' || len(c.digits) < bareLeast || len(g) < 2 || g[0] < 2 {
		return false
	}
	if bytes.ContainsRune(c.between, '.') { // 06.12.34.56.78, and no time or amount
		return len(bytes.Trim(c.between, ".")) == 0 && len(g) == 5
	}
	return true
}

// phoneWords stand before phone numbers.
var phoneWords = []string{
	"tel", "phone", "telephone", "call", "dial", "mobile", "cell", "fax", "sms", "whatsapp", "fon", "telefon", "handy",
	"mobil", "telefonnummer", "handynummer", "rufnummer", "tél", "téléphone", "portable",
}

// isCalledPhone tells whether one of the last words of the text announces a phone number.
func isCalledPhone(before string) bool {
	const near = 24
	before = strings.ToLower(before[max(0, len(before)-near):])
	noLetter := func(r rune) bool { return !unicode.IsLetter(r) }
	for word := range strings.FieldsFuncSeq(before, noLetter) {
		if slices.Contains(phoneWords, word) {
			return true
		}
	}
	return false
}

// valid asks the library whether there are such numbers in the region.
func (s *scanner) valid(number, region string) bool {
	if s.parses--; s.parses < 0 {
		return true
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil {
		return false
	}
	if region == "ZZ" { // an international one is none by chance
		return phonenumbers.IsPossibleNumber(parsed)
	}
	return phonenumbers.IsValidNumberForRegion(parsed, region)
}
