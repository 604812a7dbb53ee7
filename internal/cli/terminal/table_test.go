package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look is a screen of so many columns, 0 for none, and what is on it and beside it.
func look(columns int) (s *Screen, out, beside *bytes.Buffer) {
	out, beside = &bytes.Buffer{}, &bytes.Buffer{}
	return &Screen{In: strings.NewReader(""), Out: out, Err: beside, Width: columns, BarWidth: columns, Zone: time.UTC}, out, beside
}

type person struct{ id, name, note string }

var people = []Column[person]{
	{Title: "id", Text: func(p person) string { return p.id }},
	{Title: "name", Text: func(p person) string { return p.name }, Flex: true},
	{Title: "letters", Text: func(p person) string { return strings.Repeat("9", len(p.name)%3+1) }, Right: true},
	{Title: "note", Text: func(p person) string { return p.note }, Flex: true},
}

func TestATableIsAligned(t *testing.T) {
	t.Parallel()
	s, out, _ := look(0)
	Table(s, people, []person{{"1", "Ada", "a long note that nobody cuts where the lines may be as long as they like"}, {"22", "日本語", ""}})
	require.Equal(t, ""+
		"ID  NAME    LETTERS  NOTE\n"+
		"1   Ada           9  a long note that nobody cuts where the lines may be as long as they like\n"+
		"22  日本語        9\n", out.String())
}

func TestATableFitsTheTerminalAndIDsStayWhole(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123", 9)
	s, out, _ := look(72)
	Table(s, people, []person{{id, "Ada Lovelace of the Analytical Engine", strings.Repeat("wide 日本語 ", 20)}})
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, uniseg.StringWidth(strings.TrimSuffix(line, "\n")), 72)
	}
	require.Contains(t, out.String(), id)
	require.Contains(t, out.String(), "Ada Lo")
	require.Equal(t, 2, strings.Count(out.String(), "…"), "each flexible column gave way: %s", out)

	s, out, _ = look(20) // too narrow for anything
	Table(s, people, []person{{id, "Ada", "note"}})
	require.Equal(t, "ID                 …\n0123012301230123012…\n", out.String())
}

func TestFieldsAreWholeAndLeaveOutWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s, out, _ := look(10)
	s.Fields(Field{"id", "0198a000-0000-7000-8000-000000000001"}, Field{"a much longer title", ""}, Field{"args", "{\n\t\"a\": 1\n}\n"})
	require.Equal(t, "id    0198a000-0000-7000-8000-000000000001\nargs  {\n          \"a\": 1\n      }\n", out.String())
}

func TestWhatATerminalWouldObeyIsShownInstead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                   "plain",
		"Zoë 日本語 👩‍🚀":             "Zoë 日本語 👩‍🚀",
		"\x1b]0;owned\a":          `\x1b]0;owned\a`,
		"a\r\nb\tc":               `a\r\nb\tc`,
		"evil\u202egnp.exe":       `evil\u202egnp.exe`,
		"\u009b31m":               `\u009b31m`,
		"broken \xff\xfe":         "broken \ufffd\ufffd",
		"no\u00a0break\u2028line": `no\u00a0break\u2028line`,
	} {
		require.Equal(t, want, Clean(text), "%q", text)
	}
	s, out, beside := look(0)
	Table(s, people[:2], []person{{"1\x1b[2J", "\x1b[31mred", ""}})
	s.Say("%s", "\x1b[2J")
	s.Hint("%s", "\x1b[2J")
	s.Fields(Field{"x", "\x1b[2J"})
	require.NotContains(t, out.String()+beside.String(), "\x1b")
}
