package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (s shell) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(s.screen.Out, "rohrpost", Version())
			return err
		},
	}
}

// Version names the commit that the program was built from, "-dirty" where the tree had changes beside it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return version(info)
}

func version(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "of unknown commit, " + info.GoVersion
	}
	revision = revision[:min(12, len(revision))]
	if settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return fmt.Sprintf("%s of %s, %s", revision, settings["vcs.time"], info.GoVersion)
}
