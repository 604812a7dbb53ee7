package admin

import (
	"context"

	"rohrpost/internal/fault"
)

// newPassword is ADMIN_PASSWORD, or what is typed or given on the input. It is never an argument: those can be read by
// everybody on the machine.
func (c *console) newPassword(ctx context.Context) (string, error) {
	if c.password != "" {
		return c.password, nil
	}
	password, err := c.screen.Secret(ctx, "Password: ")
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "There is no password: set ADMIN_PASSWORD, or give one on the input.")
	}
	return password, nil
}
