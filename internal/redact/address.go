package redact

import (
	"net/netip"
	"strings"
)

const (
	maxIPv4 = len("255.255.255.255")
	maxIPv6 = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
)

// ipv4 looks at the digit at from. A version with four parts is none where it is called one.
func (s *scanner) ipv4(from int) int {
	to, dots := from, 0
	for to < len(s.text) && to-from <= maxIPv4 && (isDigit(s.text[to]) || s.text[to] == '.') {
		if s.text[to] == '.' {
			dots++
		}
		to++
	}
	if s.text[to-1] == '.' {
		to--
		dots--
	}
	if dots != 3 || !s.ends(to) && s.text[to] != ':' && s.text[to] != '/' {
		return from
	}
	addr, err := netip.ParseAddr(s.text[from:to])
	if err != nil || isVersion(s.text[:from]) {
		return from
	}
	if tellsSomething(addr) {
		s.add(from, to, IP)
	}
	return to
}

// isVersion tells whether what comes after the text is called a version.
func isVersion(before string) bool {
	before = strings.ToLower(before[max(0, len(before)-len("version ")-2):])
	before = strings.TrimRight(before, " :=\"'")
	return strings.HasSuffix(before, "version") || strings.HasSuffix(before, "release")
}

// ipv6 looks at the colon at i, if it is the first of an address.
func (s *scanner) ipv6(i int) {
	from := i
	for from > 0 && i-from < 5 && isHex(s.text[from-1]) {
		from--
	}
	if from > 0 && (letterBefore(s.text[:from]) > 0 || s.text[from-1] == ':' || s.text[from-1] == '_') {
		return
	}
	to, colons, digits := from, 0, 0
	for to < len(s.text) && to-from <= maxIPv6 && (isHex(s.text[to]) || s.text[to] == ':' || s.text[to] == '.') {
		switch {
		case s.text[to] == ':':
			colons++
		case isDigit(s.text[to]):
			digits++
		}
		to++
	}
	for to > i && (s.text[to-1] == '.' || s.text[to-1] == ':' && !strings.HasSuffix(s.text[:to], "::")) {
		to--
	}
	// Names with two colons are common in programs, and some of them are hexadecimal: add::face.
	if colons < 2 || digits == 0 || to < len(s.text) && (letterAt(s.text[to:]) > 0 || s.text[to] == '_') {
		return
	}
	if addr, err := netip.ParseAddr(s.text[from:to]); err == nil && tellsSomething(addr) {
		s.add(from, to, IP)
	}
}

// tellsSomething is false for addresses that are the same on every machine.
func tellsSomething(addr netip.Addr) bool {
	netmask := addr.Is4() && addr.As4()[0] == 255
	return !addr.IsLoopback() && !addr.IsUnspecified() && !netmask
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
