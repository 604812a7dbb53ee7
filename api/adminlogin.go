package api

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"rohrpost/api/edge"
	"rohrpost/internal/accounts"
	"rohrpost/internal/fault"
)

const (
	// refreshCookie renews the access cookie when an admin comes back. It is sent to the login page only.
	refreshCookie = "rohrpost_refresh"
	refreshKept   = 30 * 24 * time.Hour // the accounts decide how long the token in it is good
	maxForm       = 8 << 10             // an address and a password
	loginPolicy   = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

//go:embed login.html
var loginHTML string

var loginTemplate = template.Must(template.New("login").Parse(loginHTML))

// showLogin shows the form, or lets an admin in whose login can be renewed. Pages ask for it one at a time, so rotating
// the refresh token here can't be mistaken for a theft by its own twin requests.
func (s *Server) showLogin(c *fiber.Ctx) error {
	if token := c.Cookies(refreshCookie); token != "" && edge.SameOrigin(c) {
		tokens, err := s.accounts.Refresh(c.UserContext(), string([]byte(token)))
		if err == nil {
			return s.letIn(c, tokens)
		}
		if fault.CodeOf(err) != fault.Unauthorized {
			return fmt.Errorf("renew an admin's login: %w", err)
		}
		s.dropCookies(c)
	}
	return loginForm(c, fiber.StatusOK, "")
}

func (s *Server) adminLogin(c *fiber.Ctx) error {
	if !edge.SameOrigin(c) {
		return fault.New(fault.Forbidden, "Another site may not log you in.")
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	email := form.Get("email")
	if err := s.attempt(c, email); err != nil {
		return loginForm(c, fiber.StatusTooManyRequests, fault.Message(err))
	}
	tokens, err := s.accounts.Login(c.UserContext(), email, form.Get("password"))
	if errors.Is(err, accounts.ErrCredentials) {
		return loginForm(c, fiber.StatusUnauthorized, fault.Message(err))
	}
	if err != nil {
		return fmt.Errorf("admin login: %w", err)
	}
	who, err := s.accounts.Authenticate(c.UserContext(), tokens.AccessToken)
	if err != nil {
		return fmt.Errorf("admin login: %w", err)
	}
	if !who.IsAdmin() {
		if err := s.accounts.Logout(c.UserContext(), who.SessionID); err != nil {
			return fmt.Errorf("admin login: %w", err)
		}
		return loginForm(c, fiber.StatusForbidden, "This account is not an admin's.")
	}
	return s.letIn(c, tokens)
}

func (s *Server) adminLogout(c *fiber.Ctx) error {
	if !edge.SameOrigin(c) {
		return fault.New(fault.Forbidden, "Another site may not log you out.")
	}
	who, err := s.accounts.Authenticate(c.UserContext(), string([]byte(c.Cookies(edge.AccessCookie))))
	if err == nil {
		if err := s.accounts.Logout(c.UserContext(), who.SessionID); err != nil {
			return fmt.Errorf("admin logout: %w", err)
		}
	}
	s.dropCookies(c)
	return c.Redirect(loginPage, fiber.StatusSeeOther)
}

func (s *Server) letIn(c *fiber.Ctx, tokens accounts.Tokens) error {
	setCookie(c, edge.AccessCookie, tokens.AccessToken, "/", tokens.ExpiresIn)
	setCookie(c, refreshCookie, tokens.RefreshToken, loginPage, refreshKept)
	return c.Redirect(queuesPage, fiber.StatusSeeOther)
}

func (s *Server) dropCookies(c *fiber.Ctx) {
	setCookie(c, edge.AccessCookie, "", "/", -time.Hour)
	setCookie(c, refreshCookie, "", loginPage, -time.Hour)
}

func loginForm(c *fiber.Ctx, status int, message string) error {
	var page bytes.Buffer
	if err := loginTemplate.Execute(&page, message); err != nil {
		return fmt.Errorf("login page: %w", err)
	}
	c.Set(fiber.HeaderContentSecurityPolicy, loginPolicy)
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Status(status).Send(page.Bytes())
}

func readForm(c *fiber.Ctx) (url.Values, error) {
	raw, err := io.ReadAll(io.LimitReader(edge.BodyOf(c), maxForm+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The form is not complete.")
	}
	if len(raw) > maxForm {
		return nil, fault.New(fault.TooLarge, "The form is too large.")
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The form can't be read.")
	}
	return form, nil
}
