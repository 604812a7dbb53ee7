package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/api/edge"
	"rohrpost/dashboards"
)

const (
	loginPage  = "/admin/login"
	logoutPage = "/admin/logout"
	queuesPage = "/admin/queues"
)

// public needs no login. Everything that is not here does, so a new route is closed until it is opened.
var public = map[string]bool{
	"POST /api/auth/register": true, "POST /api/auth/login": true, "POST /api/auth/refresh": true,
	"POST /api/auth/verify": true, "POST /api/auth/password-reset": true, "POST /api/auth/password": true,
	"GET /healthz": true, "GET /readyz": true, "GET /openapi.yaml": true,
	"HEAD /healthz": true, "HEAD /readyz": true, "HEAD /openapi.yaml": true,
	"GET " + loginPage: true, "POST " + loginPage: true, "POST " + logoutPage: true,
}

func (s *Server) routes(reg prometheus.Registerer) error {
	door := edge.Door{
		Accounts: s.accounts,
		Public:   func(method, path string) bool { return public[method+" "+path] },
		Cookie:   func(method, path string) bool { return method == fiber.MethodGet && isStream(path) || isPage(path) },
		Admin:    func(path string) bool { return isPage(path) || strings.HasPrefix(path, "/api/admin/") },
		IsPage:   isPage,
		Page:     func(c *fiber.Ctx) error { return c.Redirect(loginPage, fiber.StatusSeeOther) },
	}
	s.app.Use(edge.Requests(s.base, s.log, edge.NewMetrics(reg), s.fail), door.Guard)
	RegisterHandlers(s.app, s)

	s.app.Get(loginPage, s.showLogin)
	s.app.Post(loginPage, s.adminLogin)
	s.app.Post(logoutPage, s.adminLogout)
	queues, err := dashboards.Asynqmon(queuesPage, s.redis)
	if err != nil {
		return err
	}
	handler := adaptor.HTTPHandler(queues)
	s.app.Use(queuesPage, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentSecurityPolicy, queues.Policy)
		return handler(c)
	})
	return nil
}

func isPage(path string) bool { return strings.HasPrefix(path, "/admin/") }

// isStream tells which routes a browser's EventSource reads.
func isStream(path string) bool {
	return path == "/api/events" || path == "/api/ai/stream" ||
		strings.HasPrefix(path, "/api/jobs/") && strings.HasSuffix(path, "/events")
}
