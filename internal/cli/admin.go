package cli

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"rohrpost/db"
	"rohrpost/internal/accounts"
)

func (s shell) adminCommand() *cobra.Command {
	admin := &cobra.Command{Use: "admin", Short: "Look after the administrators' accounts"}
	admin.AddCommand(s.adminCreateCommand())
	return admin
}

func (s shell) adminCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create EMAIL",
		Short: "Make an administrator, or one of an account that is there",
		Long: "Make an administrator, or one of an account that is there. The password is ADMIN_PASSWORD, or else the first\n" +
			"line of the input; an empty line keeps the password of an account that is there. A new password ends the\n" +
			"account's logins.",
		Example: "  rohrpost admin create ada@example.org <password.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var cfg db.Config
			if err := s.load([]string{"DATABASE_URL"}, &cfg); err != nil {
				return err
			}
			password, err := s.password(cmd.InOrStdin())
			if err != nil {
				return err
			}
			pool, err := db.Open(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer pool.Close()
			// Nobody logs in here, so the secret for tokens may be any.
			users, err := accounts.New(pool, accounts.Config{Secret: rand.Text() + rand.Text()})
			if err != nil {
				return err
			}
			made, err := users.EnsureAdmin(cmd.Context(), args[0], password)
			if err != nil {
				return err
			}
			outcome := map[bool]string{true: "was made, an administrator", false: "is an administrator now"}[made]
			fmt.Fprintln(s.out, args[0], outcome)
			return nil
		},
	}
}
