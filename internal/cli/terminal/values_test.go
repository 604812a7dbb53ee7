package terminal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATimeSaysItsZone(t *testing.T) {
	t.Parallel()
	s, _, _ := look(0)
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "2026-07-01 12:00:00 UTC", s.When(noon))
	require.Equal(t, "-", s.WhenOr(nil, "-"))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	s.Zone = berlin
	require.Equal(t, "2026-07-01 14:00:00 +02:00", s.WhenOr(&noon, "-"))
	require.Equal(t, "2026-12-01 13:00:00 +01:00", s.When(noon.AddDate(0, 5, 0)))
}

func TestNumbersAreReadable(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1 << 62: "4.0 EiB",
	} {
		require.Equal(t, want, Size(bytes))
	}
	for d, want := range map[time.Duration]string{
		17 * time.Millisecond: "17ms", 3249 * time.Millisecond: "3.2s", 61*time.Second + 700*time.Millisecond: "1m2s",
	} {
		require.Equal(t, want, Took(d))
	}
	require.JSONEq(t, `{"a": [1]}`, Laid([]byte(`{"a":[1]}`)))
	require.Equal(t, "no JSON", Laid([]byte("no JSON")))
	require.Equal(t, `{"a":[1]}`, Flat([]byte("{\n\"a\": [1] }")))
}

func TestADocumentIsOneLineForProgramsAndLaidOutForPeople(t *testing.T) {
	t.Parallel()
	s, out, _ := look(0)
	require.NoError(t, s.Document(map[string]string{"a": "<b>"}))
	require.Equal(t, "{\"a\":\"<b>\"}\n", out.String())
	s, out, _ = look(80)
	require.NoError(t, s.Document(map[string]string{"a": "b"}))
	require.Equal(t, "{\n  \"a\": \"b\"\n}\n", out.String())
	out.Reset()
	require.NoError(t, s.Line(map[string]string{"a": "b"}))
	require.Equal(t, "{\"a\":\"b\"}\n", out.String())
}
