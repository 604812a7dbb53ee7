package redact

const (
	minCard = 13 // digits
	maxCard = 19
)

// card looks at the digit at from: the number of a payment card, in one piece or in groups, with a right check digit.
func (s *scanner) card(from int) int {
	var digits [maxCard + 1]byte
	n, to, groups := 0, from, 1
	for i := from; i < len(s.text); i++ {
		c := s.text[i]
		if isDigit(c) {
			if n == len(digits) {
				return from
			}
			digits[n] = c - '0'
			n, to = n+1, i+1
			continue
		}
		if c != ' ' && c != '-' || i != to { // one separator between groups
			break
		}
		if n%4 != 0 && n != 10 || n > 16 { // groups are of four, or 4-6-5
			break
		}
		if i+1 >= len(s.text) || !isDigit(s.text[i+1]) {
			break
		}
		groups++
	}
	if n < minCard || n > maxCard || groups == 2 || !s.ends(to) || !isIssuer(digits[:n]) || !luhn(digits[:n]) {
		return from
	}
	s.add(from, to, Card)
	return to
}

// isIssuer tells whether the first digits and the length are of one of the large issuers.
func isIssuer(d []byte) bool {
	two, four := int(d[0])*10+int(d[1]), 0
	for _, digit := range d[:4] {
		four = four*10 + int(digit)
	}
	switch {
	case d[0] == 4: // Visa
		return len(d) == 13 || len(d) == 16 || len(d) == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return len(d) == 16
	case two == 34, two == 37: // American Express
		return len(d) == 15
	case two == 36, two == 38, four >= 3000 && four <= 3059: // Diners Club
		return len(d) == 14
	case two == 35, two == 62, two == 65, four == 6011: // JCB, UnionPay, Discover
		return len(d) >= 16
	case two == 50, two >= 56 && two <= 69: // Maestro
		return len(d) >= 16
	}
	return false
}

// luhn tells whether the last digit checks the others.
func luhn(d []byte) bool {
	sum := 0
	for i, digit := range d {
		v := int(digit)
		if (len(d)-i)%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
