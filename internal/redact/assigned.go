package redact

import "strings"

const (
	maxName  = 40  // bytes of a name such as AWS_SECRET_ACCESS_KEY
	maxValue = 256 // bytes of what it is set to
)

// Names of what is secret, as parts of a longer name. What a password is set to can be any word; keys and tokens are
// made by machines, and a value without a digit is none.
var (
	passwordNames = []string{"password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "pwd"}
	keyNames      = []string{
		"secret", "token", "apikey", "api_key", "api-key", "access_key", "access-key", "accesskey", "account_key",
		"accountkey", "private_key", "private-key", "privatekey", "signing_key", "encryption_key", "credential", "signature",
	}
)

// verbs come between the word password and a password in a sentence.
var verbs = []string{" is ", " was ", " ist ", " war ", " lautet "}

// said looks whether the word from..to says that a secret follows: Bearer, --password, my password is.
func (s *scanner) said(from, to int) {
	if to >= len(s.text) || s.text[to] != ' ' || to-from > maxName {
		return
	}
	switch s.text[from] | 0x20 {
	case 'b':
		if word := s.text[from:to]; strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic") {
			s.authorization(to + 1)
		}
	case 'p', 'k', 'a', 't', 's':
		word := strings.ToLower(s.text[from:to])
		if strings.HasSuffix(s.text[:from], "--") && (contains(word, passwordNames) || contains(word, keyNames)) {
			s.value(to+1, contains(word, passwordNames), false)
			return
		}
		if word[0] != 'p' && word[0] != 'k' || !contains(word, passwordNames) {
			return
		}
		for _, verb := range verbs {
			if strings.HasPrefix(s.text[to:], verb) {
				s.value(to+len(verb), true, true)
			}
		}
	}
}

// authorization looks at what follows the scheme in a header.
func (s *scanner) authorization(from int) {
	const least = 12
	to, digits := from, 0
	for to < len(s.text) && (isKeyByte(s.text[to]) || strings.IndexByte(".~+/=", s.text[to]) >= 0) {
		if isDigit(s.text[to]) || s.text[to] == '=' {
			digits++
		}
		to++
	}
	if to-from >= least && digits > 0 {
		s.add(from, to, Secret)
	}
}

// assigned looks whether the colon or equals sign at i comes after the name of a secret, and takes the value after it.
func (s *scanner) assigned(i, after int) {
	to := i
	for to > 0 && i-to < 4 && strings.IndexByte(" \"'`]\\*", s.text[to-1]) >= 0 {
		to--
	}
	from := to
	for from > 0 && to-from <= maxName && isKeyByte(s.text[from-1]) {
		from--
	}
	if to-from < len("pwd") || to-from > maxName {
		return
	}
	name := strings.ToLower(s.text[from:to])
	switch {
	case contains(name, passwordNames):
		s.value(after, true, false)
	case contains(name, keyNames):
		s.value(after, false, false)
	}
}

func contains(name string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// value takes out what begins at from, if it may be a secret: a password, or else a key. In a sentence, words without a
// digit or sign are taken for words.
func (s *scanner) value(from int, password, sentence bool) {
	for n := 0; from < len(s.text) && n < 4 && strings.IndexByte(" =>\\*", s.text[from]) >= 0; n++ {
		from++
	}
	if from >= len(s.text) {
		return
	}
	to := from
	quote := s.text[from]
	quoted := quote == '"' || quote == '\'' || quote == '`'
	if quoted {
		from++
		end := strings.IndexAny(s.text[from:min(len(s.text), from+maxValue)], string(quote)+"\n")
		if end < 0 {
			return
		}
		to = from + end
	} else {
		for to < len(s.text) && to-from < maxValue && strings.IndexByte(" \t\r\n,;\"'`)}]<>&|", s.text[to]) < 0 {
			to++
		}
		for to > from && strings.IndexByte(".!?:*", s.text[to-1]) >= 0 {
			to--
		}
	}
	if value := s.text[from:to]; isSecret(value, password, quoted, sentence) {
		s.add(from, to, Secret)
	}
}

// isSecret tells a secret from the name of a variable, from a type, and from what was starred out before.
func isSecret(value string, password, quoted, sentence bool) bool {
	const shortest, shortestKey = 4, 8
	if len(value) < shortest || strings.IndexByte("$<{[(%", value[0]) >= 0 || strings.Count(value, value[:1]) == len(value) {
		return false
	}
	letters, digits, joints := 0, 0, 0
	for i := range len(value) {
		switch c := value[i]; {
		case isDigit(c):
			digits++
		case isLetter(c):
			letters++
		case c == '.' || c == '_':
			joints++
		}
	}
	if !password {
		return len(value) >= shortestKey && digits > 0 && letters > 0 && !strings.ContainsAny(value, " ([")
	}
	plain := letters+joints == len(value)
	switch {
	case quoted:
		return !isPlainWord(value)
	case strings.ContainsAny(value, "(["):
		return false // a call
	case plain && (joints > 0 || sentence):
		return false
	}
	return !isPlainWord(value)
}

// isPlainWord knows what stands in the place of a password and is none.
func isPlainWord(value string) bool {
	switch strings.ToLower(strings.Trim(value, "?!")) {
	case "string", "text", "varchar", "char", "bool", "boolean", "bytes", "required", "optional", "none", "null", "undefined",
		"true", "false", "hidden", "your", "this", "must", "should", "wrong", "incorrect", "invalid", "changed", "reset",
		"password", "passwort", "passwd", "forgotten", "empty", "unknown", "enter", "please":
		return true
	}
	return false
}
