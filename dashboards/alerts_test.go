package dashboards_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// promtool runs Prometheus's own checker.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool is missing: install the Debian package prometheus")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "prometheus"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestTheAlertsAreUnderstoodAndFireWhereTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "alerts.yml", "objectives.yml")
	promtool(t, "test", "rules", "alerts_test.yml", "days_test.yml")
}

func TestEachAlertHasItsRunbook(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("prometheus/alerts.yml")
	require.NoError(t, err)
	page, err := os.ReadFile("../docs/runbooks.md")
	require.NoError(t, err)
	alerts := map[string]bool{}
	for _, match := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		alerts[match[1]] = true
	}
	require.NotEmpty(t, alerts)
	var tests []byte
	for _, name := range []string{"prometheus/alerts_test.yml", "prometheus/days_test.yml"} {
		some, err := os.ReadFile(name)
		require.NoError(t, err)
		tests = append(tests, some...)
	}
	for name := range alerts {
		require.Contains(t, string(page), "\n## "+name+"\n")
		require.Contains(t, string(rules), "docs/runbooks.md#"+strings.ToLower(name)+"\n")
		fires := regexp.MustCompile(`alertname: ` + name + `\n\s+exp_alerts:\n\s+- exp_labels`)
		require.Regexp(t, fires, string(tests), "it is shown to go off")
	}
	require.Len(t, regexp.MustCompile(`(?m)^## `).FindAllString(string(page), -1), len(alerts), "and no other")
}
