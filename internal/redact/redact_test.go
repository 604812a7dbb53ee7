package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/redact"
)

func redactor(t testing.TB) *redact.Redactor {
	t.Helper()
	r, err := redact.New(redact.DefaultRegions()...)
	require.NoError(t, err)
	return r
}

// key is a secret that no scanner of this repository should take for one.
func key(begin string, n int) string { return begin + strings.Repeat("a1B2", n/4+1)[:n] }

func TestWhatIsTakenOut(t *testing.T) {
	t.Parallel()
	r := redactor(t)
	pem := "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----"
	for in, want := range map[string]string{
		// E-mail addresses.
		"Write to ada@example.org.":                "Write to [EMAIL].",
		"<Ada.Lovelace+ai@mail.example.co.uk>, ok": "<[EMAIL]>, ok",
		"mailto:ada@example.org?subject=x":         "mailto:[EMAIL]?subject=x",
		"“jürgen@müller.example” und 'o@x.io'":     "“[EMAIL]” und '[EMAIL]'",
		"a@example.org,b@example.org;c@x.example":  "[EMAIL],[EMAIL];[EMAIL]",
		"用户@例子.广告 ok":                              "[EMAIL] ok",
		"x@xn--mller-kva.xn--p1ai":                 "[EMAIL]",

		// Keys of known forms.
		"use " + key("sk-proj-", 40) + ".":                             "use [SECRET].",
		"token=" + key("ghp_", 36) + "&x=1":                            "token=[SECRET]&x=1",
		"(" + key("glpat-", 20) + ")":                                  "([SECRET])",
		"AKIA" + "IOSFODNN7EXAMPLE is it":                              "[SECRET] is it",
		key("xoxb-", 30) + " " + key("hf_", 34):                        "[SECRET] [SECRET]",
		"jwt eyJhbGciOiJIUzI1NiJ9." + key("eyJ", 30) + ".s-_1":         "jwt [SECRET]",
		"https://hooks.slack.com/services/" + key("T", 30):             "https://[SECRET]",
		"bot 123456789:" + key("AA", 33):                               "bot [SECRET]",
		"a\n" + pem + "\nb":                                            "a\n[SECRET]\nb",
		"cut off: -----BEGIN " + "PRIVATE KEY-----\nMIIEow\nabc":       "cut off: [SECRET]",
		"-----BEGIN PUBLIC KEY-----\nMIIEow\n-----END PUBLIC KEY-----": "-----BEGIN PUBLIC KEY-----\nMIIEow\n-----END PUBLIC KEY-----",

		// What is called a secret.
		"password: hunter2":                          "password: [SECRET]",
		`{"password":"correct horse","user":"ada"}`:  `{"password":"[SECRET]","user":"ada"}`,
		"DB_PASSWORD=swordfish\nDB_HOST=db":          "DB_PASSWORD=[SECRET]\nDB_HOST=db",
		"My password is hunter2, please help.":       "My password is [SECRET], please help.",
		"Mein Passwort lautet geh3im!":               "Mein Passwort lautet [SECRET]!",
		"mysql --password s3cr3t -u ada":             "mysql --password [SECRET] -u ada",
		"api_key = 'abcd1234efgh'":                   "api_key = '[SECRET]'",
		"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDE1": "AWS_SECRET_ACCESS_KEY=[SECRET]",
		"Authorization: Bearer abcdef1234567890xyz":  "Authorization: Bearer [SECRET]",
		"Authorization: Basic dXNlcjpwYXNzd29yZA==":  "Authorization: Basic [SECRET]",
		"postgres://me:pa:ss@localhost:5432/db":      "postgres://[SECRET]@localhost:5432/db",
		"https://me:pass@example.org/x":              "https://[SECRET]@example.org/x",

		// Phone numbers.
		"Call +49 30 1234567 now":          "Call [PHONE] now",
		"+4915112345678":                   "[PHONE]",
		"+1 (415) 555-2671, or not":        "[PHONE], or not",
		"0049 30 1234567":                  "[PHONE]",
		"(415) 555-2671":                   "[PHONE]",
		"415-555-2671":                     "[PHONE]",
		"Tel.: 4155552671":                 "Tel.: [PHONE]",
		"030 / 901820 20":                  "[PHONE]",
		"Handy\u00a00151\u00a012345678.":   "Handy\u00a0[PHONE].",
		"06 12 34 56 78 et 06.12.34.56.79": "[PHONE] et [PHONE]",
		"020 7946 0958":                    "[PHONE]",
		"电话：+86 138 0013 8000":             "电话：[PHONE]",

		// Cards and addresses.
		"4111 1111 1111 1111":                  "[CARD]",
		"card 5500-0000-0000-0004 exp 12/29":   "card [CARD] exp 12/29",
		"3782 822463 10005 or 378282246310005": "[CARD] or [CARD]",
		"from 203.0.113.7:443, 10.0.0.1/24":    "from [IP]:443, [IP]/24",
		"[2001:db8::1]:80 and fe80::1%eth0.":   "[[IP]]:80 and [IP]%eth0.",
		"::ffff:203.0.113.7":                   "[IP]",

		// All at once.
		"ada@example.org, +4915112345678, password=hunter2": "[EMAIL], [PHONE], password=[SECRET]",
	} {
		require.Equal(t, want, r.Text(in, redact.Counts{}), "%q", in)
	}
}

