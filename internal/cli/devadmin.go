package cli

import (
	"context"
	"crypto/rand"
	"errors"

	"rohrpost/internal/accounts"
	"rohrpost/internal/audit"
)

const devAdmin = "admin@rohrpost.localhost"

// ensureAdmin makes the administrator: ADMIN_EMAIL and ADMIN_PASSWORD where they are set. A password that had to be
// made up is told once, in the tour.
func (p *process) ensureAdmin(ctx context.Context, users *accounts.Service, tour *tour) error {
	tour.Admin = p.env.Or("ADMIN_EMAIL", devAdmin)
	password := p.env["ADMIN_PASSWORD"]
	_, err := users.EnsureAdmin(ctx, tour.Admin, password, audit.CommandLine())
	if !errors.Is(err, accounts.ErrPasswordNeeded) {
		if password != "" {
			tour.Password = "as in ADMIN_PASSWORD"
		} else {
			tour.Password = "as told when it was made; ADMIN_PASSWORD sets another"
		}
		return err
	}
	tour.Password = rand.Text()
	_, err = users.EnsureAdmin(ctx, tour.Admin, tour.Password, audit.CommandLine())
	return err
}
