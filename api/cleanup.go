package api

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/internal/audit"
	"rohrpost/internal/cleanup"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Sweep starts a sweep, for the admin. Whether it may delete has to be said.
func (s *Server) Sweep(c *fiber.Ctx, params SweepParams) error {
	var body Cleanup
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if err := needs("dry_run", body.DryRun != nil); err != nil {
		return err
	}
	args := tasks.SweepArgs{DryRun: *body.DryRun}
	if body.Only != nil {
		args.Only = *body.Only
	}
	return s.enqueue(c, order{"POST /api/admin/cleanup", params.IdempotencyKey, body},
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (queue.Record, error) {
			return cleanup.Ask(ctx, tx, by, args)
		})
}
