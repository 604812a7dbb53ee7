package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
)

func (c *console) queuesCommand() *cobra.Command {
	return group("queues", "Look after the queues", c.listQueues(), c.pauseQueue(), c.resumeQueue())
}

func (c *console) listQueues() *cobra.Command {
	number := func(of func(api.Queue) int64) func(api.Queue) string {
		return func(q api.Queue) string { return strconv.FormatInt(of(q), 10) }
	}
	return list[api.Queue]{
		about: about{use: "list", short: "List the queues and how they stand", needs: Whole},
		page: func(ctx context.Context, h House, _ []string, _ page) ([]api.Queue, error) {
			return all(api.ShownQueue)(h.Operations.Queues(ctx))
		},
		columns: []terminal.Column[api.Queue]{
			{Title: "name", Text: func(q api.Queue) string { return q.Name }},
			{Title: "waiting", Text: number(func(q api.Queue) int64 { return q.Waiting + q.InRedis }), Right: true},
			{Title: "at limit", Text: number(func(q api.Queue) int64 { return q.AtLimit }), Right: true},
			{Title: "delayed", Text: number(func(q api.Queue) int64 { return q.Delayed }), Right: true},
			{Title: "running", Text: number(func(q api.Queue) int64 { return q.Running }), Right: true},
			{Title: "dead", Text: number(func(q api.Queue) int64 { return q.Dead }), Right: true},
			{Title: "oldest", Text: func(q api.Queue) string { return seconds(q.OldestSeconds) }, Right: true},
			{Title: "a minute", Text: func(q api.Queue) string { return fmt.Sprintf("%.1f", q.PerMinute) }, Right: true},
			{Title: "workers", Text: number(func(q api.Queue) int64 { return q.Workers }), Right: true},
			{Title: "paused", Text: c.pauseOf, Flex: true},
		},
	}.command(c)
}

func seconds(s *float64) string {
	if s == nil {
		return ""
	}
	return terminal.Took(time.Duration(*s * float64(time.Second)))
}

func (c *console) pauseOf(q api.Queue) string {
	if q.Paused == nil {
		return ""
	}
	return fmt.Sprintf("%s by %s: %s", c.screen.When(q.Paused.Since), q.Paused.By, q.Paused.Reason)
}

func (c *console) pauseQueue() *cobra.Command {
	var reason string
	return action[api.Queue]{
		about: about{
			use: "pause NAME", short: "Have a queue start nothing until it is resumed", args: cobra.ExactArgs(1), needs: Whole,
			example: "  rohrpost admin queues pause mail --reason 'The mail server moves.'",
		},
		flags: func(cmd *cobra.Command) { cmd.Flags().StringVar(&reason, "reason", "", "why (needed)") },
		do: func(ctx context.Context, h House, args []string) (api.Queue, error) {
			state, err := h.Operations.Pause(ctx, c.by, args[0], reason)
			return api.ShownQueue(state), err
		},
		show: func(q api.Queue) { c.screen.Say("The queue %s is paused; %d of its jobs run on.", q.Name, q.Running) },
	}.command(c)
}

func (c *console) resumeQueue() *cobra.Command {
	return action[api.Queue]{
		about: about{use: "resume NAME", short: "Have a paused queue start jobs again", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (api.Queue, error) {
			state, err := h.Operations.Resume(ctx, c.by, args[0])
			return api.ShownQueue(state), err
		},
		show: func(q api.Queue) { c.screen.Say("The queue %s starts jobs.", q.Name) },
	}.command(c)
}

func (c *console) workersCommand() *cobra.Command {
	return group("workers", "See the workers", list[api.Worker]{
		about: about{use: "list", short: "List the living workers, the oldest first", needs: Whole},
		page: func(ctx context.Context, h House, _ []string, _ page) ([]api.Worker, error) {
			return all(api.ShownWorker)(h.Operations.Workers(ctx))
		},
		columns: []terminal.Column[api.Worker]{
			{Title: "id", Text: func(w api.Worker) string { return w.ID.String() }},
			{Title: "host", Text: func(w api.Worker) string { return w.Host }, Flex: true},
			{Title: "pid", Text: func(w api.Worker) string { return strconv.Itoa(int(w.Pid)) }, Right: true},
			{Title: "since", Text: func(w api.Worker) string { return c.screen.When(w.StartedAt) }},
			{Title: "running", Text: func(w api.Worker) string { return fmt.Sprintf("%d/%d", len(w.Running), w.Concurrency) }, Right: true},
			{Title: "queues", Text: func(w api.Worker) string { return strings.Join(slices.Sorted(maps.Keys(w.Queues)), " ") }, Flex: true},
		},
	}.command(c))
}
