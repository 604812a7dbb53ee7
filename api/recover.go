package api

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"rohrpost/api/edge"
	"rohrpost/internal/fault"
)

// VerifyAddress confirms an address by the token that was mailed to it.
func (s *Server) VerifyAddress(c *fiber.Ctx) error {
	var body Verification
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.Token == "" {
		return fault.New(fault.Invalid, "The field token is needed.")
	}
	if _, err := s.accounts.VerifyAddress(c.UserContext(), body.Token); err != nil {
		return fmt.Errorf("verify an address: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// RequestVerification has the token for the user's address mailed again.
func (s *Server) RequestVerification(c *fiber.Ctx) error {
	if err := s.accounts.RequestVerification(c.UserContext(), edge.Who(c).UserID); err != nil {
		return fmt.Errorf("request a verification: %w", err)
	}
	return c.SendStatus(fiber.StatusAccepted)
}

// RequestPasswordReset has a token for a new password mailed, if there is an account with the address.
func (s *Server) RequestPasswordReset(c *fiber.Ctx) error {
	var body PasswordResetRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if err := s.attempt(c, body.Email); err != nil {
		return err
	}
	if err := s.accounts.RequestPasswordReset(c.UserContext(), body.Email); err != nil {
		return fmt.Errorf("request a password reset: %w", err)
	}
	return c.SendStatus(fiber.StatusAccepted)
}

// ResetPassword gives the account that a token was mailed to a new password.
func (s *Server) ResetPassword(c *fiber.Ctx) error {
	var body PasswordReset
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.Token == "" || body.Password == "" {
		return fault.New(fault.Invalid, "The fields token and password are needed.")
	}
	if err := s.attemptToken(c); err != nil {
		return err
	}
	if _, err := s.accounts.ResetPassword(c.UserContext(), body.Token, body.Password); err != nil {
		return fmt.Errorf("reset a password: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}
