package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/operations"
	"rohrpost/internal/queue"
)

type job = api.AdminJob

func shownJob(j db.Job) job { return api.ShownAdminJob(j, nil) }

func (c *console) jobsCommand() *cobra.Command {
	return group("jobs", "Look after jobs, whoever they belong to",
		c.listJobs(), c.showJob(), c.followJob(), c.cancelJob(), c.retryJob(), c.discardJob())
}

func (c *console) listJobs() *cobra.Command {
	var state, kind, queueName, owner string
	return list[job]{
		about: about{
			use: "list", short: "List the jobs, the newest first", needs: Whole,
			example: "  rohrpost admin jobs list --state failed --kind mail:send",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&state, "state", "", "only these: queued, running, succeeded, failed or cancelled")
			cmd.Flags().StringVar(&kind, "kind", "", "only jobs of this kind, such as file:scan")
			cmd.Flags().StringVar(&queueName, "queue", "", "only jobs of this queue")
			cmd.Flags().StringVar(&owner, "owner", "", "only jobs of the account with this id or address, or of system")
		},
		page: func(ctx context.Context, h House, _ []string, p page) ([]job, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			if err := oneOf("--state", state, queue.Queued, queue.Running, queue.Succeeded, queue.Failed,
				queue.Cancelled); err != nil {
				return nil, err
			}
			search := queue.Search{
				State: some(state), Kind: some(kind), Queue: some(queueName), Before: before, Limit: p.limit,
			}
			switch owner {
			case "":
			case "system":
				search.Owner = &queue.System
			default:
				user, err := h.Accounts.Find(ctx, owner)
				if err != nil {
					return nil, err
				}
				search.Owner = &user.ID
			}
			return all(shownJob)(searchJobs(ctx, h, search))
		},
		cursor:  func(j job) string { return j.ID.String() },
		columns: c.jobColumns(),
	}.command(c)
}

// searchJobs goes on until the page is full: a person who typed a filter wants what there is, however old.
func searchJobs(ctx context.Context, h House, search queue.Search) (found []db.Job, err error) {
	for {
		jobs, next, err := h.Engine.Search(ctx, search)
		if err != nil {
			return nil, err
		}
		found = append(found, jobs...)
		search.Limit -= int32(len(jobs))
		search.Before = next
		if search.Limit <= 0 || next == uuid.Nil {
			return found, nil
		}
	}
}

func (c *console) jobColumns() []terminal.Column[job] {
	return []terminal.Column[job]{
		{Title: "id", Text: func(j job) string { return j.ID.String() }},
		{Title: "kind", Text: func(j job) string { return j.Kind }},
		{Title: "state", Text: func(j job) string { return string(j.State) }},
		{Title: "attempt", Text: func(j job) string { return fmt.Sprintf("%d/%d", j.Attempt, j.MaxAttempts) }, Right: true},
		{Title: "created", Text: func(j job) string { return c.screen.When(j.CreatedAt) }},
		{Title: "took", Text: tookOf, Right: true},
		{Title: "error", Text: errorOf, Flex: true},
	}
}

// tookOf is how long a job ran that is over.
func tookOf(j job) string {
	if j.StartedAt == nil || j.FinishedAt == nil {
		return ""
	}
	return terminal.Took(j.FinishedAt.Sub(*j.StartedAt))
}

func errorOf(j job) string {
	if j.Error == nil {
		return ""
	}
	return j.Error.Code + ": " + j.Error.Message
}

