package cli

import (
	"github.com/spf13/cobra"

	"rohrpost/db"
)

func (s shell) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of DATABASE_URL to the newest version",
		Long: "Bring the schema of DATABASE_URL to the newest version. Several may run at once, one of them works. The old\n" +
			"processes go on working meanwhile; start the new ones afterwards.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cfg db.Config
			if err := s.load([]string{"DATABASE_URL"}, &cfg); err != nil {
				return err
			}
			if err := db.Migrate(cmd.Context(), cfg.URL, s.log); err != nil {
				return err
			}
			s.log.Info("the schema is at its newest version")
			return nil
		},
	}
}
