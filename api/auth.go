package api

import (
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"rohrpost/api/edge"
	"rohrpost/internal/accounts"
	"rohrpost/internal/fault"
)

// Register makes an account.
func (s *Server) Register(c *fiber.Ctx) error {
	var body Registration
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if err := s.attempt(c, body.Email); err != nil {
		return err
	}
	user, err := s.accounts.Register(c.UserContext(), body.Email, body.Name, body.Password)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return c.Status(fiber.StatusCreated).JSON(shownUser(user))
}

// Login opens a session.
func (s *Server) Login(c *fiber.Ctx) error {
	var body Credentials
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.Email == "" || body.Password == "" {
		return fault.New(fault.Invalid, "The fields email and password are needed.")
	}
	if err := s.attempt(c, body.Email); err != nil {
		return err
	}
	tokens, err := s.accounts.Login(c.UserContext(), body.Email, body.Password)
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	return s.handOut(c, tokens, body.Cookie)
}

// Refresh trades a refresh token for new tokens.
func (s *Server) Refresh(c *fiber.Ctx) error {
	var body RefreshRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.RefreshToken == "" {
		return fault.New(fault.Invalid, "The field refresh_token is needed.")
	}
	tokens, err := s.accounts.Refresh(c.UserContext(), body.RefreshToken)
	if err != nil {
		return fmt.Errorf("refresh: %w", err)
	}
	return s.handOut(c, tokens, body.Cookie)
}

// Logout ends the session of the request.
func (s *Server) Logout(c *fiber.Ctx) error {
	if err := s.accounts.Logout(c.UserContext(), edge.Who(c).SessionID); err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	s.dropCookies(c)
	return c.SendStatus(fiber.StatusNoContent)
}

// GetMe tells who is logged in.
func (s *Server) GetMe(c *fiber.Ctx) error {
	user, err := s.accounts.User(c.UserContext(), edge.Who(c).UserID)
	if err != nil {
		return fmt.Errorf("me: %w", err)
	}
	return c.JSON(shownUser(user))
}

func (s *Server) handOut(c *fiber.Ctx, t accounts.Tokens, cookie *bool) error {
	if cookie != nil && *cookie {
		setCookie(c, edge.AccessCookie, t.AccessToken, "/", t.ExpiresIn)
	}
	return c.JSON(Tokens{
		AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, TokenType: "Bearer", ExpiresIn: int(t.ExpiresIn.Seconds()),
	})
}

// attempt counts a try to get into an account, so that passwords can't be guessed at the speed of the network. The same
// place may go on with other accounts: behind one address there may be many people.
func (s *Server) attempt(c *fiber.Ctx, email string) error {
	return s.take(c, strings.ToLower(strings.TrimSpace(email)), "for this account ")
}

// attemptToken counts a try with a token out of a mail, of whose account nothing is known before it is looked up. A key
// with a space can't be an address.
func (s *Server) attemptToken(c *fiber.Ctx) error { return s.take(c, "a token", "") }

func (s *Server) take(c *fiber.Ctx, key, what string) error {
	wait := s.attempts.Take(c.IP() + " " + key)
	if wait <= 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds))
	return fault.New(fault.RateLimited, "Too many attempts %sfrom here; try again in %d s.", what, seconds)
}

func shownUser(u accounts.User) User {
	return User{
		ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, CreatedAt: u.CreatedAt.UTC(), VerifiedAt: inUTC(u.VerifiedAt),
	}
}

// setCookie sets a cookie that scripts can't read and other sites can't use. ttl below zero deletes it.
func setCookie(c *fiber.Ctx, name, value, path string, ttl time.Duration) {
	c.Cookie(&fiber.Cookie{
		Name: name, Value: value, Path: path, MaxAge: int(ttl.Seconds()), Expires: time.Now().Add(ttl),
		HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode, Secure: !onLoopback(c),
	})
}

// onLoopback reports whether the client speaks plain http to this very machine: the one case in which a browser would
// lose a Secure cookie, and needs none.
func onLoopback(c *fiber.Ctx) bool {
	host := string(c.Request().Host())
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
