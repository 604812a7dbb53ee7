package edge

import (
	"context"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"rohrpost/internal/accounts"
	"rohrpost/internal/fault"
)

// AccessCookie carries the access token where a browser can't set headers: for an EventSource and for pages.
const AccessCookie = "rohrpost_access"

type identityKey struct{}

// Authenticator tells whose access token it is.
type Authenticator interface {
	Authenticate(ctx context.Context, accessToken string) (accounts.Identity, error)
}

// Door says what may pass without a login, and how.
type Door struct {
	Accounts Authenticator
	// Public tells which requests need no login.
	Public func(method, path string) bool
	// Cookie tells which requests may log in by [AccessCookie]. Their handlers may change nothing that another site
	// should not be able to change.
	Cookie func(method, path string) bool
	// Admin tells which requests are for admins only.
	Admin func(path string) bool
	// IsPage tells which requests are for pages, and Page answers one that came without a login, instead of a problem.
	IsPage func(path string) bool
	Page   fiber.Handler
}

// Guard refuses every request that is not public and has no login. Handlers learn by [Who] whose request it is.
func (d Door) Guard(c *fiber.Ctx) error {
	method, path := c.Method(), c.Path()
	if d.Public(method, path) {
		return c.Next()
	}
	token, cookie := bearer(c.Get(fiber.HeaderAuthorization)), false
	if token == "" && d.Cookie(method, path) {
		token, cookie = strings.Clone(c.Cookies(AccessCookie)), true
	}
	var who accounts.Identity
	var err error = fault.New(fault.Unauthorized, "This needs a login: Authorization: Bearer <access token>.")
	if token != "" {
		who, err = d.Accounts.Authenticate(c.UserContext(), token)
	}
	switch {
	case err != nil && fault.CodeOf(err) == fault.Unauthorized && d.IsPage(path) && wantsPage(c):
		return d.Page(c)
	case err != nil:
		return err
	case cookie && !SameOrigin(c):
		return fault.New(fault.Forbidden, "Another site may not use this login.")
	case d.Admin(path) && !who.IsAdmin():
		return fault.New(fault.Forbidden, "This is for admins.")
	}
	c.Locals(identityKey{}, who)
	return c.Next()
}

// Who returns whose request it is. It is the zero identity on public routes.
func Who(c *fiber.Ctx) accounts.Identity {
	who, _ := c.Locals(identityKey{}).(accounts.Identity)
	return who
}

func userOf(c *fiber.Ctx) string {
	if who, ok := c.Locals(identityKey{}).(accounts.Identity); ok {
		return who.UserID.String()
	}
	return ""
}

// bearer returns the token of an Authorization header.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Clone(strings.TrimSpace(token))
}

func wantsPage(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet && strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML)
}

// SameOrigin reports whether a browser was told to send this request by one of our own pages, or by its user. What is no
// browser has no other pages open, and passes.
func SameOrigin(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	// Browsers leave Sec-Fetch-Site out where the page came by plain http.
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == string(c.Request().Host())
}
