package redact

import "strings"

// form is how the keys of one service look: what they begin with, and how much follows at least.
type form struct {
	begin string
	least int    // characters that follow: letters, digits, - and _
	also  string // what may be among them as well
}

// forms are those of the services whose keys are pasted most, by the first byte.
var forms = byFirst(
	form{"sk-", 20, ""}, form{"sk_live_", 16, ""}, form{"sk_test_", 16, ""}, form{"rk_live_", 16, ""},
	form{"rk_test_", 16, ""}, form{"whsec_", 16, "+/="},
	form{"ghp_", 30, ""}, form{"gho_", 30, ""}, form{"ghu_", 30, ""}, form{"ghs_", 30, ""}, form{"ghr_", 30, ""},
	form{"github_pat_", 30, ""}, form{"glpat-", 16, ""}, form{"gldt-", 16, ""}, form{"glrt-", 16, ""},
	form{"xoxa-", 10, ""}, form{"xoxb-", 10, ""}, form{"xoxe-", 10, ""}, form{"xoxp-", 10, ""}, form{"xoxr-", 10, ""},
	form{"xoxs-", 10, ""}, form{"xapp-", 10, ""}, form{"hooks.slack.com/services/", 20, "/"},
	form{"discord.com/api/webhooks/", 30, "/"},
	form{"AKIA", 16, ""}, form{"ASIA", 16, ""}, form{"AIza", 35, ""}, form{"ya29.", 20, "."}, form{"GOCSPX-", 20, ""},
	form{"eyJ", 30, "."}, // a JWT: JSON that begins with {"
	form{"npm_", 30, ""}, form{"pypi-", 30, ""}, form{"rubygems_", 40, ""}, form{"dckr_pat_", 20, ""},
	form{"hf_", 30, ""}, form{"gsk_", 40, ""}, form{"xai-", 40, ""}, form{"r8_", 30, ""}, form{"nvapi-", 40, ""},
	form{"SG.", 40, "."}, form{"key-", 32, ""}, form{"dop_v1_", 40, ""}, form{"shpat_", 30, ""}, form{"shpss_", 30, ""},
	form{"shpca_", 30, ""}, form{"sq0atp-", 20, ""}, form{"sq0csp-", 20, ""}, form{"figd_", 30, ""},
	form{"lin_api_", 30, ""}, form{"tskey-", 20, ""}, form{"hvs.", 20, "."}, form{"PMAK-", 40, ""}, form{"NRAK-", 20, ""},
	form{"ATATT3", 50, "="}, form{"AGE-SECRET-KEY-1", 50, ""},
)

func byFirst(all ...form) (table [256][]form) {
	for _, f := range all {
		table[f.begin[0]] = append(table[f.begin[0]], f)
	}
	return table
}

const (
	maxKey  = 4 << 10 // bytes
	longKey = 256     // what is not a key after so much is not looked at again from its middle
)

// token looks whether a key of a known form begins at from, and returns up to where it has been looked at.
func (s *scanner) token(from int) int {
	for _, f := range forms[s.text[from]] {
		if !strings.HasPrefix(s.text[from:], f.begin) {
			continue
		}
		to, digits := from+len(f.begin), 0
		for to < len(s.text) && to-from < maxKey && (isKeyByte(s.text[to]) || strings.IndexByte(f.also, s.text[to]) >= 0) {
			if isDigit(s.text[to]) {
				digits++
			}
			to++
		}
		for s.text[to-1] == '.' { // of the sentence
			to--
		}
		key := s.text[from:to]
		// All of them have digits; a name with hyphens and this beginning has none. A JWT has parts.
		if len(key)-len(f.begin) >= f.least && digits > 0 && (f.begin != "eyJ" || strings.Contains(key, ".")) {
			s.add(from, to, Secret)
			return to
		}
		if len(key) > longKey {
			return to
		}
	}
	return from
}

func isKeyByte(c byte) bool { return isDigit(c) || isLetter(c) || c == '-' || c == '_' }

// bot looks whether the colon at i is that of a Telegram bot's token.
func (s *scanner) bot(i int) {
	const id, secret = 8, 35
	from, to := i, i+1
	for from > 0 && i-from <= 10 && isDigit(s.text[from-1]) {
		from--
	}
	for to < len(s.text) && to-i <= secret+1 && isKeyByte(s.text[to]) {
		to++
	}
	if i-from >= id && to-i-1 == secret && (from == 0 || !isDigit(s.text[from-1])) {
		s.add(from, to, Secret)
	}
}

// login looks whether the colon at i is that of an address with a login in it, as in postgres://me:secret@host.
func (s *scanner) login(i int) {
	const longest = 256
	if !strings.HasPrefix(s.text[i:], "://") {
		return
	}
	from, colon := i+len("://"), false
	for to := from; to < len(s.text) && to-from <= longest; to++ {
		switch s.text[to] {
		case ':':
			colon = true
		case '@':
			if colon {
				s.add(from, to, Secret)
			}
			return
		case '/', '?', '#', ' ', '\n', '\t', '"', '\'', '<', '>', '`':
			return
		}
	}
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	maxPEM   = 16 << 10 // bytes of a private key; one of 8192 bits has 6400
)

// pem looks at the block that begins at from, and returns where to go on.
func (s *scanner) pem(from int) int {
	body := from + len(pemBegin)
	title, _, found := strings.Cut(s.text[body:min(len(s.text), body+50)], "-----")
	if !found || !strings.HasSuffix(title, "PRIVATE KEY") && !strings.HasSuffix(title, "PRIVATE KEY BLOCK") {
		return body
	}
	body += len(title) + len("-----")
	to := body
	if end := strings.Index(s.text[body:min(len(s.text), body+maxPEM)], pemEnd); end >= 0 {
		to = min(len(s.text), body+end+len(pemEnd)+len(title)+len("-----"))
	} else { // cut off
		for to < len(s.text) && to-body < maxPEM && (isKeyByte(s.text[to]) || strings.IndexByte("+/= \r\n\\", s.text[to]) >= 0) {
			to++
		}
	}
	s.add(from, to, Secret)
	return to
}
