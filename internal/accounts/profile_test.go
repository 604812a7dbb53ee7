package accounts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"anna@example.org":                "anna@example.org",
		"  Anna@Example.ORG\n":            "anna@example.org",
		"o'neill+x@a.b":                   "o'neill+x@a.b",
		"admin@localhost":                 "admin@localhost",
		"JOSE\u0301@example.es":           "josé@example.es", // composed
		"\u212Aim@example.org":            "kim@example.org", // the Kelvin sign is a k
		strings.Repeat("a", 250) + "@b.c": strings.Repeat("a", 250) + "@b.c",
	} {
		got, err := cleanEmail(in)
		require.NoError(t, err, "%q", in)
		require.Equal(t, want, got)
		again, err := cleanEmail(got)
		require.NoError(t, err)
		require.Equal(t, got, again, "stable")
	}
	for _, in := range []string{
		"", " ", "anna", "@example.org", "anna@", "a@b@c", "a b@example.org", "anna@exa mple.org",
		"Anna <anna@example.org>", "<anna@example.org>", `"an na"@example.org`, `"anna"@example.org`,
		"anna@example.org (home)", "anna@example.org, bert@example.org", "anna@[127.0.0.1]",
		"an\nna@example.org", "anna@example.org\x00", "anna\x7f@example.org", "anna@example.org\r\nBcc: all@example.org",
		"an\u202ena@example.org", "anna@example\u2028.org", "\xff@example.org", ".anna@example.org",
		strings.Repeat("a", 251) + "@b.c",
		strings.Repeat("\u023a", 120) + "@b.c", // grows when lower-cased
	} {
		got, err := cleanEmail(in)
		refused(t, err, fault.Invalid)
		require.Empty(t, got)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Anna":                   "Anna",
		"\t Anna  Sørensen ":     "Anna  Sørensen",
		"李":                      "李",
		"👩‍💻":                    "👩‍💻", // joined by U+200D
		"</script>'; --":         "</script>'; --",
		strings.Repeat("é", 100): strings.Repeat("é", 100),
	} {
		got, err := cleanName(in)
		require.NoError(t, err, "%q", in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{
		"", " \t\n ", "An\nna", "An\x00na", "An\x1b[31mna", "\xc3\x28", "An\u202ena", "An\u2028na", "\u200d", "\u200b\u200b",
		strings.Repeat("é", 101),
	} {
		_, err := cleanName(in)
		refused(t, err, fault.Invalid)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"12345678":                "12345678",
		"  spaces are kept  ":     "  spaces are kept  ",
		"cafe\u0301 au lait":      "café au lait",
		strings.Repeat("abc", 85): strings.Repeat("abc", 85),
	} {
		got, err := cleanPassword(in, anna)
		require.NoError(t, err, "%q", in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{
		"", "1234567", strings.Repeat("abc", 85) + "ab", "with\nnewline", "with\x00nul", "\xff\xfe\xfd bytes!!",
		"        ", "aaaaaaaaaaaa", "abababababab", anna, strings.ToUpper(anna),
	} {
		_, err := cleanPassword(in, anna)
		refused(t, err, fault.Invalid)
		if in != "" {
			require.NotContains(t, err.Error(), in)
		}
	}
}
