package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"rohrpost/internal/cli/terminal"
)

// strict makes whatever can't be understood a misuse, with its own exit code, for a command and all below it.
func strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return terminal.Misused("%s. See %s --help.", strings.TrimSuffix(err.Error(), "."), cmd.CommandPath())
	})
	switch check := cmd.Args; {
	case !cmd.Runnable():
		// Cobra would print the help and take it for a success.
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return terminal.Misused("unknown command %q for %q%s", args[0], cmd.CommandPath(), instead(cmd, args[0]))
		}
	case check != nil:
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return terminal.Misused("%s: %s", cmd.UseLine(), err)
			}
			return nil
		}
	}
	for _, below := range cmd.Commands() {
		strict(below)
	}
}

// instead is what may have been meant.
func instead(cmd *cobra.Command, typed string) string {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(typed); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return "; see " + cmd.CommandPath() + " --help"
}
