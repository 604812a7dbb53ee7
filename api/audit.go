package api

import (
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/audit"
)

const (
	maxAction = 100 // bytes of an action
	maxTarget = 300 // bytes of a target: an id, a name or an address
)

// ListAudit returns a page of what administrators changed.
func (s *Server) ListAudit(c *fiber.Ctx, params ListAuditParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	filter := audit.Filter{Actor: params.Actor, Before: before, Limit: int32(size) + 1}
	if filter.Action, err = word("action", params.Action, maxAction); err != nil {
		return err
	}
	if filter.Target, err = word("target", params.Target, maxTarget); err != nil {
		return err
	}
	entries, err := audit.List(c.UserContext(), s.pool, filter)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	entries, next := cut(entries, size, func(e db.AuditEntry) uuid.UUID { return e.ID })
	page := AuditPage{Items: make([]AuditEntry, len(entries)), Next: next}
	for i, e := range entries {
		page.Items[i] = shownEntry(e)
	}
	return c.JSON(page)
}

func shownEntry(e db.AuditEntry) AuditEntry {
	return AuditEntry{
		ID: e.ID, At: e.At.UTC(), Actor: e.Actor, ActorName: e.ActorName, Action: e.Action, Target: e.Target, Reason: e.Reason,
		Detail: e.Detail,
	}
}