func (c *console) showJob() *cobra.Command {
	return action[job]{
		about: about{use: "show ID", short: "Show a job", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (job, error) {
			id, err := idOf(args[0])
			if err != nil {
				return job{}, err
			}
			found, err := h.Engine.Find(ctx, id)
			if err != nil {
				return job{}, err
			}
			waiting, err := h.Engine.Waiting(ctx, found)
			return api.ShownAdminJob(found, waiting), err
		},
		show: c.describeJob,
	}.command(c)
}

func (c *console) describeJob(j job) {
	owner := "system"
	if j.Owner != queue.System {
		owner = j.Owner.String()
	}
	due := ""
	if j.State == queue.Queued && j.RunAt.After(time.Now()) {
		due = c.screen.When(j.RunAt)
	}
	c.screen.Fields(
		terminal.Field{Title: "id", Value: j.ID.String()},
		terminal.Field{Title: "kind", Value: j.Kind},
		terminal.Field{Title: "queue", Value: j.Queue},
		terminal.Field{Title: "owner", Value: owner},
		terminal.Field{Title: "state", Value: string(j.State)},
		terminal.Field{Title: "waits", Value: c.waitingOf(j)},
		terminal.Field{Title: "discarded", Value: c.screen.WhenOr(j.DiscardedAt, "")},
		terminal.Field{Title: "attempt", Value: fmt.Sprintf("%d of %d", j.Attempt, j.MaxAttempts)},
		terminal.Field{Title: "crashes", Value: unlessZero(j.Crashes)},
		terminal.Field{Title: "error", Value: errorOf(j)},
		terminal.Field{Title: "created", Value: c.screen.When(j.CreatedAt)},
		terminal.Field{Title: "not before", Value: due},
		terminal.Field{Title: "started", Value: c.screen.WhenOr(j.StartedAt, "")},
		terminal.Field{Title: "finished", Value: c.screen.WhenOr(j.FinishedAt, "")},
		terminal.Field{Title: "took", Value: tookOf(j)},
		terminal.Field{Title: "worker", Value: idText(j.WorkerID)},
		terminal.Field{Title: "args", Value: terminal.Laid(j.Args)},
		terminal.Field{Title: "progress", Value: terminal.Laid(j.Progress)},
		terminal.Field{Title: "result", Value: terminal.Laid(j.Result)},
	)
}

// waitingOf says why a job waits, and for how long perhaps.
func (c *console) waitingOf(j job) string {
	if j.Waiting == nil {
		return ""
	}
	text := j.Waiting.Detail
	if start := j.Waiting.EstimatedStart; start != nil {
		text += "\nIt may start at " + c.screen.When(*start) + "."
	}
	return text
}

func unlessZero(n int32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func (c *console) cancelJob() *cobra.Command {
	return c.changeJob("cancel", "Cancel a job, wherever it waits or runs", "is cancelled", (*operations.Service).Cancel)
}

func (c *console) discardJob() *cobra.Command {
	return c.changeJob("discard", "Take a failed job out of the dead letters", "is discarded", (*operations.Service).Discard)
}

func (c *console) changeJob(use, short, done string,
	change func(*operations.Service, context.Context, audit.Actor, uuid.UUID) (db.Job, error)) *cobra.Command {
	return action[job]{
		about: about{use: use + " ID", short: short, args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (job, error) {
			id, err := idOf(args[0])
			if err != nil {
				return job{}, err
			}
			changed, err := change(h.Operations, ctx, c.by, id)
			return shownJob(changed), err
		},
		show: func(j job) { c.screen.Say("Job %s %s.", j.ID, done) },
	}.command(c)
}

func (c *console) retryJob() *cobra.Command {
	return start{
		about: about{
			use: "retry ID", short: "Run a job again that failed or was cancelled, with all its attempts",
			args: cobra.ExactArgs(1), needs: Whole,
		},
		start: func(ctx context.Context, h House, args []string) (uuid.UUID, error) {
			id, err := idOf(args[0])
			if err == nil {
				_, err = h.Operations.Retry(ctx, c.by, id)
			}
			return id, err
		},
	}.command(c)
}

func (c *console) followJob() *cobra.Command {
	about := about{
		use: "follow ID", short: "Follow a job to its end", args: cobra.ExactArgs(1),
		long: "Follow a job to its end: live where REDIS_URL says where Redis is, else by looking at its record. Ctrl-C stops\n" +
			"following it, not the job.",
	}
	cmd := about.command()
	cmd.RunE = c.run(cmd, about, func(ctx context.Context, h House, args []string) error {
		id, err := idOf(args[0])
		if err != nil {
			return err
		}
		return c.see(ctx, h, id, false)
	})
	return cmd
}
