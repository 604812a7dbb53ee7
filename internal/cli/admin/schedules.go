package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/audit"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/schedule"
)

func (c *console) schedulesCommand() *cobra.Command {
	return group("schedules", "Look after what starts by the clock",
		c.listSchedules(), c.showSchedule(), c.listRuns(), c.runSchedule(),
		c.setSchedule("pause", "Have a schedule start nothing until it is resumed", (*schedule.Service).Pause),
		c.setSchedule("resume", "Have a paused schedule go on from now", (*schedule.Service).Resume),
		c.createSchedule(), c.changeSchedule(), c.deleteSchedule(),
	)
}

func (c *console) listSchedules() *cobra.Command {
	return list[api.Schedule]{
		about: about{use: "list", short: "List the schedules, by name"},
		page: func(ctx context.Context, h House, _ []string, _ page) ([]api.Schedule, error) {
			return all(api.ShownSchedule)(h.Schedules.List(ctx))
		},
		columns: []terminal.Column[api.Schedule]{
			{Title: "name", Text: func(s api.Schedule) string { return s.Name }},
			{Title: "cron", Text: func(s api.Schedule) string { return s.Cron }},
			{Title: "zone", Text: func(s api.Schedule) string { return s.Zone }},
			{Title: "kind", Text: func(s api.Schedule) string { return s.Kind }},
			{Title: "next", Text: c.nextOf},
			{Title: "last", Text: c.lastOf},
			{Title: "trouble", Text: func(s api.Schedule) string { return value(s.Trouble) }, Flex: true},
		},
	}.command(c)
}

func (c *console) nextOf(s api.Schedule) string {
	switch {
	case s.Paused:
		return "paused"
	case len(s.Next) == 0:
		return "-"
	}
	return c.screen.When(s.Next[0])
}

func (c *console) lastOf(s api.Schedule) string {
	if s.Last == nil {
		return "-"
	}
	return fmt.Sprintf("%s %s", c.screen.When(s.Last.Tick), value(s.Last.State))
}

func (c *console) showSchedule() *cobra.Command {
	return action[api.Schedule]{
		about: about{use: "show NAME", short: "Show a schedule", args: cobra.ExactArgs(1)},
		do: func(ctx context.Context, h House, args []string) (api.Schedule, error) {
			found, err := h.Schedules.Get(ctx, args[0])
			return api.ShownSchedule(found), err
		},
		show: c.describeSchedule,
	}.command(c)
}

func (c *console) describeSchedule(s api.Schedule) {
	next, builtin, last, job := "", "", "", ""
	for _, tick := range s.Next {
		next += c.screen.When(tick) + "\n"
	}
	if s.Builtin {
		builtin = "yes, it can be changed and paused, not deleted"
	}
	if s.Last != nil {
		last, job = c.lastOf(s), s.Last.JobID.String()
	}
	if s.Paused {
		next = "paused"
	}
	c.screen.Fields(
		terminal.Field{Title: "name", Value: s.Name},
		terminal.Field{Title: "cron", Value: s.Cron},
		terminal.Field{Title: "zone", Value: s.Zone},
		terminal.Field{Title: "kind", Value: s.Kind},
		terminal.Field{Title: "args", Value: terminal.Laid(s.Args)},
		terminal.Field{Title: "catch-up", Value: s.CatchUp},
		terminal.Field{Title: "built-in", Value: builtin},
		terminal.Field{Title: "trouble", Value: value(s.Trouble)},
		terminal.Field{Title: "next", Value: next},
		terminal.Field{Title: "last", Value: last},
		terminal.Field{Title: "last job", Value: job},
	)
}

