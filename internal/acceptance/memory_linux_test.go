package acceptance

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
)

// memory reads a line of the process's status, in KiB: RssAnon is what it holds of its own, VmHWM the most that it had,
// files it has mapped included, since forgetPeak.
func (c *child) memory(line string) int {
	c.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	require.NoError(c.t, err)
	for text := range strings.Lines(string(raw)) {
		if rest, found := strings.CutPrefix(text, line+":"); found {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			require.NoError(c.t, err)
			return kib
		}
	}
	c.t.Fatalf("no %s", line)
	return 0
}

func (c *child) forgetPeak() {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.cmd.Process.Pid), []byte("5"), 0o600))
}