func TestWhatStays(t *testing.T) {
	t.Parallel()
	r := redactor(t)
	for _, text := range []string{
		"", " ", "[EMAIL] [PHONE] [SECRET] [CARD] [IP]",
		"2026-01-02", "02.01.2026", "1/2/2026", "2026-01-02T03:04:05.678+01:00", "02-01-2026 03:04", "08.30-17.00", "08:30 – 17:00",
		"20260102030405", "1767225600000", "1700000000", "01.02.2026, 03.04.2026",
		"550e8400-e29b-41d4-a716-446655440000", "12345678-1234-1234-1234-123456789012",
		"019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11",
		"v1.2.3", "1.2.3.4-rc1", "version 1.2.3.4", "Version: 10.0.19045.1", "Chrome 120.0.6099.109", "go1.26.0", "left-pad@1.3.0",
		"€ 1.234.567,89", "$1,234,567.89", "0.123456789012", "3.14159265358979", "1e-9", "-273.15", "100 000 000",
		"1 2 3 4 5 6 7 8 9 10 11 12", "007", "12345678901234567890123456789012345678901234567890",
		"ISBN 978-3-16-148410-0", "ISBN 0-306-40615-2", "§ 823 BGB", "ORD-030-1234567", "order 2025550123", "4111 1111 1111 1112",
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"d8f6d5aa1c2f8a6f0f5e1d9f2a7c5b3e4d6f8a90", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==",
		"127.0.0.1:8080", "::1", "0.0.0.0", "255.255.255.0", "12:34:56", "std::vector<int>", "add::face", "a::b", "ratio 3:4:5",
		"@ada", "@types/node", "git@github.com:me/repo.git", "user@localhost", "a @ b", "f(x)@g", "x@y", "@", "@@@@", "a@.b", "a@-b.c",
		"password: string", "password = getpass()", "password: $PASSWORD", "password=<your password>", "password is required",
		"The password is wrong.", "password = user.password;", "password: ********", "passwords are hard: choose well",
		"max_tokens: 4096", "token: string", "tokens=123456789", "The secret is out.", "secret: nothing", "token = next_token",
		"sk-learn-is-a-name-without-any-digit", "risk-1234567890123456789012345", "bearer of good news", "basic understanding",
		"keyboard", "https://example.org/a:b@c", "mailto:", "key-value", "AKIA", "eyJ",
		"Die Straße 030 ist lang.", "Room 415-555", "1-2-3", "(1) (2) (3)", "+", "+1", "(", "()", "call 911", "phone 12",
	} {
		found := redact.Counts{}
		require.Equal(t, text, r.Text(text, found))
		require.Empty(t, found)
	}
}

func TestItCountsByKind(t *testing.T) {
	t.Parallel()
	found := redact.Counts{redact.Email: 1}
	redactor(t).Text("a@example.org b@example.org password=hunter2 203.0.113.7 4111111111111111 +4915112345678", found)
	require.Equal(t, redact.Counts{
		redact.Email: 3, redact.Secret: 1, redact.IP: 1, redact.Card: 1, redact.Phone: 1,
	}, found)
}

// Each of these makes a careless scanner look at the rest of the text from every one of its bytes.
func TestHostileTextsAreLookedAtOnce(t *testing.T) {
	t.Parallel()
	r := redactor(t)
	for _, part := range []string{
		"@", "a@", "a.", ".@a.b", "1", "1 ", "01 ", "01 23 ", "+", "+1", "+1 ", "(0", "((", "-", "-----BEGIN ",
		"-----BEGIN " + "PRIVATE KEY-----", "eyJ", "eyJ.", "sk-", "sk-a1", "ghp_", "a:", "a=", "password=", "password: ", "password is ",
		"pwd='", "token=\"", "://", "://a:", "1.", "1.1.1.1", "::", "a::", "1:", "4111 ", "4", "bearer ", "--password ", "\xff", "\xc3",
		"ü", "\u00a0", "\x00", "\\", "`", "415-555-2671 ", "tel 0301234567 ",
	} {
		text := strings.Repeat(part, (64<<10)/len(part))
		out := r.Text(text, redact.Counts{})
		require.LessOrEqual(t, len(out), 3*len(text), "%q", part)
	}
}

func TestARegionThatThereIsNotIsRefused(t *testing.T) {
	t.Parallel()
	_, err := redact.New("DE", "XX")
	require.ErrorContains(t, err, `"XX"`)
}

// Whatever comes in, it neither panics nor cuts a character in two.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"ada@example.org", "password: hunter2 +49 30 1234567", "postgres://a:b@c.example", "2001:db8::1 4111 1111 1111 1111",
		"-----BEGIN " + "PRIVATE KEY-----\nx", "api_key='abcd1234efgh' bearer abcdefgh12345678",
	} {
		f.Add(seed)
	}
	r := redactor(f)
	f.Fuzz(func(t *testing.T, text string) {
		out := r.Text(text, redact.Counts{})
		require.True(t, utf8.ValidString(out) || !utf8.ValidString(text), "%q became %q", text, out)
	})
}

func BenchmarkText(b *testing.B) {
	r := redactor(b)
	prose := strings.Repeat("A letter in the tube goes where the air takes it: on 2026-01-02 at 10:30, room 4.12, for € 3,50. ", 10)
	for name, text := range map[string]string{
		"prose": prose, "personal": prose + " Write to ada@example.org or call +49 30 1234567; password: hunter2.",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r.Text(text, redact.Counts{})
			}
		})
	}
}
