package api

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

// probeTimeout bounds each check of a probe: who asks gives up after a few seconds.
const probeTimeout = 2 * time.Second

// storageFull is a storage that serves what it has: taking the process out of service would take that away, too.
const storageFull = "full"

//go:embed openapi.yaml
var contract []byte

// Healthz tells that the process is alive.
func (s *Server) Healthz(c *fiber.Ctx) error { return c.JSON(Health{Status: "ok"}) }

// Readyz tells whether the process can do its work.
func (s *Server) Readyz(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), probeTimeout)
	defer cancel()
	checks := map[string]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	probe := func(name string, check func(context.Context) error) {
		wg.Go(func() {
			result := "ok"
			if err := check(ctx); err != nil {
				s.log.Warn("not ready", "check", name, "err", err)
				result = "unavailable"
				if fault.CodeOf(err) == blob.Full {
					result = storageFull
				}
			}
			mu.Lock()
			defer mu.Unlock()
			checks[name] = result
		})
	}
	probe("database", s.pool.Ready)
	probe("storage", s.files.Ready)
	probe("redis", func(ctx context.Context) error { return s.redis.Ping(ctx).Err() })
	wg.Wait()

	health, status := Health{Status: "ok", Checks: &checks}, fiber.StatusOK
	switch {
	case checks["database"] != "ok" || checks["storage"] == "unavailable":
		health.Status, status = "unavailable", fiber.StatusServiceUnavailable
	case checks["redis"] != "ok" || checks["storage"] == storageFull:
		health.Status = "degraded"
	}
	return c.Status(status).JSON(health)
}

// GetContract sends the contract.
func (s *Server) GetContract(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml")
	return c.Send(contract)
}
