package admin

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rohrpost/api"
	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// see follows a job that was started, tells what came of it, and fails if the job did. Or it only tells its id.
func (c *console) see(ctx context.Context, h House, id uuid.UUID, noWait bool) error {
	if noWait {
		return c.accepted(id)
	}
	over, err := c.follow(ctx, h, id)
	if err != nil {
		return leftAlone(ctx, id, err)
	}
	return c.outcome(over)
}

// accepted tells which job was started.
func (c *console) accepted(id uuid.UUID) error {
	if c.screen.JSON {
		return c.screen.Document(api.JobStarted(id))
	}
	c.screen.Say("%s", id)
	c.screen.Hint("Follow it: rohrpost admin jobs follow %s", id)
	return nil
}

// leftAlone says, where somebody pressed Ctrl-C, that the job goes on.
func leftAlone(ctx context.Context, id uuid.UUID, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return terminal.Problem{
		Code: string(fault.Cancelled), Exit: terminal.Interrupted,
		Message: fmt.Sprintf("Not followed any more; the job goes on. To follow it again: rohrpost admin jobs follow %s", id),
	}
}

// outcome tells what came of a job that is over. One that failed or was cancelled is an error with its code.
func (c *console) outcome(over db.Job) error {
	if over.State == queue.Succeeded {
		if !c.screen.JSON { // programs were told as it happened
			kinds[over.Kind].showResult(c.screen, over.Result)
		}
		return nil
	}
	what := map[string]string{queue.Failed: "failed", queue.Cancelled: "was cancelled"}[over.State]
	code, why := value(over.ErrorCode), value(over.ErrorMessage)
	return terminal.Problem{
		Code: code, Exit: terminal.Failure, Message: fmt.Sprintf("The job %s %s: %s (%s)", over.ID, what, why, code),
	}
}
