package stream

import "unicode/utf8"

// pending is the text that waits for its flush. Its owner locks it.
type pending struct {
	text   []byte
	writes int  // how many tokens it is made of
	max    int  // bytes it may hold
	lost   bool // text was dropped
}

// add appends text. Beyond the maximum the oldest is dropped, an eighth more than needed, so that a full buffer isn't
// moved for every token.
func (p *pending) add(text string) {
	p.writes++
	p.text = append(p.text, text...)
	if over := len(p.text) - p.max; over > 0 {
		cut := min(len(p.text), over+p.max/8)
		for cut < len(p.text) && !utf8.RuneStart(p.text[cut]) {
			cut++
		}
		p.text = p.text[:copy(p.text, p.text[cut:])]
		p.lost = true
	}
}

// take removes up to most bytes from the front. It never cuts a character: one that is only there in part stays for the
// next time, unless final says that no more will come.
func (p *pending) take(most int, final bool) string {
	n := len(p.text)
	if n > most || !final {
		n = whole(p.text[:min(n, most)])
	}
	if n == 0 && len(p.text) >= utf8.UTFMax { // not text at all, or most is tiny: progress counts
		n = min(len(p.text), max(most, utf8.UTFMax))
	}
	out := string(p.text[:n])
	p.text = p.text[:copy(p.text, p.text[n:])]
	p.writes = 0
	if len(p.text) == 0 && cap(p.text) > 64<<10 {
		p.text = nil // don't keep what an outage made it grow to
	}
	return out
}

// whole is the length of b without an incomplete character at its end.
func whole(b []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		at := len(b) - back
		if utf8.RuneStart(b[at]) {
			if !utf8.FullRune(b[at:]) {
				return at
			}
			break
		}
	}
	return len(b)
}
