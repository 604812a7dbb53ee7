package api_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/audit"
)

func TestSomebodyRegistersLogsInRefreshesAndLogsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var made api.User
	s.send(request{path: "/api/auth/register",
		json: api.Registration{Email: "Ada@Example.org", Name: "Ada", Password: password}}).
		want(http.StatusCreated).into(&made)
	require.Equal(t, "ada@example.org", made.Email)
	ada := user{}
	s.send(request{path: "/api/auth/login", json: api.Credentials{Email: made.Email, Password: password}}).
		want(http.StatusOK).into(&ada.tokens)
	require.Equal(t, "Bearer", ada.tokens.TokenType)
	require.Equal(t, 900, ada.tokens.ExpiresIn)
	var me api.User
	s.send(request{path: "/api/me", as: &ada}).want(http.StatusOK).into(&me)
	require.Equal(t, made, me)

	refresh := func() *answer {
		return s.send(request{path: "/api/auth/refresh", json: api.RefreshRequest{RefreshToken: ada.tokens.RefreshToken}})
	}
	refresh().want(http.StatusOK).into(&ada.tokens)
	s.send(request{path: "/api/me", as: &ada}).want(http.StatusOK)
	s.send(request{method: "POST", path: "/api/auth/logout", as: &ada}).want(http.StatusNoContent)
	s.send(request{path: "/api/me", as: &ada}).problem(401, "unauthorized")
	refresh().problem(401, "unauthorized")
}

func TestARefreshTokenUsedTwiceEndsTheLogin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	again := request{path: "/api/auth/refresh", json: api.RefreshRequest{RefreshToken: ada.tokens.RefreshToken}}
	s.send(again).want(http.StatusOK)
	s.send(again).problem(401, "unauthorized")
	s.send(request{path: "/api/me", as: &ada}).problem(401, "unauthorized")
}

func TestPasswordsCannotBeGuessedQuickly(t *testing.T) {
	t.Parallel()
	s := newHouse(t).open(api.Config{LoginBurst: 3, LoginEvery: time.Hour})
	guess := request{path: "/api/auth/login", json: api.Credentials{Email: "ada@example.org", Password: "guess"}}
	for range 3 {
		s.send(guess).problem(401, "invalid_credentials")
	}
	refused := s.send(guess)
	refused.problem(429, "rate_limited")
	wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	guess.json = api.Credentials{Email: "ADA@example.org ", Password: "guess"}
	s.send(guess).problem(429, "rate_limited")
	guess.json = api.Credentials{Email: "bob@example.org", Password: "guess"}
	s.send(guess).problem(401, "invalid_credentials")
}

func TestAnAdminLooksAtTheQueuesInABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := s.accounts.EnsureAdmin(t.Context(), "root@example.org", password, audit.CommandLine())
	require.NoError(t, err)
	ada := s.user()
	s.client.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	page := map[string]string{"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
	login := func(email, pass string, header map[string]string) *answer {
		return s.send(request{path: "/admin/login", media: "application/x-www-form-urlencoded", header: header,
			body: url.Values{"email": {email}, "password": {pass}}.Encode()})
	}

	s.send(request{path: "/admin/queues"}).problem(401, "unauthorized")
	sent := s.send(request{path: "/admin/queues", header: page}).want(http.StatusSeeOther)
	require.Equal(t, "/admin/login", sent.header.Get("Location"))
	form := s.send(request{path: "/admin/login", header: page}).want(http.StatusOK)
	require.Contains(t, form.header.Get("Content-Security-Policy"), "form-action 'self'")
	require.NotContains(t, string(form.body), "<script")
	require.NotContains(t, string(form.body), "<style")

	login("root@example.org", "wrong", page).want(http.StatusUnauthorized)
	login(ada.email, password, page).want(http.StatusForbidden)
	login("root@example.org", password, map[string]string{"Sec-Fetch-Site": "cross-site"}).problem(403, "forbidden")
	login("root@example.org", password, map[string]string{"Origin": "http://evil.example"}).problem(403, "forbidden")
	in := login("root@example.org", password, page).want(http.StatusSeeOther)
	require.Equal(t, "/admin/queues", in.header.Get("Location"))
	for _, cookie := range in.header.Values("Set-Cookie") {
		require.Contains(t, strings.ToLower(cookie), "httponly")
		require.Contains(t, strings.ToLower(cookie), "samesite=strict")
		require.NotContains(t, strings.ToLower(cookie), "secure", "a browser would lose it on http://127.0.0.1")
	}

	index := s.send(request{path: "/admin/queues", header: page}).want(http.StatusOK)
	require.Contains(t, string(index.body), "Asynq")
	require.Contains(t, index.header.Get("Content-Security-Policy"), "script-src 'self' 'sha256-")
	asset := regexpOf(t, `src="(/admin/queues/static/js/main[^"]+)"`, string(index.body))
	script := s.send(request{path: asset, header: page}).want(http.StatusOK)
	require.Contains(t, script.header.Get("Content-Type"), "javascript")
	s.send(request{path: "/admin/queues/", header: page}).want(http.StatusOK)
	s.send(request{path: "/admin/queues/api/queues", header: page}).want(http.StatusOK)
	s.send(request{path: "/admin/queues/api/redis_info", header: page}).want(http.StatusOK)
	s.send(request{method: "POST", path: "/admin/queues/api/queues/ai:pause", header: page}).
		want(http.StatusMethodNotAllowed)
	s.send(request{path: "/admin/queues", as: &ada}).problem(403, "forbidden")

	// The access token runs out; coming back to the page renews it.
	at, err := url.Parse(s.url)
	require.NoError(t, err)
	s.client.Jar.SetCookies(at, []*http.Cookie{{Name: "rohrpost_access", Path: "/", MaxAge: -1}})
	s.send(request{path: "/admin/queues", header: page}).want(http.StatusSeeOther)
	s.send(request{path: "/admin/login", header: page}).want(http.StatusSeeOther)
	s.send(request{path: "/admin/queues", header: page}).want(http.StatusOK)

	s.send(request{method: "POST", path: "/admin/logout", header: page}).want(http.StatusSeeOther)
	s.send(request{path: "/admin/queues", header: page}).want(http.StatusSeeOther)
	s.send(request{path: "/admin/login", header: page}).want(http.StatusOK)
}

func TestProbesTellWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.open(api.Config{})
	var health api.Health
	s.send(request{path: "/healthz"}).want(http.StatusOK)
	s.send(request{path: "/readyz"}).want(http.StatusOK).into(&health)
	require.Equal(t, "ok", health.Status)

	h.redis.Kill()
	s.send(request{path: "/readyz"}).want(http.StatusOK).into(&health)
	require.Equal(t, "degraded", health.Status)
	require.Equal(t, map[string]string{"database": "ok", "storage": "ok", "redis": "unavailable"}, *health.Checks)

	h.pool.Close()
	s.send(request{path: "/readyz"}).want(http.StatusServiceUnavailable).into(&health)
	require.Equal(t, "unavailable", (*health.Checks)["database"])
	s.send(request{path: "/healthz"}).want(http.StatusOK)
}