// run is a tick that started a job.
type run struct {
	api.ScheduleRun
	FiredAt    time.Time  `json:"fired_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

func shownRun(r schedule.Run) run {
	shown := api.ShownSchedule(schedule.Schedule{Last: &r})
	return run{*shown.Last, r.FiredAt.UTC(), inUTC(r.StartedAt), inUTC(r.FinishedAt)}
}

func (c *console) listRuns() *cobra.Command {
	return list[run]{
		about: about{use: "runs NAME", short: "List what a schedule started, the latest first", args: cobra.ExactArgs(1)},
		page: func(ctx context.Context, h House, args []string, p page) ([]run, error) {
			var before time.Time
			if p.after != "" {
				var err error
				if before, err = timeOf("--next", p.after); err != nil {
					return nil, err
				}
			}
			return all(shownRun)(h.Schedules.Runs(ctx, args[0], before, p.limit))
		},
		cursor: func(r run) string { return r.Tick.Format(time.RFC3339Nano) },
		columns: []terminal.Column[run]{
			{Title: "tick", Text: func(r run) string { return c.screen.When(r.Tick) }},
			{Title: "by hand", Text: func(r run) string { return map[bool]string{true: "yes"}[r.Manual] }},
			{Title: "job", Text: func(r run) string { return r.JobID.String() }},
			{Title: "state", Text: func(r run) string { return string(value(r.State)) }},
			{Title: "finished", Text: func(r run) string { return c.screen.WhenOr(r.FinishedAt, "-") }},
			{Title: "error", Text: func(r run) string {
				if r.Error == nil {
					return ""
				}
				return r.Error.Code + ": " + r.Error.Message
			}, Flex: true},
		},
	}.command(c)
}

func (c *console) runSchedule() *cobra.Command {
	return start{
		about: about{use: "run NAME", short: "Start a schedule's job now; its ticks come as before", args: cobra.ExactArgs(1)},
		start: func(ctx context.Context, h House, args []string) (uuid.UUID, error) {
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				job, err := h.Schedules.RunNow(ctx, tx, c.by, args[0])
				return job.ID, err
			})
		},
	}.command(c)
}

// reschedule changes a schedule.
func reschedule(ctx context.Context, h House, change func(tx pgx.Tx) (schedule.Schedule, error)) (api.Schedule, error) {
	return inTx(ctx, h, func(tx pgx.Tx) (api.Schedule, error) {
		changed, err := change(tx)
		return api.ShownSchedule(changed), err
	})
}

func (c *console) setSchedule(use, short string,
	set func(*schedule.Service, context.Context, pgx.Tx, audit.Actor, string) (schedule.Schedule, error)) *cobra.Command {
	return action[api.Schedule]{
		about: about{use: use + " NAME", short: short, args: cobra.ExactArgs(1)},
		do: func(ctx context.Context, h House, args []string) (api.Schedule, error) {
			return reschedule(ctx, h, func(tx pgx.Tx) (schedule.Schedule, error) {
				return set(h.Schedules, ctx, tx, c.by, args[0])
			})
		},
		show: c.describeSchedule,
	}.command(c)
}

func (c *console) createSchedule() *cobra.Command {
	var spec schedule.Spec
	var arguments string
	return action[api.Schedule]{
		about: about{
			use: "create NAME", short: "Add a schedule", args: cobra.ExactArgs(1),
			example: `  rohrpost admin schedules create sweep-jobs --cron '15 4 * * sun' --zone Europe/Berlin \` + "\n" +
				`    --kind cleanup:sweep --args '{"only": ["jobs"]}'`,
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&spec.Cron, "cron", "", "when it ticks (needed): minute hour day month weekday")
			cmd.Flags().StringVar(&spec.Zone, "zone", "UTC", "the time zone that is meant, by its IANA name")
			cmd.Flags().StringVar(&spec.Kind, "kind", "", "of the jobs that it starts (needed)")
			cmd.Flags().StringVar(&arguments, "args", "", "of these jobs, a JSON object")
			cmd.Flags().StringVar(&spec.CatchUp, "catch-up", schedule.CatchUpOnce, "what becomes of missed ticks: skip, once or all")
		},
		do: func(ctx context.Context, h House, args []string) (api.Schedule, error) {
			spec.Name, spec.Args = args[0], json.RawMessage(arguments)
			return reschedule(ctx, h, func(tx pgx.Tx) (schedule.Schedule, error) {
				return h.Schedules.Create(ctx, tx, c.by, spec)
			})
		},
		show: c.describeSchedule,
	}.command(c)
}

func (c *console) changeSchedule() *cobra.Command {
	var cron, zone, catchUp, arguments string
	var cmd *cobra.Command
	cmd = action[api.Schedule]{
		about: about{use: "change NAME", short: "Change a schedule", args: cobra.ExactArgs(1)},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&cron, "cron", "", "when it ticks: minute hour day month weekday")
			cmd.Flags().StringVar(&zone, "zone", "", "the time zone that is meant, by its IANA name")
			cmd.Flags().StringVar(&catchUp, "catch-up", "", "what becomes of missed ticks: skip, once or all")
			cmd.Flags().StringVar(&arguments, "args", "", "of the jobs, a JSON object")
		},
		do: func(ctx context.Context, h House, args []string) (api.Schedule, error) {
			change := schedule.Change{
				Cron: given(cmd, "cron", &cron), Zone: given(cmd, "zone", &zone), CatchUp: given(cmd, "catch-up", &catchUp),
			}
			if cmd.Flags().Changed("args") {
				change.Args = json.RawMessage(arguments)
			}
			if change.Cron == nil && change.Zone == nil && change.CatchUp == nil && change.Args == nil {
				return api.Schedule{}, terminal.Misused("Say what to change: --cron, --zone, --catch-up or --args.")
			}
			return reschedule(ctx, h, func(tx pgx.Tx) (schedule.Schedule, error) {
				return h.Schedules.Change(ctx, tx, c.by, args[0], change)
			})
		},
		show: c.describeSchedule,
	}.command(c)
	return cmd
}

// deleted is what is gone.
type deleted struct {
	Deleted string `json:"deleted"`
}

func (c *console) deleteSchedule() *cobra.Command {
	return action[deleted]{
		about: about{
			use: "delete NAME", short: "Delete a schedule and what is known of its ticks", args: cobra.ExactArgs(1),
			ask: func(args []string) string {
				return fmt.Sprintf("The schedule %s is deleted, with the list of what it started.", args[0])
			},
		},
		do: func(ctx context.Context, h House, args []string) (deleted, error) {
			return inTx(ctx, h, func(tx pgx.Tx) (deleted, error) {
				return deleted{args[0]}, h.Schedules.Delete(ctx, tx, c.by, args[0])
			})
		},
		show: func(d deleted) { c.screen.Say("The schedule %s is gone.", d.Deleted) },
	}.command(c)
}
